//! Runs a program: it is loaded once and instantiated any number of times. Each sandbox is a store with one instance.
//!
//! WASI is asynchronous, so a tokio runtime drives every call. It is a current-thread runtime, shared by all sandboxes
//! of a [`Loaded`], and starts no threads. Each call runs on a separate stack, which is freed when the call returns.

use std::path::PathBuf;
use std::rc::Rc;

use tokio::runtime::{Builder, Runtime};
use wasmtime::component::{Component, ComponentType, Instance, InstancePre, Lift, Linker, TypedFunc};
use wasmtime::{Config, Engine, Result, Store};

use crate::wasi::{self, State};
use crate::{Abi, Error, Program};

/// Enables the engine features that the programs need.
pub fn configure(config: &mut Config) -> &mut Config {
    config.wasm_component_model_async(true)
}

/// A program that is ready to be instantiated.
pub struct Loaded {
    program: &'static Program,
    folders: Vec<PathBuf>,
    runtime: Rc<Runtime>,
    pre: InstancePre<State>,
}

/// An instance of a program.
pub struct Sandbox {
    program: &'static Program,
    runtime: Rc<Runtime>,
    store: Store<State>,
    instance: Instance,
    execute: Execute,
}

/// What later runtimes of eryx return: output as bytes, or an error.
type EryxResult = (std::result::Result<ExecuteOutput<Vec<u8>>, String>,);

/// The function that executes code.
#[derive(Clone, Copy)]
enum Execute {
    Eryx(TypedFunc<(String,), (std::result::Result<ExecuteOutput<String>, String>,)>),
    EryxBytes(TypedFunc<(String,), EryxResult>),
    Run(TypedFunc<(String,), (std::result::Result<String, String>,)>),
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct ExecuteOutput<T> {
    stdout: T,
    #[expect(dead_code, reason = "part of the record")]
    stderr: T,
    #[component(name = "result-json")]
    #[expect(dead_code, reason = "part of the record")]
    result_json: String,
    #[component(name = "result-error")]
    #[expect(dead_code, reason = "part of the record")]
    result_error: String,
}

impl Loaded {
    /// Maps the files from [`Program::files`], for an engine with the same settings.
    pub fn open(engine: &Engine, program: &'static Program, files: &[PathBuf]) -> std::result::Result<Self, Error> {
        let (compiled, folders) = files.split_first().ok_or_else(|| Error::Engine {
            action: "load",
            program: program.name,
            source: "it has no files: `Program::files` returns them".into(),
        })?;
        // SAFETY: the file comes from the cache, which verified its checksum. It was compiled by wasmtime, which
        // rejects code compiled with other settings. Nothing writes to the cache while workers run.
        let component = unsafe { Component::deserialize_file(engine, compiled) };
        component
            .and_then(|component| Self::new(&component, program, folders.to_vec()))
            .map_err(Error::engine("load", program.name))
    }

    /// Like [`Loaded::open`], with a component that the caller loaded, for example from bytes. `folders` are the other
    /// files.
    pub fn new(component: &Component, program: &'static Program, folders: Vec<PathBuf>) -> Result<Self> {
        let mut linker = Linker::new(component.engine());
        wasi::link(&mut linker, program.abi)?;
        let runtime = Rc::new(Builder::new_current_thread().enable_time().build()?);
        Ok(Self { program, folders, runtime, pre: linker.instantiate_pre(component)? })
    }

    /// The component, for its image's address range and its resource requirements in a pool.
    pub fn component(&self) -> &Component {
        self.pre.component()
    }

    /// Creates a fresh sandbox.
    pub fn instantiate(&self) -> std::result::Result<Sandbox, Error> {
        self.start().map_err(Error::engine("instantiate", self.program.name))
    }

    fn start(&self) -> Result<Sandbox> {
        let state = State::new(self.program, &self.folders)?;
        let mut store = Store::new(self.pre.engine(), state);
        let instance = self.runtime.block_on(self.pre.instantiate_async(&mut store))?;
        let execute = match self.program.abi {
            Abi::Eryx => Execute::Eryx(instance.get_typed_func(&mut store, "execute")?),
            Abi::EryxBytes => Execute::EryxBytes(instance.get_typed_func(&mut store, "execute")?),
            Abi::Run => Execute::Run(instance.get_typed_func(&mut store, "run")?),
        };
        Ok(Sandbox { program: self.program, runtime: Rc::clone(&self.runtime), store, instance, execute })
    }
}

impl Sandbox {
    /// Executes code and returns its output without the final newline; in JavaScript, its value. Names that it defines
    /// remain defined.
    pub fn execute(&mut self, code: &str) -> std::result::Result<String, Error> {
        let code = (code.to_owned(),);
        let store = &mut self.store;
        let result = self.runtime.block_on(async {
            Ok(match &self.execute {
                Execute::Eryx(execute) => execute.call_async(store, code).await?.0.map(|output| output.stdout),
                Execute::EryxBytes(execute) => {
                    let output = execute.call_async(store, code).await?.0;
                    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                }
                Execute::Run(run) => run.call_async(store, code).await?.0,
            })
        });
        match result {
            // Some programs already omit the final newline.
            Ok(Ok(printed)) => Ok(printed.trim_end_matches('\n').to_owned()),
            Ok(Err(said)) => Err(Error::Code(said)),
            Err(error) => Err(self.trapped(error)),
        }
    }

    /// The engine's error, with the program's output on standard error.
    fn trapped(&self, error: wasmtime::Error) -> Error {
        let said = self.store.data().stderr();
        let error = if said.is_empty() { error } else { error.context(said) };
        Error::engine("run", self.program.name)(error)
    }

    /// Makes the program drop its state about the host before a snapshot.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let finish = self.instance.get_typed_func::<(), ()>(&mut self.store, "finalize-preinit")?;
        self.runtime.block_on(finish.call_async(&mut self.store, ()))
    }

    /// Splits the sandbox into its parts, for a snapshot.
    pub(crate) fn into_parts(self) -> (Rc<Runtime>, Store<State>, Instance) {
        (self.runtime, self.store, self.instance)
    }
}
