//! A case: one strategy with its parameters, and what its workers get.

use std::{
    error::Error,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{Bytes, CaseId, Scale};
use serde::{Deserialize, Serialize};

use crate::{Stages, Timer};

/// Conditions of a worker that a user or a case may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Turn address space layout randomisation off (the default).
    pub aslr_off: bool,
    /// Turn transparent huge pages off for the worker (the default).
    pub thp_off: bool,
    /// How many CPUs the worker is pinned to: one for each of its threads.
    pub cpus: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { aslr_off: true, thp_off: true, cpus: 1 }
    }
}

/// What a worker may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From spawn to exit, the parent's reading included.
    pub time: Duration,
    /// Memory, kept by a cgroup of the worker's own.
    pub memory: Option<Bytes>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), memory: None }
    }
}

/// What a worker executes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// The bench binary again.
    Own,
    /// Another program that speaks the stage protocol.
    Other {
        /// Its path.
        path: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
}

/// Any error of a family's own; its text ends up in the record.
pub type CaseError = Box<dyn Error + Send + Sync>;

/// What a case's own code returns.
pub type CaseResult<T = ()> = Result<T, CaseError>;

/// Says that a case cannot run here, and why. Returned as an error by [`Case::prepare`] or
/// [`Case::run`], it becomes `not run` in the record.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not run: {0}")]
pub struct NotRun(pub String);

/// Where a family may keep what it makes.
#[derive(Clone, Copy, Debug)]
pub struct Dirs<'a> {
    /// Files that outlive the run, below cargo's target folder.
    pub cache: &'a Path,
}

/// One line of a family: a strategy and its parameters.
///
/// `prepare` runs in the parent, `run` in a worker of its own, `time` in criterion's hands. `Sync`, because a worker
/// runs it on a thread with a heap that nothing else has used.
pub trait Case: Sync {
    /// The stable name.
    fn id(&self) -> CaseId;

    /// The scales to go through, ascending; empty for a case without units.
    fn ladder(&self) -> Vec<Scale> {
        Vec::new()
    }

    /// Whether `--quick` leaves it out.
    fn is_heavy(&self) -> bool {
        false
    }

    /// Whether a worker that is discarded goes before the samples. A case whose workers bring about
    /// the ground that they stand on, and take seconds for it, can do without.
    fn warms_up(&self) -> bool {
        true
    }

    /// Time and memory that a worker may use.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// What is asked of the system for the worker.
    fn conditions(&self) -> Conditions {
        Conditions::default()
    }

    /// What the worker executes: this program again, unless the case is about another one.
    fn program(&self) -> Program {
        Program::Own
    }

    /// The worker's whole environment.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Makes the files that the worker will need (compiled guests, input data), in the parent. The
    /// worker finds them by [`Stages::input`] in the same order.
    ///
    /// # Errors
    /// [`NotRun`] when the case cannot run here, anything else when making them failed.
    fn prepare(&self, _dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    /// Takes the case through its stages, in a worker of its own. Every `reached` is a pause in
    /// which the parent looks.
    ///
    /// # Errors
    /// Whatever goes wrong; the worker then counts as died.
    fn run(&self, stages: &mut Stages) -> CaseResult;

    /// Names of what criterion times, each a function id below the case's id.
    fn routines(&self) -> &'static [&'static str] {
        &[]
    }

    /// Times one routine.
    ///
    /// # Errors
    /// Whatever goes wrong; the bench run then fails.
    fn time(&self, routine: &str, _inputs: &[PathBuf], _timer: &mut dyn Timer) -> CaseResult {
        Err(format!("{} has no routine {routine}", self.id()).into())
    }
}
