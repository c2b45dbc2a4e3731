//! Guest functions that leak, each paired with a fixed version. A worker calls one a thousand times on one actor, then
//! creates, calls and drops a thousand actors. The leak test reads memory after every fiftieth.

use std::path::PathBuf;

use highwater_model::{CaseId, Scale};
use highwater_worker::{Case, CaseResult, Dirs, Stages};
use wasm_guests::GuestTarget;

use crate::{
    Actor, AfterCall, Allocation, Source, id,
    inputs::{self, files_of, work},
    settle,
};

/// A guest function that retains memory, or one that does the same work without retaining any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The guest function.
    pub function: &'static str,
    /// Number of items per call, and bytes per item.
    pub work: (u32, u32),
    /// Whether the function leaks by design.
    pub keeps: bool,
}

impl Leak {
    /// All leaking and fixed functions. `keep` is the ground truth: it leaks one page of 4 KiB per call, including the
    /// 8 bytes that malloc adds.
    pub const ALL: [Self; 8] = [
        Self { function: "cycle", work: (1, 1024), keeps: true },
        Self { function: "cycle_weak", work: (1, 1024), keeps: false },
        Self { function: "handlers_kept", work: (1, 1024), keeps: true },
        Self { function: "handlers_cleared", work: (1, 1024), keeps: false },
        Self { function: "cache_unbounded", work: (10, 256), keeps: true },
        Self { function: "cache_bounded", work: (10, 256), keeps: false },
        Self { function: "keep", work: (1, 4088), keeps: true },
        Self { function: "echo", work: (1, 1024), keeps: false },
    ];
}

/// Number of calls, or of actors, between two snapshots.
pub const WINDOW: u32 = 50;
/// Number of windows on each ladder.
pub const WINDOWS: u32 = 20;

impl Case for Leak {
    fn id(&self) -> CaseId {
        id("leaks", &[("function", &crate::habits::stage(self.function))])
    }

    fn runs_alone(&self) -> bool {
        // Extism has a timer thread.
        true
    }

    fn ladder(&self) -> Vec<Scale> {
        (1..=WINDOWS).map(|window| Scale(window * WINDOW)).collect()
    }

    fn environment(&self) -> Vec<(String, String)> {
        GuestTarget::environment()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        inputs::common(dirs, &[Allocation::OnDemand])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let ladder = stages.ladder();
        let input = work(self.work.0, self.work.1);
        let compiled = files_of(stages)?.compile(Source::File, None, Allocation::OnDemand)?;
        let actor = || Actor::new(&compiled, None, AfterCall::Keep);
        actor()?.call(self.function, &input)?;
        let mut one = actor()?;
        settle();
        stages.trim();
        stages.reached("loaded")?;
        let mut calls = 0;
        for scale in ladder.iter().copied() {
            while calls < scale.0 {
                one.call(self.function, &input)?;
                calls += 1;
            }
            settle();
            stages.reached_at("called", scale)?;
        }
        drop(one);
        let mut actors = 0;
        for scale in ladder {
            while actors < scale.0 {
                actor()?.call(self.function, &input)?;
                actors += 1;
            }
            settle();
            stages.reached_at("cycled", scale)?;
        }
        Ok(stages.trimmed()?)
    }
}
