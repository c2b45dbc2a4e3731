//! Compares the values of a run's workers with the summary of a baseline.
//!
//! A worker of the run is *above* the baseline if its value exceeds the maximum of the baseline's workers by more than
//! the tolerance, and by more than the baseline's range. Assume that all n workers of the baseline and m workers of the
//! run are drawn from one distribution. The probability that the k highest values all belong to the run is then
//!
//! ```text
//! m (m-1) ... (m-k+1) / (n+m) (n+m-1) ... (n+m-k+1)
//! ```
//!
//! whatever the distribution ([`fisher_exact`]). A probability of at most the level of the test, 0.5 % for the first
//! workers, is a finding: five of five against five (0.4 %), seven of twenty against twenty. The test needs only the
//! maximum and the number of workers of the baseline, so baselines need no raw samples.
//!
//! If the quantity repeats exactly ([`Repeatability::Exact`]) and all workers of the baseline agree, an outlier is
//! rare: at most [`OUTLIER_RATE`] of the workers. The probability of k of m workers above then follows from the
//! binomial distribution, which also detects a change that shows in only one worker of ten (two of twenty: 0.02 %).

use std::collections::BTreeMap;

use highwater_model::{Category, Summary, round_for_baseline};
use highwater_stats::{Events, ROUNDING, fisher_exact, median};

use super::Kind;

/// The rate of outliers from an exact value without a change: the upper 95 % limit of none in 3,000, the number of
/// single-threaded workers that repeated every such quantity in each layout (docs/calibration.md).
const OUTLIER_RATE: f64 = 1e-3;
/// Two values that are each rounded to a millionth count as equal up to this difference.
const EQUAL: f64 = 2.0 * ROUNDING;

/// How a quantity varies between workers of an unchanged program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeatability {
    /// The same value in every layout, in a case that starts no threads.
    Exact,
    /// Within a range.
    Varying,
}

/// The values of a run's workers for one aspect of one quantity.
#[derive(Clone, Debug)]
pub(super) struct WorkerValues {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    values: Vec<f64>,
}

