//! The control: the same module on wasmtime 43, without Extism. The host writes the input to the module's memory and
//! reads the output from it. The module imports functions of Extism, but none of them is called.

use wasmtime43::{Cache, Engine, Instance, InstancePre, Linker, Memory, Module, Result, Store, TypedFunc};

use crate::{Allocation, Files};

/// The module, compiled and linked.
#[derive(Clone)]
pub struct RawHost {
    pre: InstancePre<()>,
}

impl RawHost {
    /// Compiles the module with the wasmtime settings that Extism uses, or loads it from the same cache.
    ///
    /// # Errors
    /// When a file cannot be read, or wasmtime rejects the settings or the module.
    pub fn new(files: &Files, allocation: Allocation) -> Result<Self> {
        let mut config = allocation.config(1)?;
        if let Some(settings) = &files.cache {
            config.cache(Some(Cache::from_file(Some(settings))?));
        }
        config.epoch_interruption(true).wasm_tail_call(true).wasm_function_references(true).wasm_gc(true);
        let engine = Engine::new(&config)?;
        let module = Module::from_file(&engine, &files.module)?;
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module)?;
        Ok(Self { pre: linker.instantiate_pre(&module)? })
    }

    /// Creates an actor.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub fn actor(&self) -> Result<RawActor> {
        let mut store = Store::new(self.pre.module().engine(), ());
        store.set_epoch_deadline(1);
        let instance = self.pre.instantiate(&mut store)?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| wasmtime43::Error::msg("the guest does not export a memory"))?;
        Ok(RawActor { store, instance, memory })
    }
}

/// An instance and its store.
pub struct RawActor {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl RawActor {
    /// Calls a function of the guest (`raw_process` on JSON, or `raw_echo` on bytes) and returns its output.
    ///
    /// # Errors
    /// When the guest traps, runs out of memory, or returns an error.
    pub fn call(&mut self, function: &str, input: &[u8]) -> Result<Vec<u8>> {
        let alloc: TypedFunc<u32, u32> = self.instance.get_typed_func(&mut self.store, "raw_alloc")?;
        let free: TypedFunc<(u32, u32), ()> = self.instance.get_typed_func(&mut self.store, "raw_free")?;
        let work: TypedFunc<(u32, u32), u64> = self.instance.get_typed_func(&mut self.store, function)?;
        let length = u32::try_from(input.len())?;
        let at = alloc.call(&mut self.store, length)?;
        if at == 0 {
            return Err(wasmtime43::Error::msg(format!("the guest cannot allocate {length} bytes")));
        }
        self.memory.write(&mut self.store, at as usize, input)?;
        let answer = work.call(&mut self.store, (at, length))?;
        let (out, size) = ((answer >> 32) as u32, answer as u32);
        if out == 0 {
            return Err(wasmtime43::Error::msg(format!("{function} rejected the input")));
        }
        let mut output = vec![0; size as usize];
        self.memory.read(&self.store, out as usize, &mut output)?;
        if out != at {
            free.call(&mut self.store, (out, size))?;
        }
        free.call(&mut self.store, (at, length))?;
        Ok(output)
    }
}
