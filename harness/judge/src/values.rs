//! The rule that sets the values of a run against the summary of a baseline.
//!
//! A worker of the run is *above* the baseline where its value exceeds the highest of the baseline's workers by more
//! than the tolerance, and by more than those workers differ from each other. If k of m workers are above n of the
//! baseline, and all n + m were drawn alike, the k highest would all be the run's with a chance of
//!
//! ```text
//! m (m-1) ... (m-k+1) / (n+m) (n+m-1) ... (n+m-k+1)
//! ```
//!
//! whatever the distribution (S. Rosenbaum, "Tables for a nonparametric test of location", Annals of Mathematical
//! Statistics 25, 1954). At most [`ALPHA`] of that is a finding: five of five against five (0.4 %), seven of twenty
//! against twenty. The rule needs no more of the baseline than its highest value and its number of workers, so that
//! baselines need no raw samples.
//!
//! Where the quantity is one that repeats exactly ([`Repeats::Exactly`]) and all workers of the baseline agree, a worker
//! that strays is itself rare: at most [`STRAYS`] of them. Then k of m workers above have the chance of the binomial
//! distribution, so that what shows in one worker of ten is found too (two of twenty: 0.02 %).

use std::collections::BTreeMap;

use highwater_model::{Category, Summary, round_for_baseline};
use highwater_stats::{ROUNDING, median};

use super::Kind;

/// The level of the rule, one-sided, before fresh workers confirm what it finds.
const ALPHA: f64 = 0.005;
/// The rate of workers that stray from an exact value without a change: the upper 95 % limit of none in 3,000, which is
/// how many workers of one thread repeated every such quantity in each layout (docs/calibration.md).
const STRAYS: f64 = 1e-3;

/// How a quantity repeats in workers of an unchanged program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// One value in all layouts, in a case without threads of its own.
    Exactly,
    /// Within a range.
    Roughly,
}

/// Two values that are kept to a millionth are the same up to this.
const SAME: f64 = 2.0 * ROUNDING;

/// The values of a run's workers for one aspect of one quantity.
#[derive(Clone, Debug)]
pub(super) struct Values {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    values: Vec<f64>,
}

impl Values {
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.iter_mut().for_each(|value| *value = round_for_baseline(*value));
        let median = median(&values)?;
        let (low, high) =
            values.iter().fold((median, median), |(low, high), value| (low.min(*value), high.max(*value)));
        Some(Self { low, median, high, values })
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// From the lowest to the highest.
    pub(super) fn width(&self) -> f64 {
        self.high - self.low
    }

    pub(super) fn summary(&self, parts: BTreeMap<Category, f64>) -> Summary {
        Summary::new(self.median, self.low, self.high, parts)
    }

    /// These and others: all workers of one program.
    pub(super) fn with(&self, others: &Self) -> Option<Self> {
        Self::of([self.values.as_slice(), &others.values].concat())
    }

    /// How many are above the baseline, where a rise of up to `tolerance` is allowed.
    pub(super) fn above(&self, baseline: &Summary, tolerance: f64) -> usize {
        let limit = baseline.high + margin(baseline, tolerance);
        self.values.iter().filter(|value| **value > limit).count()
    }

    fn below(&self, baseline: &Summary, tolerance: f64) -> usize {
        let limit = baseline.low - margin(baseline, tolerance);
        self.values.iter().filter(|value| **value < limit).count()
    }

    /// What the rule says of these values against a baseline of `workers`.
    pub(super) fn judge(&self, baseline: &Summary, workers: usize, tolerance: f64, repeats: Repeats) -> Kind {
        let (above, below) = (self.above(baseline, tolerance), self.below(baseline, tolerance));
        let is_exact = repeats == Repeats::Exactly && baseline.width() <= SAME;
        let is_found = |strays: usize| {
            strays > 0
                && (chance(strays, self.count(), workers) <= ALPHA
                    || is_exact && at_least(strays, self.count(), STRAYS) <= ALPHA)
        };
        if is_found(above) {
            Kind::Regressed
        } else if is_found(below) {
            Kind::Improved
        } else if above > 0 {
            Kind::Unconfirmed
        } else {
            Kind::Same
        }
    }
}

fn margin(baseline: &Summary, tolerance: f64) -> f64 {
    tolerance.max(baseline.width()) + SAME
}

/// The chance that the `highest` highest of `run` + `baseline` values drawn alike are all the run's.
fn chance(highest: usize, run: usize, baseline: usize) -> f64 {
    (0..highest).map(|drawn| (run - drawn) as f64 / (run + baseline - drawn) as f64).product()
}

