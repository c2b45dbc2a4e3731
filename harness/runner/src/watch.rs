//! The steps of a measurement that are reported to a display of its progress.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use highwater_model::CaseId;
use highwater_store::CaseDuration;

use crate::turn::Turn;

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
        /// The time since it began, without that of workers of other cases on the same CPU.
        taken: Duration,
    },
}

/// Gets every [`Step`], on the thread of its lane and never while a worker of that lane runs.
pub type StepListener<'a> = dyn Fn(Step<'_>) + Sync + 'a;

/// How long each case took, from its steps.
#[derive(Debug, Default)]
pub struct CaseTimes(Mutex<BTreeMap<CaseId, CaseDuration>>);

impl CaseTimes {
    /// Takes one step; may be called from several threads.
    pub fn see(&self, step: Step<'_>) {
        let mut cases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Begun(case) => drop(cases.insert(case.clone(), CaseDuration::default())),
            Step::Worker { case, number, .. } => cases.entry(case.clone()).or_default().workers = number,
            Step::Done { case, taken } => cases.entry(case.clone()).or_default().seconds = taken.as_secs_f64(),
        }
    }

    /// How long each case took.
    #[must_use]
    pub fn into_durations(self) -> BTreeMap<CaseId, CaseDuration> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a case between its first and its last step, in a lane with these turns.
pub(super) fn watched<T>(watch: &StepListener<'_>, case: &CaseId, turn: &Turn, run: impl FnOnce() -> T) -> T {
    watch(Step::Begun(case));
    let (started, waited) = (Instant::now(), turn.waited());
    let result = run();
    watch(Step::Done { case, taken: started.elapsed().saturating_sub(turn.waited() - waited) });
    result
}
