//! The worker of wasmtime, in each version that a manifest beside this folder names.

mod host;

use std::{ops::Range, path::Path, process::ExitCode};

use engine_worker::{Call, CaseResult, Compiler, HostGuest, Limited, Route, Value};
use wasmtime::{Config, Instance, Module, Store, Strategy, Val};

struct Engine(wasmtime::Engine);

impl engine_worker::Engine for Engine {
    type Module = Module;
    type Instance = (Store<()>, Instance);

    fn new(compiler: Option<Compiler>) -> CaseResult<Self> {
        let mut config = Config::new();
        match compiler {
            Some(Compiler::Cranelift) => config.strategy(Strategy::Cranelift),
            Some(Compiler::Winch) => config.strategy(Strategy::Winch),
            Some(Compiler::Pulley) => config.target("pulley64")?,
            other => return Err(format!("wasmtime has no compiler {other:?}").into()),
        };
        Ok(Self(wasmtime::Engine::new(&config)?))
    }

    fn precompile(&self, wasm: &[u8]) -> CaseResult<Vec<u8>> {
        Ok(self.0.precompile_module(wasm)?)
    }

    fn compile(&self, wasm: &[u8]) -> CaseResult<Module> {
        Ok(Module::new(&self.0, wasm)?)
    }

    fn load(&self, path: &Path) -> CaseResult<Module> {
        // SAFETY: this program made the file, its checksum is verified, and nothing writes to it while workers run.
        Ok(unsafe { Module::deserialize_file(&self.0, path) }?)
    }

    fn code(module: &Module) -> Option<Range<usize>> {
        let image = module.image_range();
        Some(image.start.addr()..image.end.addr())
    }

    fn instantiate(&self, module: &Module) -> CaseResult<Self::Instance> {
        let mut store = Store::new(&self.0, ());
        let instance = Instance::new(&mut store, module, &[])?;
        Ok((store, instance))
    }

    fn memory((store, instance): &mut Self::Instance) -> Option<Range<usize>> {
        let memory = instance.get_memory(&mut *store, "memory")?;
        let start = memory.data_ptr(&*store).addr();
        Some(start..start + memory.data_size(&*store))
    }

    fn call((store, instance): &mut Self::Instance) -> CaseResult {
        Ok(instance.get_typed_func::<(), ()>(&mut *store, "run")?.call(store, ())?)
    }

    fn invoke((store, instance): &mut Self::Instance, call: &Call) -> CaseResult {
        let function = instance.get_func(&mut *store, &call.function);
        let function = function.ok_or_else(|| format!("no function `{}`", call.function))?;
        let value = |value: &Value| match *value {
            Value::I32(value) => Val::I32(value),
            Value::I64(value) => Val::I64(value),
            Value::F32(bits) => Val::F32(bits),
            Value::F64(bits) => Val::F64(bits),
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