impl WorkerValues {
    /// `None` without values.
    pub(super) fn new(mut values: Vec<f64>) -> Option<Self> {
        values.iter_mut().for_each(|value| *value = round_for_baseline(*value));
        let median = median(&values)?;
        let (min, max) = values.iter().fold((median, median), |(min, max), value| (min.min(*value), max.max(*value)));
        Some(Self { median, min, max, values })
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    pub(super) fn range(&self) -> f64 {
        self.max - self.min
    }

    pub(super) fn summary(&self, parts: BTreeMap<Category, f64>) -> Summary {
        Summary::new(self.median, self.min, self.max, parts)
    }

    /// How many workers are above the baseline, given that a rise of up to `tolerance` is allowed.
    pub(super) fn above(&self, baseline: &Summary, tolerance: f64) -> usize {
        let limit = baseline.high + margin(baseline, tolerance);
        self.values.iter().filter(|value| **value > limit).count()
    }

    fn below(&self, baseline: &Summary, tolerance: f64) -> usize {
        let limit = baseline.low - margin(baseline, tolerance);
        self.values.iter().filter(|value| **value < limit).count()
    }

    /// Compares these values with a baseline of `workers` workers, at a one-sided significance level.
    pub(super) fn compare(
        &self,
        baseline: &Summary,
        workers: usize,
        tolerance: f64,
        repeatability: Repeatability,
        level: f64,
    ) -> Kind {
        let (above, below) = (self.above(baseline, tolerance), self.below(baseline, tolerance));
        let is_exact = repeatability == Repeatability::Exact && baseline.width() <= EQUAL;
        let is_significant = |outliers: usize| {
            let (here, baseline) = (Events { events: outliers, of: self.count() }, Events { events: 0, of: workers });
            outliers > 0
                && (fisher_exact(here, baseline) <= level
                    || is_exact && binomial_tail(outliers, self.count(), OUTLIER_RATE) <= level)
        };
        if is_significant(above) {
            Kind::Regressed
        } else if is_significant(below) {
            Kind::Improved
        } else if above > 0 {
            Kind::Unconfirmed
        } else {
            Kind::Same
        }
    }
}

fn margin(baseline: &Summary, tolerance: f64) -> f64 {
    tolerance.max(baseline.width()) + EQUAL
}

/// The probability of at least `k` successes in `n` trials that each succeed at `rate`.
fn binomial_tail(k: usize, n: usize, rate: f64) -> f64 {
    let mut term = (1.0 - rate).powi(n as i32);
    let mut below = 0.0;
    for i in 0..k {
        below += term;
        term *= (n - i) as f64 / (i + 1) as f64 * rate / (1.0 - rate);
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(baseline: &[f64], run: &[f64], tolerance: f64) -> Kind {
        compare_as(baseline, run, tolerance, Repeatability::Varying)
    }

    fn compare_as(baseline: &[f64], run: &[f64], tolerance: f64, repeatability: Repeatability) -> Kind {
        let values = |values: &[f64]| WorkerValues::new(values.to_vec()).expect("values");
        values(run).compare(&values(baseline).summary(BTreeMap::new()), baseline.len(), tolerance, repeatability, 0.005)
    }

    #[test]
    fn a_change_in_every_worker_is_a_finding() {
        assert_eq!(compare(&[10.0; 5], &[10.0; 5], 0.0), Kind::Same);
        assert_eq!(compare(&[10.0; 5], &[11.0; 5], 0.0), Kind::Regressed);
        assert_eq!(compare(&[10.0; 5], &[11.0; 5], 1.0), Kind::Same);
        assert_eq!(compare(&[10.0; 5], &[9.0; 5], 0.0), Kind::Improved);
    }

    #[test]
    fn seven_of_twenty_workers_are_a_finding_and_six_are_not() {
        let outliers =
            |above: usize| (0..20).map(|worker| if worker < above { 11.0 } else { 10.0 }).collect::<Vec<_>>();
        assert_eq!(compare(&[10.0; 20], &outliers(1), 0.0), Kind::Unconfirmed);
        assert_eq!(compare(&[10.0; 20], &outliers(6), 0.0), Kind::Unconfirmed);
        assert_eq!(compare(&[10.0; 20], &outliers(7), 0.0), Kind::Regressed);
        assert_eq!(compare(&[10.0; 20], &outliers(7), 1.0), Kind::Same);
    }

    #[test]
    fn two_of_twenty_are_a_finding_in_an_exact_quantity() {
        let outliers =
            |above: usize| (0..20).map(|worker| if worker < above { 11.0 } else { 10.0 }).collect::<Vec<_>>();
        let exactly = |above| compare_as(&[10.0; 20], &outliers(above), 0.0, Repeatability::Exact);
        assert_eq!([0, 1, 2].map(exactly), [Kind::Same, Kind::Unconfirmed, Kind::Regressed]);
        assert_eq!(compare_as(&outliers(1), &outliers(2), 0.0, Repeatability::Exact), Kind::Same);
        assert!((binomial_tail(2, 20, 1e-3) - 1.88e-4).abs() < 1e-6);
    }

    #[test]
    fn differences_within_the_baselines_range_are_no_change() {
        let noisy = [10.0, 11.0, 10.0, 12.0, 11.0];
        assert_eq!(compare(&noisy, &[12.0, 13.0, 14.0, 14.0, 14.0], 0.0), Kind::Same);
        assert_eq!(compare(&noisy, &[15.0; 5], 0.0), Kind::Regressed);
        assert_eq!(compare(&noisy, &[7.0; 5], 0.0), Kind::Improved);
    }

    proptest! {
        #[test]
        fn a_run_does_not_regress_against_itself(values in prop::collection::vec(-1e6..1e6_f64, 1..30)) {
            prop_assert_eq!(compare(&values, &values, 0.0), Kind::Same);
        }

        #[test]
        fn a_higher_run_is_at_least_as_severe(
            base in prop::collection::vec(0_u8..5, 5..20),
            run in prop::collection::vec(0_u8..9, 5..20),
            more in 0_u8..9,
        ) {
            const ORDER: [Kind; 4] = [Kind::Improved, Kind::Same, Kind::Unconfirmed, Kind::Regressed];
            let side = |values: &[u8], more: u8| values.iter().map(|value| f64::from(value + more)).collect::<Vec<_>>();
            let rank = |kind| ORDER.iter().position(|known| *known == kind);
            let kind = |more| compare(&side(&base, 0), &side(&run, more), 0.0);
            let (before, after) = (kind(0), kind(more));
            prop_assert!(rank(before) <= rank(after), "{before} {after}");
        }
    }
}
