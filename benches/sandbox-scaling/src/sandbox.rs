//! One case: a strategy with a guest, taken through its stages and timed.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use highwater::{Bencher, Case, CaseId, CaseResult, Category, Dirs, Scale, Stages};
use wasmtime::{Engine, Instance, Linker, Memory, Module, Store};

use crate::{Allocation, Strategy};

/// What runs inside the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Does nothing: what is left is the host's.
    Tiny,
    /// Writes to 16 pages of its memory when called.
    Toucher,
    /// Has 10 MiB of initialised data and writes to 16 pages of it when called.
    Image,
}

impl Guest {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tiny, Self::Toucher, Self::Image];

    /// Its name in case ids and in `wasm-guests`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Toucher => "toucher",
            Self::Image => "image",
        }
    }

    /// A thousand where a sandbox costs pages, a hundred where it may cost 10 MiB.
    fn ladder(self) -> &'static [u32] {
        match self {
            Self::Tiny | Self::Toucher => &[1, 10, 50, 100, 1000],
            Self::Image => &[1, 10, 50, 100],
        }
    }
}

/// A strategy with a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// How wasmtime allocates.
    pub strategy: Strategy,
    /// What runs.
    pub guest: Guest,
}

/// Instantiate and drop.
const INSTANTIATE: &str = "instantiate-drop";
/// Instantiate, call `run`, drop.
const CALL: &str = "instantiate-call-drop";

/// A live sandbox.
struct Live {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Live {
    fn new(engine: &Engine, module: &Module) -> wasmtime::Result<Self> {
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine).instantiate(&mut store, module)?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
        Ok(Self { store, instance, memory })
    }

    fn call(&mut self) -> wasmtime::Result<()> {
        self.instance.get_typed_func::<(), ()>(&mut self.store, "run")?.call(&mut self.store, ())
    }
}

impl Sandbox {
    /// Maps the precompiled guest.
    fn load(engine: &Engine, path: &std::path::Path) -> wasmtime::Result<Module> {
        // SAFETY: the file was made by `prepare` with this wasmtime and these settings and is
        // verified by its checksum; nothing writes to the cache while workers run.
        unsafe { Module::deserialize_file(engine, path) }
    }
}

impl Case for Sandbox {
    fn id(&self) -> CaseId {
        let cow = if self.strategy.cow { "on" } else { "off" };
        let id = CaseId::new("sandbox-scaling", self.strategy.name(), &[("cow", cow), ("guest", self.guest.name())]);
        id.expect("names of strategies and guests are lower case words")
    }

    fn ladder(&self) -> Vec<Scale> {
        self.guest.ladder().iter().copied().map(Scale).collect()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let engine = self.strategy.compiler()?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let key = format!("wasmtime {:016x}", hasher.finish());
        let guest = wasm_guests::guest(self.guest.name())?;
        let path =
            wasm_guests::Cache::at(dirs.cache).precompiled(&guest, &key, |wasm| engine.precompile_module(wasm))?;
        Ok(vec![path])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let ladder = stages.ladder();
        let top = ladder.last().map_or(0, |top| top.0 as usize);

        let engine = self.strategy.engine()?;
        stages.reached("engine")?;
        let module = Self::load(&engine, stages.input(0)?)?;
        let code = module.image_range();
        stages.label(Category::CompiledCode, code.start.addr()..code.end.addr())?;
        // The list of sandboxes is ours and not a sandbox's: it is there before the reference.
        let mut live: Vec<Live> = Vec::with_capacity(top);
        stages.reached("loaded")?;

        for scale in ladder.iter().copied() {
            while live.len() < scale.0 as usize {
                let sandbox = Live::new(&engine, &module)?;
                let memory = sandbox.memory.data_ptr(&sandbox.store).addr();
                let size = sandbox.memory.data_size(&sandbox.store);
                live.push(sandbox);
                stages.label(Category::LinearMemory, memory..memory + size)?;
            }
            stages.reached_at("live", scale)?;
        }
        let mut called = 0;
        for scale in ladder {
            for sandbox in &mut live[called..scale.0 as usize] {
                sandbox.call()?;
            }
            called = scale.0 as usize;
            stages.reached_at("called", scale)?;
        }
        live.clear();
        // A pool keeps the slots, and what it keeps in them is linear memory still.
        if self.strategy.allocation == Allocation::OnDemand {
            stages.forget(Category::LinearMemory)?;
        }
        stages.reached("dropped")?;
        stages.trimmed()?;
        Ok(())
    }

    fn routines(&self) -> &'static [&'static str] {
        &[INSTANTIATE, CALL]
    }

    fn time(&self, routine: &str, inputs: &[PathBuf], bencher: &mut Bencher<'_>) -> CaseResult {
        let engine = self.strategy.engine()?;
        let module = Self::load(&engine, &inputs[0])?;
        // Once in the open, so that a failure is told and not timed.
        Live::new(&engine, &module)?.call()?;
        // Everything of a sandbox's life is timed, its drop too.
        match routine {
            INSTANTIATE => bencher.iter(|| Live::new(&engine, &module).map(drop)),
            CALL => bencher.iter(|| Live::new(&engine, &module).and_then(|mut live| live.call())),
            other => return Err(format!("no routine {other}").into()),
        }
        Ok(())
    }
}
