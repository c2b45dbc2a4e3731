//! The steps of a measurement that are reported to a display of its progress.

use std::time::{Duration, Instant};

use highwater_model::CaseId;

/// What happens while cases are measured.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A case begins.
    Begun(&'a CaseId),
    /// A worker of the case starts.
    Worker {
        /// The case.
        case: &'a CaseId,
        /// The number of the worker, from 1. A discarded warm-up worker counts.
        number: usize,
        /// The most workers that the case may have.
        most: usize,
    },
    /// The case has been measured, or cannot be.
    Done {
        /// The case.
        case: &'a CaseId,
        /// The time since it began.
        taken: Duration,
    },
}

/// Gets every [`Step`], on the thread of its lane and never while a worker of that lane runs.
pub type StepListener<'a> = dyn Fn(Step<'_>) + Sync + 'a;

/// Runs a case between its first and its last step.
pub(super) fn watched<T>(watch: &StepListener<'_>, case: &CaseId, run: impl FnOnce() -> T) -> T {
    watch(Step::Begun(case));
    let started = Instant::now();
    let result = run();
    watch(Step::Done { case, taken: started.elapsed() });
    result
}
