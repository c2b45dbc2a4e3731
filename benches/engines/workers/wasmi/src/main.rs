//! The worker of wasmi, an interpreter that translates a module to its own code.

use std::{path::Path, process::ExitCode};

use engine_worker::{CaseResult, Compiler};
use wasmi::{Instance, Module, Store};

struct Engine(wasmi::Engine);

impl engine_worker::Engine for Engine {
    type Module = Module;
    type Instance = (Store<()>, Instance);

    fn new(_: Option<Compiler>) -> CaseResult<Self> {
        Ok(Self(wasmi::Engine::default()))
    }

    fn precompile(&self, _: &[u8]) -> CaseResult<Vec<u8>> {
        Err("wasmi has no file format for its code".into())
    }

    fn compile(&self, wasm: &[u8]) -> CaseResult<Module> {
        Ok(Module::new(&self.0, wasm)?)
    }

    fn load(&self, _: &Path) -> CaseResult<Module> {
        Err("wasmi has no file format for its code".into())
    }

    fn instantiate(&self, module: &Module) -> CaseResult<Self::Instance> {
        let mut store = Store::new(&self.0, ());
        let instance = Instance::new(&mut store, module, &[])?;
        Ok((store, instance))
    }

    fn call((store, instance): &mut Self::Instance) -> CaseResult {
        Ok(instance.get_typed_func::<(), ()>(&*store, "run")?.call(store, ())?)
    }
}

fn main() -> ExitCode {
    engine_worker::main::<Engine>()
}
