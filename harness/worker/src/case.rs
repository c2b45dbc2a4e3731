//! A case: one strategy with its parameters, and the limits and conditions of its workers.

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{Bytes, CaseId, Scale};
use serde::{Deserialize, Serialize};

use crate::{Program, Stages, Timer};

/// Conditions of a worker that a user or a case can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Disable address space layout randomisation (the default).
    pub aslr_off: bool,
    /// Disable transparent huge pages for the worker (the default).
    pub thp_off: bool,
    /// The number of CPUs that the worker is pinned to, one for each of its threads.
    pub cpus: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { aslr_off: true, thp_off: true, cpus: 1 }
    }
}

/// The resource limits of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The time from spawn to exit, including the pauses in which the parent takes snapshots.
    pub time: Duration,
    /// Memory, enforced by a cgroup for this worker.
    pub memory: Option<Bytes>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), memory: None }
    }
}

/// An error of a case. Its text is stored in the record.
pub type CaseError = Box<dyn Error + Send + Sync>;

/// The result type of the methods of a case.
pub type CaseResult<T = ()> = Result<T, CaseError>;

/// The reason why a case cannot run on this machine. If [`Case::prepare`] or [`Case::run`] returns it as an error, the
/// case is recorded as `not run`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not run: {0}")]
pub struct NotRun(pub String);

/// Folders for files that a family creates.
#[derive(Clone, Copy, Debug)]
pub struct Dirs<'a> {
    /// For files that outlive the run, below cargo's target folder.
    pub cache: &'a Path,
}

/// One case of a family: a strategy and its parameters.
///
/// [`prepare`](Case::prepare) runs in the parent, [`run`](Case::run) in a worker process, and [`time`](Case::time) in
/// the criterion benchmark. A case is `Sync` because a worker runs it on a new thread, whose heap nothing else has
/// used.
pub trait Case: Sync {
    /// The stable id.
    fn id(&self) -> CaseId;

    /// The scales to measure, in ascending order; empty for a case without units.
    fn ladder(&self) -> Vec<Scale> {
        Vec::new()
    }

    /// Whether `--quick` leaves it out.
    fn is_heavy(&self) -> bool {
        false
    }

    /// Whether no other worker may run at the same time (`--jobs`): by default, if the case is heavy, limits its memory or
    /// needs several CPUs. A case with threads of its own should also run alone, because their interleaving, and with it
    /// which arena serves a block, depends on what else the CPU does.
    fn runs_alone(&self) -> bool {
        self.is_heavy() || self.limits().memory.is_some() || self.conditions().cpus > 1
    }

    /// Whether a discarded warm-up worker runs before the samples. A case can do without if each of its workers sets up
    /// everything it depends on and takes seconds to do so.
    fn warms_up(&self) -> bool {
        true
    }

    /// The time and memory limits of a worker.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// The conditions that are requested from the system for the worker.
    fn conditions(&self) -> Conditions {
        Conditions::default()
    }

    /// The program that the worker executes: this program, unless the case measures another one.
    fn program(&self) -> Program {
        Program::Own
    }

    /// The complete environment of the worker.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Creates the files that the worker needs (compiled guests, input data). Runs in the parent. The worker gets the
    /// paths, in the same order, with [`Stages::input`].
    ///
    /// # Errors
    /// [`NotRun`] if the case cannot run on this machine, any other error if creating the files failed.
    fn prepare(&self, _dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    /// Runs the case through its stages, in a worker process. Each `reached` pauses the worker while the parent takes a
    /// snapshot. A last snapshot, of the stage `end`, follows when this function has returned.
    ///
    /// # Errors
    /// [`NotRun`] if the case cannot run on this machine. With any other error, the worker counts as failed.
    fn run(&self, stages: &mut Stages) -> CaseResult;

    /// The names of the routines that criterion times. Each becomes a function id in the group of the case.
    fn routines(&self) -> &'static [&'static str] {
        &[]
    }

    /// Times one routine.
    ///
    /// # Errors
    /// Any error fails the bench run.
    fn time(&self, routine: &str, _inputs: &[PathBuf], _timer: &mut dyn Timer) -> CaseResult {
        Err(format!("{} has no routine {routine}", self.id()).into())
    }
}
