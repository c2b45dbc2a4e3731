//! About how long workers take: from what those of the last runs on this machine took.

use std::{path::Path, time::Duration};

use highwater_model::CaseId;
use highwater_report::terminal::Forecast;
use highwater_runner::machine_name;
use highwater_store::{CaseDuration, Durations};

/// About how many times longer a worker takes that records call stacks; a forecast with it says that it is a guess.
const WITH_STACKS: u32 = 4;
/// The time of a worker of a case that no run had.
const GUESS: Duration = Duration::from_millis(200);

/// The workers of a family.
pub(super) struct WorkerTimes(Durations);

impl WorkerTimes {
    /// Those of the runs in a folder.
    pub(super) fn read(folder: &Path, family: &str) -> Self {
        Self(Durations::read(folder, family, &machine_name()))
    }

    /// How long a worker of the case took, if a run had one.
    pub(super) fn of(&self, case: &CaseId) -> Option<Duration> {
        match self.0.cases.get(case)? {
            CaseDuration { workers: 0, .. } => None,
            known => Some(known.each()),
        }
    }

    /// Adds a step for each case: a worker of each of `revisions` revisions that records call stacks.
    pub(super) fn add_explained<'a>(
        &self,
        forecast: &mut Forecast,
        cases: impl IntoIterator<Item = &'a CaseId>,
        revisions: u32,
    ) {
        for case in cases {
            forecast.add_guess(case.as_str(), self.of(case).unwrap_or(GUESS) * WITH_STACKS * revisions);
        }
    }

    /// Adds a step of some workers of a case, as `time` computes it from the time of one.
    pub(super) fn add(
        &self,
        forecast: &mut Forecast,
        step: impl Into<String>,
        case: &CaseId,
        time: impl Fn(Duration) -> Duration,
    ) {
        match self.of(case) {
            Some(worker) => forecast.add_known(step, time(worker)),
            None => forecast.add_guess(step, time(GUESS)),
        }
    }
}
