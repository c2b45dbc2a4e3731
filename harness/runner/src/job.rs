//! What one worker is asked to do, what may come of it, and what ends the harness itself.

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

/// Set when the user asks to stop (SIGINT, SIGTERM); a second time ends the process at once.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let flag = Arc::clone(&interrupt.0);
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag)?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Whether the user asked to stop.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn warms_up() -> bool {
    true
}

/// What one worker is to do and under which conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What it executes.
    pub program: Program,
    /// The case it runs.
    pub case: CaseId,
    /// Whether a discarded worker goes first; plans of before this was asked say nothing.
    #[serde(default = "warms_up")]
    pub warm_up: bool,
    /// The scales to go through.
    pub ladder: Vec<Scale>,
    /// What is changed about the worker on purpose.
    #[serde(default)]
    pub options: WorkerOptions,
    /// Files the case asked for.
    pub inputs: Vec<PathBuf>,
    /// The stage at which the peak is reset.
    pub reference: Stage,
    /// What it may use.
    pub limits: Limits,
    /// What is asked of the system.
    pub conditions: Conditions,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
}

/// What came of a worker.
#[derive(Clone, Debug)]
pub enum Observed {
    /// It ran, well or badly.
    Sample(Sample),
    /// The case cannot run here.
    NotRun(String),
}

/// The harness itself could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// A system call on the way to a worker failed.
    #[error("cannot {what} for a worker: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The worker's memory could not be read.
    #[error("cannot read the worker's memory: {0}")]
    Probe(#[from] ProbeError),
    /// The user asked to stop.
    #[error("stopped by the user")]
    Interrupted,
}

/// Turns a refused system call into an error that says what it was for.
pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> IsolateError {
    move |source| IsolateError::System { what, source }
}
