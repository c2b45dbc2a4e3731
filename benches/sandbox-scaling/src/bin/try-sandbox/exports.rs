//! The functions that a file exports: the default function to call, and error messages for a named function
//! that is missing.

use std::path::Path;

use wasmtime::{
    Engine, ExternType, Module,
    component::{self, Component, ComponentExportIndex, types::ComponentItem},
};

use super::{args, refusal::Refusal};

/// The export of a WASI preview 1 command.
pub(super) const START: &str = "_start";
/// The export of a WASI preview 1 library that must be called first.
pub(super) const INITIALIZE: &str = "_initialize";
/// The export of a WASI preview 2 command, of any version.
pub(super) const RUN: &str = "wasi:cli/run#run";

/// The maximum number of names in a message.
const LISTED: usize = 8;

/// A component's function and its arguments.
pub(super) struct Lifted {
    /// Its export.
    pub(super) export: ComponentExportIndex,
    /// Its arguments.
    pub(super) args: Vec<component::Val>,
    /// Its number of results.
    pub(super) results: usize,
}

/// The names of a core module's exported functions.
pub(super) fn functions_of(module: &Module) -> impl Iterator<Item = &str> {
    module.exports().filter(|export| matches!(export.ty(), ExternType::Func(_))).map(|export| export.name())
}

/// A component's function by its name, or by `INTERFACE#NAME`; the interface's version may be left out.
///
/// # Errors
/// When the function does not exist, or the arguments do not match.
pub(super) fn lifted(component: &Component, name: &str, given: &[String]) -> Result<Lifted, Refusal> {
    let functions = functions(component);
    let found = functions.iter().find(|function| function.is_called(name));
    let Some(Function { export, ty, .. }) = found else {
        return Err(absent(name, functions.iter().map(Function::full_name)));
    };
    let types: Vec<component::Type> = ty.params().map(|(_, ty)| ty).collect();
    let words: Vec<String> = types.iter().map(|ty| args::name(ty).to_owned()).collect();
    expect_count(name, &words, given.len())?;
    let read = given.iter().zip(&types).map(|(text, ty)| args::lifted(text, ty));
    let args = read.collect::<Result<_, _>>().map_err(|problem| bad_argument(name, &problem))?;
    Ok(Lifted { export: *export, args, results: ty.results().len() })
}

/// Whether a compiled file is a command, which is run if no function is named.
///
/// # Errors
/// When the file cannot be mapped.
pub(super) fn is_command(engine: &Engine, compiled: &Path, component: bool) -> wasmtime::Result<bool> {
    Ok(match component {
        // SAFETY: the file comes from the cache, which verified its checksum, and was made by this wasmtime.
        true => functions(&unsafe { Component::deserialize_file(engine, compiled) }?)
            .iter()
            .any(|function| function.is_called(RUN)),
        // SAFETY: as above.
        false => functions_of(&unsafe { Module::deserialize_file(engine, compiled) }?).any(|name| name == START),
    })
}

/// One function of a component.
struct Function {
    interface: Option<String>,
    name: String,
    export: ComponentExportIndex,
    ty: component::types::ComponentFunc,
}

impl Function {
    /// Whether `asked` is its name, or `INTERFACE#NAME` with or without the interface's version.
    fn is_called(&self, asked: &str) -> bool {
        match (asked.split_once('#'), &self.interface) {
            (None, _) => self.name == asked,
            (Some((interface, name)), Some(own)) => {
                let is_interface = own == interface || own.split('@').next() == Some(interface);
                is_interface && self.name == name
            }
            (Some(_), None) => false,
        }
    }

    fn full_name(&self) -> String {
        self.interface.as_ref().map_or_else(|| self.name.clone(), |interface| format!("{interface}#{}", self.name))
    }
}

/// All exported functions: top-level ones first, then those of interfaces.
fn functions(component: &Component) -> Vec<Function> {
    let engine: &Engine = component.engine();
    let ty = component.component_type();
    let mut functions = Vec::new();
    let mut nested = Vec::new();
    for (name, item) in ty.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => {
                functions.extend(component.get_export_index(None, name).map(|export| Function {
                    interface: None,
                    name: name.to_owned(),
                    export,
                    ty,
                }))
            }
            ComponentItem::ComponentInstance(instance) => {
                let Some(interface) = component.get_export_index(None, name) else { continue };
                for (function, item) in instance.exports(engine) {
                    let ComponentItem::ComponentFunc(ty) = item.ty else { continue };
                    let export = component.get_export_index(Some(&interface), function);
                    nested.extend(export.map(|export| Function {
                        interface: Some(name.to_owned()),
                        name: function.to_owned(),
                        export,
                        ty,
                    }));
                }
            }
            _ => {}
        }
    }
    functions.extend(nested);
    functions
}

/// The error for a missing function, which lists the existing ones.
pub(super) fn absent(name: &str, there: impl Iterator<Item = String>) -> Refusal {
    let there: Vec<String> = there.collect();
    let listed: Vec<String> = there.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    let rest = match there.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Refusal::Call(match listed.is_empty() {
        true => format!("it exports no function `{name}`, nor any other"),
        false => format!("it exports no function `{name}`; there are {}{rest}", listed.join(", ")),
    })
}

/// Checks the number of arguments.
pub(super) fn expect_count(name: &str, types: &[String], given: usize) -> Result<(), Refusal> {
    if types.len() == given {
        return Ok(());
    }
    let takes = match types.len() {
        0 => "no arguments".to_owned(),
        1 => format!("1 argument ({})", types[0]),
        count => format!("{count} arguments ({})", types.join(", ")),
    };
    Err(Refusal::Call(format!("`{name}` takes {takes}, and --args has {given}")))
}

/// The error for an invalid argument.
pub(super) fn bad_argument(name: &str, problem: &str) -> Refusal {
    Refusal::Call(format!("`{name}`: {problem}"))
}
