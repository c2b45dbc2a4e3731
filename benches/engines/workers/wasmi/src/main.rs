//! The worker of wasmi, an interpreter that translates a module to its own code.

mod host;

use std::{path::Path, process::ExitCode};

use engine_worker::{Call, CaseResult, Compiler, HostGuest, Limited, Route, Value};
use wasmi::{F32, F64, Instance, Module, Store, Val};

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

    fn invoke((store, instance): &mut Self::Instance, call: &Call) -> CaseResult {
        let function = instance.get_func(&*store, &call.function);
        let function = function.ok_or_else(|| format!("no function `{}`", call.function))?;
        let value = |value: &Value| match *value {
            Value::I32(value) => Val::I32(value),
            Value::I64(value) => Val::I64(value),
            Value::F32(bits) => Val::F32(F32::from_bits(bits)),
            Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        };
        let args: Vec<Val> = call.args.iter().map(value).collect();
        let mut results = vec![Val::I32(0); function.ty(&*store).results().len()];
        Ok(function.call(&mut *store, &args, &mut results)?)
    }

    fn host_guest(&self, module: &Module, _: Route, limited: Limited) -> CaseResult<Box<dyn HostGuest>> {
        host::guest(&self.0, module, limited)
    }
}

fn main() -> ExitCode {
    engine_worker::main::<Engine>()
}
