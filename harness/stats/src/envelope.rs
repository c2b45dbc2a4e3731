//! The A/A envelope: how much the median varies between two runs of an unchanged program.
//!
//! Both runs are simulated by drawing with replacement from the baseline's values: one resample has the size of the
//! baseline, the other the size of the run. The envelope is a quantile of the absolute difference of their medians. A
//! shift within the envelope is consistent with noise.
//!
//! Source: the two-sample bootstrap test, B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993),
//! §16.2, algorithm 16.1, with medians instead of means.
//!
//! Limits: a small baseline estimates its noise poorly (five values have 126 distinct resamples), and a state that
//! occurred in none of its workers is not represented. Of the 2,000 pairs that are drawn, only 20 lie above the 0.99
//! quantile; higher quantiles are unreliable.

use fastrand::Rng;

use super::{
    order_statistics::{Levels, ROUNDING, median, quantile, sorted},
    resample::resample,
};

/// Number of pairs of resamples.
const RESAMPLES: usize = 2_000;

/// The absolute shift of the median that a run of `run` samples does not exceed with probability `coverage` (0 to 1) if
/// it is distributed like the baseline. It is in the unit of the values, and 0 if all values of the baseline are equal.
///
/// Returns `None` if the baseline is empty or has a value that is not finite, if `run` is 0, or if `coverage` is
/// outside 0 to 1.
#[must_use]
pub fn envelope(baseline: &[f64], run: usize, coverage: f64, seed: u64) -> Option<f64> {
    if run == 0 || !(0.0..=1.0).contains(&coverage) {
        return None;
    }
    if Levels::of(baseline)?.counts().len() == 1 {
        return Some(0.0);
    }
    let baseline = sorted(baseline)?;
    let mut random = Rng::with_seed(seed);
    let (mut first, mut second) = (vec![0.0; baseline.len()], vec![0.0; run]);
    let shifts: Option<Vec<f64>> = (0..RESAMPLES)
        .map(|_| {
            resample(&mut random, &baseline, &mut first);
            resample(&mut random, &baseline, &mut second);
            let shift = (median(&second)? - median(&first)?).abs();
            Some(if shift <= ROUNDING { 0.0 } else { shift })
        })
        .collect();
    quantile(&shifts?, coverage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_exact_baseline_has_a_zero_envelope() {
        assert_eq!(envelope(&[4096.0; 20], 20, 1.0, 1), Some(0.0));
    }

    #[test]
    fn one_sample_against_two_matches_a_hand_calculation() {
        // The median of two is 0, 1 or 2 with probability 1/4, 1/2 and 1/4; the single value is 0 or 2.
        let at = |coverage| envelope(&[0.0, 2.0], 1, coverage, 1);
        // So they differ by 0, 1 or 2 with probability 1/4, 1/2 and 1/4.
        assert_eq!([0.2, 0.3, 0.7, 0.8].map(at), [0.0, 1.0, 1.0, 2.0].map(Some));
    }

    #[test]
    fn two_rare_outliers_of_twenty_do_not_widen_the_envelope() {
        let mut values = vec![4096.0; 18];
        values.extend([8192.0; 2]);
        assert_eq!(envelope(&values, 20, 0.99, 1), Some(0.0));
    }

    #[test]
    fn the_envelope_of_a_normal_sample_matches_theory() {
        // 101 normal quantiles, sigma 1: the median of 101 has a standard error of about
        // sqrt(pi / 2 / 101) = 0.125, the difference of two 0.176, and 95 % of them are within 0.345.
        let normal = |probability: f64| {
            let (mut low, mut high) = (-9.0, 9.0);
            for _ in 0..80 {
                let z = f64::midpoint(low, high);
                if crate::normal::upper_tail(z) > 1.0 - probability { low = z } else { high = z }
            }
            low
        };
        let values: Vec<f64> = (0..101).map(|i| normal((f64::from(i) + 0.5) / 101.0)).collect();
        let shift = envelope(&values, 101, 0.95, 1).expect("values");
        assert!((0.30..0.39).contains(&shift), "{shift}");
    }

    #[test]
    fn invalid_input_has_no_envelope() {
        assert_eq!(envelope(&[], 20, 0.99, 1), None);
        assert_eq!(envelope(&[1.0, f64::NAN], 20, 0.99, 1), None);
        assert_eq!(envelope(&[1.0], 0, 0.99, 1), None);
        assert_eq!(envelope(&[1.0], 20, 1.01, 1), None);
        assert_eq!(envelope(&[1.0], 20, f64::NAN, 1), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_is_within_the_range_and_grows_with_coverage(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 1..20), run in 1_usize..20, seed: u64,
        ) {
            let at = |coverage| envelope(&values, run, coverage, seed).expect("values");
            let range = values.iter().copied().fold(0.0, f64::max) - values.iter().copied().fold(20.0, f64::min);
            prop_assert!(0.0 <= at(0.5) && at(0.5) <= at(0.99) && at(0.99) <= range);
        }

        #[test]
        fn it_is_invariant_to_order_and_shift_and_equivariant_to_scale(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 1..20), shift in -1000_i32..1000, seed: u64,
        ) {
            let here = envelope(&values, 10, 0.99, seed).expect("values");
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            let shifted: Vec<f64> = values.iter().map(|value| value + f64::from(shift)).collect();
            let pages: Vec<f64> = values.iter().map(|value| value * 4096.0).collect();
            prop_assert_eq!(envelope(&reversed, 10, 0.99, seed), Some(here));
            prop_assert_eq!(envelope(&shifted, 10, 0.99, seed), Some(here));
            prop_assert_eq!(envelope(&pages, 10, 0.99, seed), Some(here * 4096.0));
        }
    }
}
