//! What a run is about to do and about how long that takes, from what the last runs on this machine took.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use highwater_model::CaseId;
use highwater_report::{
    counted,
    terminal::{Forecast, ProgressLine, note},
};
use highwater_runner::{CaseTimes, CpuPlan, Sampling, Step, machine_name};
use highwater_store::{CaseDuration, Durations};
use highwater_worker::{Case, Family};

use crate::{matcher::Matcher, options::Options};

/// About what the analysis of a routine takes criterion on two CPUs, and its plots. It only matters until a
/// routine was measured.
const ANALYSIS: Duration = Duration::from_millis(300);
const PLOTS: Duration = Duration::from_secs(1);

/// What a run is about to do.
pub(super) struct Outlook {
    family: &'static str,
    pub(super) forecast: Forecast,
    sentence: String,
    durations: Durations,
    flags: String,
    /// The cases that are measured, without those that an option leaves out.
    cases: BTreeSet<CaseId>,
}

impl Outlook {
    /// The outlook of the selected cases. `folder` has the durations of earlier runs.
    pub(super) fn new(
        family: &Family,
        options: &Options,
        sampling: Sampling,
        matcher: &Matcher,
        folder: &Path,
    ) -> Self {
        let durations = Durations::read(folder, family.name, &machine_name());
        let flags = options.criterion.of_duration();
        let is_run = |case: &&dyn Case| !(options.criterion.quick && case.is_heavy());
        let cases: Vec<&dyn Case> = matcher.selected(family).into_iter().filter(is_run).collect();
        let lanes = CpuPlan::new().map_or(1, |cpus| cpus.lanes(options.jobs.0).len());
        let mut forecast = Forecast::default();
        for case in &cases {
            let id = case.id();
            let beside = if case.runs_alone() { 1 } else { lanes as u32 };
            match durations.cases.get(&id) {
                Some(CaseDuration { workers: 0, .. }) => forecast.add_known(id.as_str(), Duration::ZERO),
                Some(known) => {
                    let time = sampling.expected_time(Some((known.each(), known.workers)));
                    let warm_up = if case.warms_up() { known.each() } else { Duration::ZERO };
                    forecast.add_known(id.as_str(), (time + warm_up) / beside);
                }
                None => forecast.add_guess(id.as_str(), sampling.expected_time(None) / beside),
            }
        }
        let routines = if options.memory_only { 0 } else { cases.iter().map(|case| case.routines().len()).sum() };
        if !options.memory_only {
            let guess = options.criterion.configured_time() + ANALYSIS;
            let guess = if flags.contains("noplot") { guess } else { guess + PLOTS };
            for (case, routine) in cases.iter().flat_map(|case| case.routines().iter().map(move |it| (case, it))) {
                let benchmark = format!("{}/{routine}", case.id());
                match durations.routine(&flags, &benchmark) {
                    Some(time) => forecast.add_known(benchmark, time),
                    None => forecast.add_guess(benchmark, guess),
                }
            }
        }
        let part = options.partition.map_or(String::new(), |partition| format!(", only {partition}"));
        let sentence = format!("{}{part}", sentence(cases.len(), sampling, lanes, routines));
        let cases = cases.iter().map(|case| case.id()).collect();
        Self { family: family.name, forecast, sentence, durations, flags, cases }
    }

    /// Says what is about to happen.
    pub(super) fn announce(&self) {
        note(format_args!("{}: {}; {}", self.family, self.sentence, self.forecast));
    }

    /// Stores how long everything took, for the next run. A failure is only a warning.
    pub(super) fn save(
        mut self,
        folder: &Path,
        cases: BTreeMap<CaseId, CaseDuration>,
        routines: BTreeMap<String, Duration>,
    ) {
        self.durations.cases.extend(cases.into_iter().filter(|(case, _)| self.cases.contains(case)));
        let routines = routines.into_iter().map(|(benchmark, time)| (benchmark, time.as_secs_f64()));
        self.durations.routines.entry(self.flags).or_default().extend(routines);
        if let Err(error) = self.durations.write(folder, self.family) {
            note(format_args!("warning: the durations for the next forecast were not written: {error}"));
        }
    }
}

/// `memory of 85 cases with 5 to 20 workers each, 2 at a time, then 42 routines with criterion`.
fn sentence(cases: usize, sampling: Sampling, lanes: usize, routines: usize) -> String {
    let workers = match (sampling.min, sampling.max) {
        (min, max) if min == max => counted(max, "worker"),
        (min, max) => format!("{min} to {max} workers"),
    };
    let each = if cases == 1 { "" } else { " each" };
    let lanes = if lanes > 1 && cases > 1 { format!(", {lanes} cases at a time") } else { String::new() };
    let routines = match routines {
        0 => String::new(),
        count => format!(", then {} with criterion", counted(count, "routine")),
    };
    format!("memory of {} with {workers}{each}{lanes}{routines}", counted(cases, "case"))
}

/// Shows the steps of a measurement, and keeps how long each case took.
pub(super) struct Watcher<'a> {
    progress: &'a ProgressLine,
    times: CaseTimes,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(progress: &'a ProgressLine) -> Self {
        Self { progress, times: CaseTimes::default() }
    }

    /// Takes one step; may be called from several threads.
    pub(super) fn see(&self, step: Step<'_>) {
        self.times.see(step);
        match step {
            Step::Begun(case) => self.progress.begin(case.as_str()),
            Step::Worker { case, number, most } => self.progress.at_worker(case.as_str(), number, most),
            Step::Done { case, .. } => self.progress.end(case.as_str()),
        }
    }

    /// How long each case took.
    pub(super) fn into_durations(self) -> BTreeMap<CaseId, CaseDuration> {
        self.times.into_durations()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_measured() {
        let of = |cases, sampling, lanes, routines| sentence(cases, sampling, lanes, routines);
        assert_eq!(
            of(85, Sampling::default(), 2, 42),
            "memory of 85 cases with 5 to 20 workers each, 2 cases at a time, then 42 routines with criterion"
        );
        assert_eq!(of(1, Sampling::exactly(1), 2, 0), "memory of 1 case with 1 worker");
    }
}
