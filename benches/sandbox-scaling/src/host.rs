//! The host that creates and runs sandboxes of one guest, and the climb of a ladder that all cases share.

use std::{ops::Range, path::Path};

use forced_commit::touch;
use highwater_model::{Category, Scale};
use highwater_worker::{CaseError, CaseResult, Stages};
use wasmtime::{Engine, Instance, Linker, Memory, Module, Store};

use crate::{Access, Load, Shape, Strategy, guest::unreadable, threads};

/// Creates and runs sandboxes of one guest.
pub(crate) trait Host {
    /// A live sandbox.
    type Live;
    /// The ladders after `live`, in which sandboxes execute code.
    const STEPS: &'static [&'static str];

    /// Adds sandboxes until there are `count`.
    fn fill(&self, live: &mut Vec<Self::Live>, count: usize) -> CaseResult;

    /// Executes a step in the sandboxes.
    fn work(&self, live: &mut [Self::Live], step: &str) -> CaseResult;

    /// Labels a sandbox's address ranges, as far as they are known.
    fn label(&self, live: &Self::Live, stages: &mut Stages) -> CaseResult;
}

/// Takes sandboxes through `live`, the host's steps, `dropped` and `trimmed`. A pool keeps its slots when
/// sandboxes are dropped, so their contents still count as linear memory.
pub(crate) fn climb<H: Host>(host: &H, ladder: Vec<Scale>, pooled: bool, stages: &mut Stages) -> CaseResult {
    let top = ladder.last().map_or(0, |top| top.0 as usize);
    // The list of sandboxes is not part of a sandbox's cost, so it is allocated before the baseline stage.
    let mut live: Vec<H::Live> = Vec::with_capacity(top);
    stages.reached("loaded")?;

    for scale in ladder.iter().copied() {
        let before = live.len();
        host.fill(&mut live, scale.0 as usize)?;
        for sandbox in &live[before..] {
            host.label(sandbox, stages)?;
        }
        stages.reached_at("live", scale)?;
    }
    for step in H::STEPS {
        let mut done = 0;
        for scale in ladder.iter().copied() {
            host.work(&mut live[done..scale.0 as usize], step)?;
            done = scale.0 as usize;
            stages.reached_at(step, scale)?;
        }
    }
    live.clear();
    if !pooled {
        stages.forget(Category::LinearMemory)?;
    }
    stages.reached("dropped")?;
    Ok(stages.trimmed()?)
}

/// Creates and runs sandboxes of a core module.
pub(crate) struct Core {
    engine: Engine,
    code: Code,
    access: Access,
    threads: usize,
}

/// The module of a host: one for all sandboxes, or the bytes from which each loads its own.
enum Code {
    Shared(Module),
    Each(Vec<u8>),
}

/// A store with one instance in it.
pub(crate) struct CoreLive {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Core {
    /// Creates the engine for a case's core modules.
    pub(crate) fn engine(strategy: Strategy, load: Load) -> wasmtime::Result<Engine> {
        match load {
            Load::Compile => strategy.compiling_engine(Shape::Core),
            _ => strategy.engine(Shape::Core),
        }
    }

    /// Loads the module that `Guest::files` made.
    pub(crate) fn load(engine: Engine, path: &Path, load: Load, access: Access, threads: usize) -> CaseResult<Self> {
        let bytes = || std::fs::read(path).map_err(|error| unreadable(path, &error));
        let code = match load {
            // SAFETY: `prepare` made the file with this wasmtime and these settings, and its checksum is
            // verified; nothing writes to the cache while workers run.
            Load::File => Code::Shared(unsafe { Module::deserialize_file(&engine, path) }?),
            // SAFETY: the same bytes.
            Load::Bytes => Code::Shared(unsafe { Module::deserialize(&engine, bytes()?) }?),
            Load::Compile => Code::Shared(Module::new(&engine, bytes()?)?),
            Load::Each => Code::Each(bytes()?),
        };
        Ok(Self { engine, code, access, threads })
    }

