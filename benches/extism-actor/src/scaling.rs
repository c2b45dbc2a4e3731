//! The marginal cost per actor by the way it is created: by Extism from a plugin compiled once, by Extism compiling
//! each plugin, by Extism's pool, and by wasmtime without Extism.

use std::{path::PathBuf, time::Duration};

use extism::{CompiledPlugin, Plugin, Pool, PoolBuilder, PoolPlugin};
use highwater_model::{CaseId, Scale};
use highwater_worker::{Case, CaseResult, Dirs, Stages, Timer};
use wasm_guests::GuestTarget;

use crate::{
    Allocation, Files, RawActor, RawHost, Source, id,
    inputs::{self, COMMON, Format, files, files_of},
    settle,
};

/// The way actors are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// `Plugin::new_from_compiled` of one `CompiledPlugin`.
    Extism,
    /// `PluginBuilder::build` for each actor: engine and compiled code are not shared.
    ExtismEach,
    /// `Pool::get` of a pool with room for all actors.
    ExtismPool,
    /// A store and an instance of wasmtime 43: the control.
    Wasmtime,
}

impl Maker {
    fn name(self) -> &'static str {
        match self {
            Self::Extism => "extism",
            Self::ExtismEach => "extism-each",
            Self::ExtismPool => "extism-pool",
            Self::Wasmtime => "wasmtime",
        }
    }
}

/// A case: a maker with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// The way the actors are created.
    pub maker: Maker,
    /// The form in which the module is passed.
    pub source: Source,
    /// The allocation strategy of memories.
    pub allocation: Allocation,
    /// Number of compiled components. Actors use them in rotation.
    pub components: usize,
}

impl Scaling {
    /// All cases. Most differ from the first in one setting.
    pub const ALL: [Self; 11] = {
        use Allocation::{OnDemand, Pooling, SmallReservation};
        use Maker::{Extism, ExtismEach, ExtismPool, Wasmtime};
        use Source::{Bytes, Data, File};
        const fn line(maker: Maker, source: Source, allocation: Allocation, components: usize) -> Scaling {
            Scaling { maker, source, allocation, components }
        }
        [
            line(Extism, Bytes, OnDemand, 1),
            line(Extism, Data, OnDemand, 1),
            line(Extism, File, OnDemand, 1),
            line(Extism, Bytes, OnDemand, 4),
            line(Extism, Bytes, SmallReservation, 1),
            line(Extism, Bytes, Pooling, 1),
            line(ExtismEach, Bytes, OnDemand, 1),
            line(ExtismPool, Bytes, OnDemand, 1),
            line(Wasmtime, Bytes, OnDemand, 1),
            line(Wasmtime, Bytes, SmallReservation, 1),
            line(Wasmtime, Bytes, Pooling, 1),
        ]
    };
}

/// The source of actors, created before the baseline stage.
enum Host {
    Compiled(Vec<CompiledPlugin>),
    Each(Files, Vec<u8>),
    Pool(Pool),
    Raw(RawHost),
}

/// One actor.
enum Live {
    Plugin(Plugin),
    Pooled(PoolPlugin),
    Raw(RawActor),
}

impl Host {
    fn new(scaling: Scaling, files: Files, top: usize) -> CaseResult<Self> {
        let compiled = || files.compile(scaling.source, None, scaling.allocation);
        Ok(match scaling.maker {
            Maker::Extism => Self::Compiled((0..scaling.components).map(|_| compiled()).collect::<Result<_, _>>()?),
            Maker::ExtismEach => {
                let wasm = files.bytes()?;
                Self::Each(files, wasm)
            }
            Maker::ExtismPool => {
                let compiled = compiled()?;
                let pool = PoolBuilder::new().with_max_instances(top);
                Self::Pool(pool.build(move || Plugin::new_from_compiled(&compiled)))
            }
            Maker::Wasmtime => Self::Raw(RawHost::new(&files, scaling.allocation)?),
        })
    }

    /// Creates the actor at this index.
    fn actor(&self, index: usize) -> CaseResult<Live> {
        Ok(match self {
            Self::Compiled(all) => Live::Plugin(Plugin::new_from_compiled(&all[index % all.len()])?),
            Self::Each(files, wasm) => Live::Plugin(files.builder(wasm.as_slice(), Allocation::OnDemand)?.build()?),
            Self::Pool(pool) => Live::Pooled(pool.get(Duration::ZERO)?.ok_or("the pool is empty")?),
            Self::Raw(host) => Live::Raw(host.actor()?),
        })
    }
}

