//! The job of one worker, its possible results, and the errors of the harness.

use std::{io, path::PathBuf};

use highwater_model::{CaseId, Sample, Scale, Stage, WorkerOptions};
use highwater_worker::{Conditions, Limits, Program};
use serde::{Deserialize, Serialize};

fn default_warm_up() -> bool {
    true
}

/// The job of one worker, and the conditions under which it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The program to execute.
    pub program: Program,
    /// The case to run.
    pub case: CaseId,
    /// Whether a discarded warm-up worker runs first. Older plans do not have this field.
    #[serde(default = "default_warm_up")]
    pub warm_up: bool,
    /// Whether no other worker may run at the same time ([`highwater_worker::Case::runs_alone`]). Older plans do not have
    /// this field.
    #[serde(default)]
    pub alone: bool,
    /// Whether such a worker may nevertheless be paused while others run: it takes little memory. Older plans do not have
    /// this field.
    #[serde(default)]
    pub takes_turns: bool,
    /// The scales to measure.
    pub ladder: Vec<Scale>,
    /// Deliberate changes to the worker.
    #[serde(default)]
    pub options: WorkerOptions,
    /// The files that the case prepared.
    pub inputs: Vec<PathBuf>,
    /// The stage at which the peak is reset.
    pub baseline_stage: Stage,
    /// The resource limits.
    pub limits: Limits,
    /// The conditions that are requested from the system.
    pub conditions: Conditions,
    /// The complete environment.
    pub environment: Vec<(String, String)>,
}

/// The result of a worker.
#[derive(Clone, Debug)]
pub enum Observed {
    /// It ran, and completed or failed.
    Sample(Sample),
    /// The case cannot run on this machine, for this reason.
    NotRun(String),
}

/// The minimum limit of open files. Descriptors for workers have numbers from 100 ([`super::supervise`]), and the
/// reading of one worker needs about ten.
pub(super) const MIN_OPEN_FILES: u64 = 128;

/// An error of the harness itself, as opposed to a failure of a worker.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// A system call failed.
    #[error("cannot {what} for a worker: {source}")]
    System {
        /// What was attempted.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The limit of open files is too low.
    #[error(
        "cannot start workers: this process may open {0} files (`ulimit -n`), and at least {MIN_OPEN_FILES} are needed"
    )]
    OpenFiles(u64),
    /// The user interrupted the run.
    #[error("interrupted")]
    Interrupted,
}

/// Converts the error of a system call; `what` is its purpose.
pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> RunnerError {
    move |source| RunnerError::System { what, source }
}
