//! The worker of wasmer, with its two compilers in Rust.

use std::{ops::Range, path::Path, process::ExitCode};

use engine_worker::{Call, CaseResult, Compiler, Value};
use wasmer::{
    Instance, Module, Store, imports,
    sys::{Cranelift, EngineBuilder, Singlepass},
};

struct Engine(wasmer::Engine);

impl engine_worker::Engine for Engine {
    type Module = Module;
    type Instance = (Store, Instance);

    fn new(compiler: Option<Compiler>) -> CaseResult<Self> {
        let builder = match compiler {
            Some(Compiler::Cranelift) => EngineBuilder::new(Cranelift::default()),
            Some(Compiler::Singlepass) => EngineBuilder::new(Singlepass::default()),
            other => return Err(format!("wasmer has no compiler {other:?}").into()),
        };
        Ok(Self(builder.into()))
    }

    fn precompile(&self, wasm: &[u8]) -> CaseResult<Vec<u8>> {
        Ok(self.compile(wasm)?.serialize()?.to_vec())
    }

    fn compile(&self, wasm: &[u8]) -> CaseResult<Module> {
        Ok(Module::new(&self.0, wasm)?)
    }

    fn load(&self, path: &Path) -> CaseResult<Module> {
        // SAFETY: this program made the file, and its checksum is verified.
        Ok(unsafe { Module::deserialize_from_file(&self.0, path) }?)
    }

    fn instantiate(&self, module: &Module) -> CaseResult<Self::Instance> {
        let mut store = Store::new(self.0.clone());
        let instance = Instance::new(&mut store, module, &imports! {})?;
        Ok((store, instance))
    }

    fn memory((store, instance): &mut Self::Instance) -> Option<Range<usize>> {
        let view = instance.exports.get_memory("memory").ok()?.view(store);
        let start = view.data_ptr().addr();
        Some(start..start + view.data_size() as usize)
    }

    fn call((store, instance): &mut Self::Instance) -> CaseResult {
        Ok(instance.exports.get_typed_function::<(), ()>(store, "run")?.call(store)?)
    }

    fn invoke((store, instance): &mut Self::Instance, call: &Call) -> CaseResult {
        let value = |value: &Value| match *value {
            Value::I32(value) => wasmer::Value::I32(value),
            Value::I64(value) => wasmer::Value::I64(value),
            Value::F32(bits) => wasmer::Value::F32(f32::from_bits(bits)),
            Value::F64(bits) => wasmer::Value::F64(f64::from_bits(bits)),
        };
        let args: Vec<wasmer::Value> = call.args.iter().map(value).collect();
        instance.exports.get_function(&call.function)?.call(store, &args)?;
        Ok(())
    }
}

fn main() -> ExitCode {
    engine_worker::main::<Engine>()
}