impl Live {
    fn call(&mut self, message: &[u8]) -> CaseResult<usize> {
        Ok(match self {
            Self::Plugin(plugin) => plugin.call::<&[u8], &[u8]>("process", message)?.len(),
            Self::Pooled(plugin) => plugin.call::<&[u8], Vec<u8>>("process", message)?.len(),
            Self::Raw(actor) => actor.call("raw_process", message)?.len(),
        })
    }
}

/// Size of the text in each message, in bytes.
const MESSAGE: usize = 1024;

/// Creates and drops an actor.
const CREATE: &str = "create-drop";
/// Creates an actor, calls it once and drops it.
const LIFE: &str = "create-call-drop";
/// Calls a live actor.
const CALL: &str = "call";

impl Case for Scaling {
    fn id(&self) -> CaseId {
        let components = self.components.to_string();
        id(
            "scaling",
            &[
                ("maker", self.maker.name()),
                ("source", self.source.name()),
                ("alloc", self.allocation.name()),
                ("components", &components),
            ],
        )
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn ladder(&self) -> Vec<Scale> {
        let scales: &[u32] = match self.maker {
            // Every actor has an engine and a copy of the compiled code.
            Maker::ExtismEach => &[1, 10, 30],
            _ => &[1, 10, 100, 1000],
        };
        scales.iter().copied().map(Scale).collect()
    }

    fn is_heavy(&self) -> bool {
        self.components > 1 || self.maker == Maker::ExtismPool
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let mut files = inputs::common(dirs, &[self.allocation])?;
        files.push(inputs::message(dirs, Format::Json, MESSAGE)?);
        Ok(files)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let ladder = stages.ladder();
        let top = ladder.last().map_or(0, |top| top.0 as usize);
        let message = std::fs::read(stages.input(COMMON)?)?;
        // Allocate the list of actors first. Allocated after compilation, it may be placed on pages that the compiler
        // wrote to, which a trim can then not return (128 KiB at `loaded` or none, depending on where the heap ends).
        let mut live: Vec<Live> = Vec::with_capacity(top);
        let host = Host::new(*self, files_of(stages)?, top)?;
        stages.reached("compiled")?;
        // The first plugin of a process starts Extism's timer thread, which is not part of the cost per actor.
        host.actor(0)?.call(&message)?;
        settle();
        stages.trim();
        stages.reached("loaded")?;

        for scale in ladder.iter().copied() {
            while live.len() < scale.0 as usize {
                live.push(host.actor(live.len())?);
            }
            settle();
            stages.reached_at("live", scale)?;
        }
        let mut called = 0;
        for scale in ladder {
            for actor in &mut live[called..scale.0 as usize] {
                actor.call(&message)?;
            }
            called = scale.0 as usize;
            settle();
            stages.reached_at("called", scale)?;
        }
        live.clear();
        settle();
        stages.reached("dropped")?;
        Ok(stages.trimmed()?)
    }

    fn routines(&self) -> &'static [&'static str] {
        match self.maker {
            Maker::ExtismEach => &[CREATE],
            // A pooled plugin is returned to the pool, not dropped.
            Maker::ExtismPool => &[CREATE, CALL],
            _ => &[CREATE, LIFE, CALL],
        }
    }

    fn time(&self, routine: &str, inputs: &[PathBuf], timer: &mut dyn Timer) -> CaseResult {
        let message = std::fs::read(&inputs[COMMON])?;
        let host = Host::new(*self, files(inputs)?, 1)?;
        // Run once outside the timed routine, so that a failure is reported instead of timed.
        let life = || host.actor(0).and_then(|mut actor| actor.call(&message));
        life()?;
        match routine {
            CREATE => timer.iter(|| host.actor(0).map(drop)),
            LIFE => timer.iter(life),
            CALL => {
                let mut actor = host.actor(0)?;
                timer.iter(|| actor.call(&message));
            }
            other => return Err(format!("no routine {other}").into()),
        }
        Ok(())
    }
}