    /// The address range of the code that all sandboxes share.
    pub(crate) fn shared_code(&self) -> Option<Range<usize>> {
        match &self.code {
            Code::Shared(module) => Some(addresses(module.image_range())),
            Code::Each(_) => None,
        }
    }

    /// Creates a sandbox.
    pub(crate) fn live(&self) -> wasmtime::Result<CoreLive> {
        match &self.code {
            Code::Shared(module) => CoreLive::new(&self.engine, module),
            // SAFETY: as in `load`.
            Code::Each(bytes) => CoreLive::new(&self.engine, &unsafe { Module::deserialize(&self.engine, bytes) }?),
        }
    }

    /// Calls a sandbox.
    pub(crate) fn call(&self, live: &mut CoreLive) -> wasmtime::Result<()> {
        live.call(self.access)
    }
}

impl CoreLive {
    fn new(engine: &Engine, module: &Module) -> wasmtime::Result<Self> {
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine).instantiate(&mut store, module)?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
        Ok(Self { store, instance, memory })
    }

    fn call(&mut self, access: Access) -> wasmtime::Result<()> {
        let Self { store, instance, memory } = self;
        match access {
            Access::Own => instance.get_typed_func::<(), ()>(&mut *store, "run")?.call(store, ()),
            Access::Write(pages) => {
                let touch = instance.get_typed_func::<u32, u32>(&mut *store, "touch")?;
                let touched = touch.call(store, pages)?;
                if touched == pages { Ok(()) } else { Err(wasmtime::Error::msg("the guest has fewer pages")) }
            }
            Access::ReadAll => read_all(*instance, store),
            Access::Scatter(pages) => {
                let memory = memory.data_mut(&mut *store);
                let stride = memory.len() / pages as usize;
                touch(&mut memory[..stride * pages as usize], stride);
                Ok(())
            }
            Access::Collect => Err(wasmtime::Error::msg("the guest has no garbage to collect")),
        }
    }
}

/// `sum(k)` of `image` reads one byte of each of k pages, `sum()` of `table` one word of each.
fn read_all(instance: Instance, store: &mut Store<()>) -> wasmtime::Result<()> {
    if let Ok(sum) = instance.get_typed_func::<(), u32>(&mut *store, "sum") {
        return sum.call(store, ()).map(drop);
    }
    instance.get_typed_func::<u32, u32>(&mut *store, "sum")?.call(store, u32::MAX >> 1).map(drop)
}

fn addresses(range: Range<*const u8>) -> Range<usize> {
    range.start.addr()..range.end.addr()
}

impl Host for Core {
    type Live = CoreLive;
    const STEPS: &'static [&'static str] = &["called"];

    fn fill(&self, live: &mut Vec<CoreLive>, count: usize) -> CaseResult {
        if self.threads > 1 {
            return threads::fill(live, count, self.threads, || Ok::<_, CaseError>(self.live()?));
        }
        while live.len() < count {
            live.push(self.live()?);
        }
        Ok(())
    }

    fn work(&self, live: &mut [CoreLive], _: &str) -> CaseResult {
        if self.threads > 1 {
            return threads::each(live, self.threads, |sandbox| Ok::<_, CaseError>(self.call(sandbox)?));
        }
        Ok(live.iter_mut().try_for_each(|sandbox| self.call(sandbox))?)
    }

    fn label(&self, live: &CoreLive, stages: &mut Stages) -> CaseResult {
        let memory = live.memory.data_ptr(&live.store).addr();
        let size = live.memory.data_size(&live.store);
        stages.label(Category::LinearMemory, memory..memory + size)?;
        if let Code::Each(_) = self.code {
            let code = live.instance.module(&live.store).image_range();
            stages.label(Category::CompiledCode, addresses(code))?;
        }
        Ok(())
    }
}
