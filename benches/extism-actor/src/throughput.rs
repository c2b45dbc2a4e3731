//! Calls per second by what an actor host does between calls, on one and on two pinned threads. Actors are not shared
//! between threads, except for those of the pool.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use extism::{CompiledPlugin, Plugin, Pool, PoolBuilder};
use highwater_model::CaseId;
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Stages};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use wasm_guests::GuestTarget;

use crate::{
    Actor, AfterCall, Allocation, RawHost, Source, id,
    inputs::{self, COMMON, Format, files_of},
    settle,
};

/// What an actor host does between calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Nothing.
    Keep,
    /// `Plugin::reset`.
    Reset,
    /// Replace the plugin by a new one.
    Recreate,
    /// Return the plugin to Extism's pool and take one from it.
    Pool,
    /// Nothing, on wasmtime without Extism.
    Wasmtime,
}

/// A case: the action between calls and a number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throughput {
    /// The action between calls.
    pub between: Between,
    /// Number of threads, each pinned to a separate CPU.
    pub threads: usize,
}

/// Number of actors per thread, called in rotation.
const ACTORS: usize = 8;
/// Number of calls per thread.
const CALLS: usize = 400;
/// Size of the text in each message, in bytes.
const MESSAGE: usize = 1024;

impl Throughput {
    /// Every action, on one and on two threads.
    pub fn all() -> impl Iterator<Item = Self> {
        use Between::{Keep, Pool, Recreate, Reset, Wasmtime};
        [Keep, Reset, Recreate, Pool, Wasmtime]
            .into_iter()
            .flat_map(|between| [1, 2].map(|threads| Self { between, threads }))
    }

    fn name(self) -> &'static str {
        match self.between {
            Between::Keep => "keep",
            Between::Reset => "reset",
            Between::Recreate => "recreate",
            Between::Pool => "pool",
            Between::Wasmtime => "wasmtime",
        }
    }
}

/// The state that all threads share.
enum Shared {
    Compiled(Box<CompiledPlugin>, AfterCall),
    Pool(Pool),
    Raw(RawHost),
}

/// The state of one thread.
enum Own<'a> {
    Actors(Vec<Actor>),
    Pool(&'a Pool),
    Raw(Vec<crate::RawActor>),
}

impl Shared {
    fn own(&self) -> CaseResult<Own<'_>> {
        Ok(match self {
            Self::Compiled(compiled, after) => {
                Own::Actors((0..ACTORS).map(|_| Actor::new(compiled, None, *after)).collect::<Result<_, _>>()?)
            }
            Self::Pool(pool) => Own::Pool(pool),
            Self::Raw(host) => Own::Raw((0..ACTORS).map(|_| host.actor()).collect::<Result<_, _>>()?),
        })
    }
}

impl Own<'_> {
    fn call(&mut self, index: usize, message: &[u8]) -> CaseResult {
        match self {
            Self::Actors(actors) => drop(actors[index % ACTORS].call("process", message)?),
            Self::Raw(actors) => drop(actors[index % ACTORS].call("raw_process", message)?),
            Self::Pool(pool) => {
                let mut plugin = pool.get(Duration::from_secs(10))?.ok_or("no plugin became available within 10 s")?;
                drop(plugin.call::<&[u8], Vec<u8>>("process", message)?);
            }
        }
        Ok(())
    }

    fn serve(&mut self, calls: usize, message: &[u8]) -> CaseResult {
        (0..calls).try_for_each(|index| self.call(index, message))
    }
}

impl Case for Throughput {
    fn id(&self) -> CaseId {
        id("throughput", &[("between", self.name()), ("threads", &self.threads.to_string())])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn is_heavy(&self) -> bool {
        self.threads > 1
    }

    fn conditions(&self) -> Conditions {
        Conditions { cpus: self.threads, ..Conditions::default() }
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let mut files = inputs::common(dirs, &[Allocation::OnDemand])?;
        files.push(inputs::message(dirs, Format::Json, MESSAGE)?);
        Ok(files)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let message = std::fs::read(stages.input(COMMON)?)?;
        let files = files_of(stages)?;
        let compiled = || files.compile(Source::File, None, Allocation::OnDemand);
        let shared = match self.between {
            Between::Keep => Shared::Compiled(compiled()?.into(), AfterCall::Keep),
            Between::Reset => Shared::Compiled(compiled()?.into(), AfterCall::Reset),
            Between::Recreate => Shared::Compiled(compiled()?.into(), AfterCall::Recreate),
            Between::Pool => {
                let compiled = compiled()?;
                let room = PoolBuilder::new().with_max_instances(ACTORS * self.threads);
                Shared::Pool(room.build(move || Plugin::new_from_compiled(&compiled)))
            }
            Between::Wasmtime => Shared::Raw(RawHost::new(&files, Allocation::OnDemand)?),
        };
        // Warm up, so that all code and pages are loaded.
        shared.own()?.serve(ACTORS, &message)?;
        settle();
        stages.trim();
        stages.reached("loaded")?;

        let cpus = cpus()?;
        let started = Instant::now();
        std::thread::scope(|scope| {
            let serve = |cpu: usize| {
                pin(cpu)?;
                shared.own()?.serve(CALLS, &message)
            };
            let threads: Vec<_> = (0..self.threads)
                .map(|t| {
                    scope.spawn({
                        let cpu = cpus[t % cpus.len()];
                        move || serve(cpu)
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
        })?;
        let seconds = started.elapsed().as_secs_f64();
        stages.figure("calls_per_second", ((CALLS * self.threads) as f64 / seconds) as u64)?;
        settle();
        Ok(stages.reached("served")?)
    }
}

/// Returns the CPUs that this worker may run on.
fn cpus() -> CaseResult<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect())
}

/// Pins the calling thread to one CPU.
fn pin(cpu: usize) -> CaseResult {
    let mut only = CpuSet::new();
    only.set(cpu);
    Ok(sched_setaffinity(None, &only)?)
}
