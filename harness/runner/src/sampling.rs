//! How many workers a case gets: a fixed number, as many as fit into a time budget, or until a rule is satisfied.

use std::{fmt, time::Duration};

use highwater_model::{CaseRecord, Outcome, Sample, Stage};

use crate::Job;

/// The default maximum number of workers per case.
pub(super) const DEFAULT_MAX: usize = 20;
/// The default minimum number of workers per case, and the number in quick mode.
const DEFAULT_MIN: usize = 5;
/// The time per case, after which no more workers than the minimum are started.
const CASE_BUDGET: Duration = Duration::from_secs(1);
/// The same with a stop rule, while it is not satisfied.
const UNDECIDED_BUDGET: Duration = Duration::from_secs(4);
/// A case is given up after this many failed workers if none has completed.
const MAX_FAILURES: usize = 3;

/// Decides, from the samples of a case so far and its baseline stage, that no more samples are needed.
pub type StopRule = fn(&CaseRecord, &Stage) -> bool;

/// The number of workers per case.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// The minimum.
    pub min: usize,
    /// The maximum. Between the two, sampling stops after a second per case.
    pub max: usize,
    /// With a stop rule, sampling stops when the rule is satisfied instead (or after 4 seconds).
    pub stop_rule: Option<StopRule>,
}

/// `5`, `5 to 20`, or `5 to 20, until decided`. Records of parts have this text, so it must not change.
impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{max}"),
            (min, max) => write!(f, "{min} to {max}"),
        }?;
        f.write_str(if self.stop_rule.is_some() { ", until decided" } else { "" })
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self { min: DEFAULT_MIN, max: DEFAULT_MAX, stop_rule: None }
    }
}

impl Sampling {
    /// The minimum number of workers that is sufficient for a verdict.
    #[must_use]
    pub fn minimal() -> Self {
        Self::exactly(DEFAULT_MIN)
    }

    /// A fixed number of workers.
    #[must_use]
    pub fn exactly(count: usize) -> Self {
        Self { min: count, max: count, stop_rule: None }
    }

    /// About how many workers a case gets whose workers take this long each. `last` is their number in an earlier run,
    /// if any: only it shows whether a stop rule is satisfied early.
    fn expected_workers(self, each: Duration, last: Option<usize>) -> usize {
        let within_budget = (CASE_BUDGET.as_secs_f64() / each.as_secs_f64().max(1e-3)).ceil() as usize;
        let workers = if self.stop_rule.is_some() { last.unwrap_or(self.min) } else { within_budget };
        workers.clamp(self.min, self.max)
    }

    /// About how long a case takes whose workers, and how many of them, took this long in an earlier run. Without one,
    /// as long as a case whose fewest workers fill the budget.
    #[must_use]
    pub fn expected_time(self, earlier: Option<(Duration, usize)>) -> Duration {
        let each = earlier.map_or(CASE_BUDGET / DEFAULT_MIN as u32, |(each, _)| each);
        each * self.expected_workers(each, earlier.map(|(_, workers)| workers)) as u32
    }

    /// Whether a case with these samples needs no more of them; `elapsed` is the time since its first worker.
    pub(super) fn is_complete(self, samples: &[Sample], job: &Job, elapsed: Duration) -> bool {
        let completed = || samples.iter().any(|sample| sample.outcome == Outcome::Completed);
        match samples.len() {
            count if count >= self.max => true,
            count if count < self.min => count >= MAX_FAILURES && !completed(),
            _ => match self.stop_rule {
                None => elapsed > CASE_BUDGET,
                Some(is_decided) => {
                    elapsed > UNDECIDED_BUDGET
                        || is_decided(&CaseRecord::from_samples(job.case.clone(), samples), &job.baseline_stage)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_time_fits_the_budget_and_the_limits() {
        let of = |sampling: Sampling, ms, last| {
            sampling.expected_time(Some((Duration::from_millis(ms), last))).as_millis() as u64 / ms
        };
        assert_eq!(of(Sampling::default(), 10, 20), DEFAULT_MAX as u64);
        assert_eq!(of(Sampling::default(), 100, 7), 10);
        assert_eq!(of(Sampling::default(), 4000, 5), DEFAULT_MIN as u64);
        assert_eq!(of(Sampling::exactly(40), 4000, 5), 40);
        let until_decided = Sampling { stop_rule: Some(|_, _| true), ..Sampling::default() };
        assert_eq!([2, 12, 50].map(|last| of(until_decided, 10, last)), [5, 12, 20]);
        let unknown = [Sampling::default(), Sampling::minimal(), Sampling::exactly(1)].map(|it| it.expected_time(None));
        assert_eq!(unknown, [1000, 1000, 200].map(Duration::from_millis));
    }
}