/// The chance of `k` or more of `n` at this rate each.
fn at_least(k: usize, n: usize, rate: f64) -> f64 {
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

    fn judge(baseline: &[f64], run: &[f64], tolerance: f64) -> Kind {
        judge_as(baseline, run, tolerance, Repeats::Roughly)
    }

    fn judge_as(baseline: &[f64], run: &[f64], tolerance: f64, repeats: Repeats) -> Kind {
        let values = |values: &[f64]| Values::of(values.to_vec()).expect("values");
        values(run).judge(&values(baseline).summary(BTreeMap::new()), baseline.len(), tolerance, repeats)
    }

    #[test]
    fn workers_that_all_agree_need_no_chance() {
        assert_eq!(judge(&[10.0; 5], &[10.0; 5], 0.0), Kind::Same);
        assert_eq!(judge(&[10.0; 5], &[11.0; 5], 0.0), Kind::Regressed);
        assert_eq!(judge(&[10.0; 5], &[11.0; 5], 1.0), Kind::Same);
        assert_eq!(judge(&[10.0; 5], &[9.0; 5], 0.0), Kind::Improved);
    }

    #[test]
    fn a_third_of_the_workers_is_a_finding_and_one_is_not() {
        let straying =
            |above: usize| (0..20).map(|worker| if worker < above { 11.0 } else { 10.0 }).collect::<Vec<_>>();
        assert_eq!(judge(&[10.0; 20], &straying(1), 0.0), Kind::Unconfirmed);
        assert_eq!(judge(&[10.0; 20], &straying(6), 0.0), Kind::Unconfirmed);
        assert_eq!(judge(&[10.0; 20], &straying(7), 0.0), Kind::Regressed);
        assert_eq!(judge(&[10.0; 20], &straying(7), 1.0), Kind::Same);
    }

    #[test]
    fn of_what_repeats_exactly_two_workers_of_twenty_are_a_finding() {
        let straying =
            |above: usize| (0..20).map(|worker| if worker < above { 11.0 } else { 10.0 }).collect::<Vec<_>>();
        let exactly = |above| judge_as(&[10.0; 20], &straying(above), 0.0, Repeats::Exactly);
        assert_eq!([0, 1, 2].map(exactly), [Kind::Same, Kind::Unconfirmed, Kind::Regressed]);
        assert_eq!(judge_as(&straying(1), &straying(2), 0.0, Repeats::Exactly), Kind::Same);
        assert!((at_least(2, 20, 1e-3) - 1.88e-4).abs() < 1e-6);
    }

    #[test]
    fn what_differs_within_the_baseline_is_no_change() {
        let noisy = [10.0, 11.0, 10.0, 12.0, 11.0];
        assert_eq!(judge(&noisy, &[12.0, 13.0, 14.0, 14.0, 14.0], 0.0), Kind::Same);
        assert_eq!(judge(&noisy, &[15.0; 5], 0.0), Kind::Regressed);
        assert_eq!(judge(&noisy, &[7.0; 5], 0.0), Kind::Improved);
    }

    #[test]
    fn the_chance_is_that_of_the_hypergeometric_distribution() {
        // 1 of C(10, 5) = 252, and C(20, 7) of C(40, 7) = 77,520 / 18,643,560.
        assert!((chance(5, 5, 5) - 1.0 / 252.0).abs() < 1e-12);
        assert!((chance(7, 20, 20) - 77_520.0 / 18_643_560.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_run_is_never_regressed_against_itself(values in prop::collection::vec(-1e6..1e6_f64, 1..30)) {
            prop_assert_eq!(judge(&values, &values, 0.0), Kind::Same);
        }

        #[test]
        fn a_higher_run_is_no_less_a_finding(
            base in prop::collection::vec(0_u8..5, 5..20), run in prop::collection::vec(0_u8..9, 5..20), more in 0_u8..9,
        ) {
            let side = |values: &[u8], more: u8| values.iter().map(|value| f64::from(value + more)).collect::<Vec<_>>();
            let rank = |kind| [Kind::Improved, Kind::Same, Kind::Unconfirmed, Kind::Regressed].iter().position(|k| *k == kind);
            let (before, after) = (judge(&side(&base, 0), &side(&run, 0), 0.0), judge(&side(&base, 0), &side(&run, more), 0.0));
            prop_assert!(rank(before) <= rank(after), "{before} {after}");
        }
    }
}
