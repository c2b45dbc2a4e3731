//! The worker of tinywasm, an interpreter in safe Rust. Its precompiled form is its own code, `twasm`.

mod host;

use std::{path::Path, process::ExitCode};

use engine_worker::{Call, CaseResult, Compiler, HostGuest, Limited, Route, Value};
use tinywasm::{Module, ModuleInstance, Store, types::WasmValue};

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

    fn invoke((store, instance): &mut Self::Instance, call: &Call) -> CaseResult {
        let value = |value: &Value| match *value {
            Value::I32(value) => WasmValue::I32(value),
            Value::I64(value) => WasmValue::I64(value),
            Value::F32(bits) => WasmValue::F32(f32::from_bits(bits)),
            Value::F64(bits) => WasmValue::F64(f64::from_bits(bits)),
        };
        let args: Vec<WasmValue> = call.args.iter().map(value).collect();
        instance.func_untyped(store, &call.function)?.call(store, &args)?;
        Ok(())
    }

    fn host_guest(&self, module: &Module, route: Route, limited: Limited) -> CaseResult<Box<dyn HostGuest>> {
        host::guest(&self.0, module, (route, limited))
    }
}

fn main() -> ExitCode {
    engine_worker::main::<Engine>()
}
