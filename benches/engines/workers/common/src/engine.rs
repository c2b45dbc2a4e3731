//! The calls that a worker implements with its engine.

use std::{ops::Range, path::Path};

use highwater_worker::{CaseResult, NotRun};

use crate::{Call, HostGuest, Limited, Route};

/// A compiler, for an engine that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// Optimises.
    Cranelift,
    /// wasmtime's compiler of one pass.
    Winch,
    /// Cranelift's output for wasmtime's interpreter.
    Pulley,
    /// wasmer's compiler of one pass.
    Singlepass,
}

impl Compiler {
    /// All compilers.
    pub(crate) const ALL: [Self; 4] = [Self::Cranelift, Self::Winch, Self::Pulley, Self::Singlepass];

    /// The value in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Winch => "winch",
            Self::Pulley => "pulley",
            Self::Singlepass => "singlepass",
        }
    }
}

/// An engine with its defaults: features that a worker's manifest leaves out are its only settings.
pub trait Engine: Sized {
    /// A module, which instances share.
    type Module;
    /// An instance in its own store.
    type Instance;

    /// Creates the engine.
    ///
    /// # Errors
    /// If the engine lacks the compiler.
    fn new(compiler: Option<Compiler>) -> CaseResult<Self>;

    /// Compiles a module for [`Engine::load`] in another process.
    ///
    /// # Errors
    /// If the module cannot be compiled, or the engine has no format for files.
    fn precompile(&self, wasm: &[u8]) -> CaseResult<Vec<u8>>;

    /// Compiles a module.
    ///
    /// # Errors
    /// If the module cannot be compiled.
    fn compile(&self, wasm: &[u8]) -> CaseResult<Self::Module>;

    /// Loads a file that [`Engine::precompile`] made.
    ///
    /// # Errors
    /// If the file cannot be read, or another engine made it.
    fn load(&self, path: &Path) -> CaseResult<Self::Module>;

    /// Where the module's code is, if the engine shows it.
    fn code(_: &Self::Module) -> Option<Range<usize>> {
        None
    }

    /// Creates a store with an instance of a module without imports.
    ///
    /// # Errors
    /// If the engine cannot create it.
    fn instantiate(&self, module: &Self::Module) -> CaseResult<Self::Instance>;

    /// Where the instance's memory is, if it is a mapping of its own and not a block of the heap. A host looks it up, too,
    /// so that what this allocates is part of the instance's cost.
    fn memory(_: &mut Self::Instance) -> Option<Range<usize>> {
        None
    }

    /// Calls the exported function `run`.
    ///
    /// # Errors
    /// If it is missing, or traps.
    fn call(instance: &mut Self::Instance) -> CaseResult;

    /// Calls any exported function, whose types are known only now, and ignores its results.
    ///
    /// # Errors
    /// If it is missing, has other arguments, or traps.
    fn invoke(instance: &mut Self::Instance, call: &Call) -> CaseResult;

    /// Creates a guest that makes its host keep memory, with these limits.
    ///
    /// # Errors
    /// [`NotRun`] if the engine has no such limit; any other if the guest cannot be created.
    fn host_guest(&self, _: &Self::Module, _: Route, _: Limited) -> CaseResult<Box<dyn HostGuest>> {
        Err(NotRun("its worker has no cases of `host`".to_owned()).into())
    }
}
