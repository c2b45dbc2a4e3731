//! The worker of tinywasm, an interpreter in safe Rust. Its precompiled form is its own code, `twasm`.

use std::{path::Path, process::ExitCode};

use engine_worker::{CaseResult, Compiler};
use tinywasm::{Module, ModuleInstance, Store};

struct Engine(tinywasm::Engine);

impl engine_worker::Engine for Engine {
    type Module = Module;
    type Instance = (Store, ModuleInstance);

    fn new(_: Option<Compiler>) -> CaseResult<Self> {
        Ok(Self(tinywasm::Engine::default()))
    }

    fn precompile(&self, wasm: &[u8]) -> CaseResult<Vec<u8>> {
        Ok(self.compile(wasm)?.serialize_twasm()?)
    }

    fn compile(&self, wasm: &[u8]) -> CaseResult<Module> {
        Ok(tinywasm::parse_bytes(wasm)?)
    }

    fn load(&self, path: &Path) -> CaseResult<Module> {
        let code = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Module::try_from_twasm(&code)?)
    }

    fn instantiate(&self, module: &Module) -> CaseResult<Self::Instance> {
        let mut store = Store::new(self.0.clone());
        let instance = ModuleInstance::instantiate(&mut store, module, None)?;
        Ok((store, instance))
    }

    fn call((store, instance): &mut Self::Instance) -> CaseResult {
        Ok(instance.func::<(), ()>(store, "run")?.call(store, ())?)
    }
}

fn main() -> ExitCode {
    engine_worker::main::<Engine>()
}
