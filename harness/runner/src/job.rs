//! The job of one worker, its possible results, and the errors of the harness.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use highwater_model::{CaseId, Sample, Scale, Stage, WorkerOptions};
use highwater_probe::ProbeError;
use highwater_worker::{Conditions, Limits, Program};
use serde::{Deserialize, Serialize};

/// A flag that SIGINT and SIGTERM set. A second signal terminates the process immediately.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let flag = Arc::clone(&interrupt.0);
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag)?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Whether a signal was received.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

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
    /// The worker's memory could not be read.
    #[error("cannot read the worker's memory: {0}")]
    Probe(#[from] ProbeError),
    /// The user interrupted the run.
    #[error("interrupted")]
    Interrupted,
}

/// Converts the error of a system call; `what` is its purpose.
pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> RunnerError {
    move |source| RunnerError::System { what, source }
}
