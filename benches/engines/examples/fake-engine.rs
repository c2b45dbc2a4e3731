//! A worker with a fake engine, for tests of the family: an instance is a block of 64 KiB, and a call of a guest that
//! grows its memory adds two pages to it. Each unit of `host` is a block too.

use std::{path::Path, process::ExitCode};

use engine_worker::{Call, CaseResult, Compiler, Engine, HostGuest, Kept, Limited, Route};

/// Begins the files of this engine.
const MAGIC: &[u8] = b"fake engine";
/// The instruction `memory.grow`, which no guest but `keeper` has without imports.
const MEMORY_GROW: [u8; 2] = [0x40, 0x00];

struct Fake;

struct Instance {
    keeps: bool,
    memory: Vec<Vec<u8>>,
}

impl Engine for Fake {
    type Module = Vec<u8>;
    type Instance = Instance;

    fn new(_: Option<Compiler>) -> CaseResult<Self> {
        Ok(Self)
    }

    fn precompile(&self, wasm: &[u8]) -> CaseResult<Vec<u8>> {
        Ok([MAGIC, wasm].concat())
    }

    fn compile(&self, wasm: &[u8]) -> CaseResult<Vec<u8>> {
        Ok(wasm.to_vec())
    }

    fn load(&self, path: &Path) -> CaseResult<Vec<u8>> {
        let file = std::fs::read(path)?;
        Ok(file.strip_prefix(MAGIC).ok_or("the file is not of this engine")?.to_vec())
    }

    fn instantiate(&self, module: &Vec<u8>) -> CaseResult<Instance> {
        let keeps = module.windows(2).any(|pair| pair == MEMORY_GROW);
        Ok(Instance { keeps, memory: vec![vec![1; 64 << 10]] })
    }

    fn call(instance: &mut Instance) -> CaseResult {
        if instance.keeps {
            instance.memory.push(vec![1; 8192]);
        }
        Ok(())
    }

    fn invoke(instance: &mut Instance, call: &Call) -> CaseResult {
        if call.function == "missing" {
            return Err("no such function".into());
        }
        Self::call(instance)
    }

    fn host_guest(&self, _: &Vec<u8>, route: Route, limited: Limited) -> CaseResult<Box<dyn HostGuest>> {
        // Its limiter counts memories only.
        let limited = if route == Route::Memory { Limited::Host } else { limited };
        Ok(Box::new(Guest(Kept::new(limited))))
    }
}

struct Guest(Kept);

impl HostGuest for Guest {
    fn run(&mut self) -> CaseResult<i32> {
        Ok(i32::from(!self.0.keep(vec![1; 64 << 10])))
    }
}

fn main() -> ExitCode {
    engine_worker::main::<Fake>()
}
