//! The A/A envelope: how far the median moves when nothing changed.
//!
//! Two runs of the same program are played from the baseline's own values: as many as it has, and as
//! many as the run has, are drawn from it with replacement, and the medians of the two compared. A
//! shift within the stated quantile of those moves is what the baseline does by itself.
//!
//! Source: the bootstrap of two samples from one population, B. Efron and R. Tibshirani, "An
//! Introduction to the Bootstrap" (1993), §16.2, algorithm 16.1, with medians for means.
//!
//! Limits: a baseline of few samples knows little of its own noise (five values have 126 resamples),
//! and a state that none of its workers got into is not in it. 2,000 pairs are drawn, of which
//! the quantile 0.99 leaves 20 above: beyond it the answer is mostly chance.

use super::{
    order::{Levels, ROUNDING, median, quantile, sorted},
    random::Random,
};

/// Pairs of medians that are drawn.
const RESAMPLES: usize = 2_000;

/// The move of the median, in the unit of the values and never below 0, that this part (0 to 1) of
/// runs of `run` samples stay within, up or down, if they are like the baseline. 0 where all values
/// of the baseline are one.
///
/// `None` where the baseline has no values or one that is not finite, for a run of no samples, and
/// for a part outside 0 to 1.
#[must_use]
pub fn envelope(baseline: &[f64], run: usize, part: f64, seed: u64) -> Option<f64> {
    if run == 0 || !(0.0..=1.0).contains(&part) {
        return None;
    }
    if Levels::of(baseline)?.counts().len() == 1 {
        return Some(0.0);
    }
    let baseline = sorted(baseline)?;
    let mut random = Random::seeded(seed);
    let (mut first, mut second) = (vec![0.0; baseline.len()], vec![0.0; run]);
    let moves: Option<Vec<f64>> = (0..RESAMPLES)
        .map(|_| {
            random.resample(&baseline, &mut first);
            random.resample(&baseline, &mut second);
            let moved = (median(&second)? - median(&first)?).abs();
            Some(if moved <= ROUNDING { 0.0 } else { moved })
        })
        .collect();
    quantile(&moves?, part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_exact_baseline_does_not_move() {
        assert_eq!(envelope(&[4096.0; 20], 20, 1.0, 1), Some(0.0));
    }

    #[test]
    fn a_single_sample_against_two_is_worked_by_hand() {
        // The baseline's median of two is 0, 1 or 2 with chances 1/4, 1/2 and 1/4; the run's one is 0 or 2.
        let at = |part| envelope(&[0.0, 2.0], 1, part, 1);
        // So they differ by 0, 1 or 2 with chances 1/4, 1/2 and 1/4.
        assert_eq!([0.2, 0.3, 0.7, 0.8].map(at), [0.0, 1.0, 1.0, 2.0].map(Some));
    }

    #[test]
    fn a_lattice_with_a_common_low_level_stays_there() {
        let mut values = vec![4096.0; 18];
        values.extend([8192.0; 2]);
        assert_eq!(envelope(&values, 20, 0.99, 1), Some(0.0));
    }

    #[test]
    fn the_median_of_a_normal_sample_moves_as_theory_says() {
        // 101 normal quantiles, sigma 1: the median of 101 has a standard error of about
        // sqrt(pi / 2 / 101) = 0.125, the difference of two 0.176, 95 % of them within 0.345.
        let normal = |part: f64| {
            let (mut low, mut high) = (-9.0, 9.0);
            for _ in 0..80 {
                let z = f64::midpoint(low, high);
                if crate::normal::upper_tail(z) > 1.0 - part { low = z } else { high = z }
            }
            low
        };
        let values: Vec<f64> = (0..101).map(|i| normal((f64::from(i) + 0.5) / 101.0)).collect();
        let moved = envelope(&values, 101, 0.95, 1).expect("values");
        assert!((0.30..0.39).contains(&moved), "{moved}");
    }

    #[test]
    fn what_cannot_be_resampled_has_no_envelope() {
        assert_eq!(envelope(&[], 20, 0.99, 1), None);
        assert_eq!(envelope(&[1.0, f64::NAN], 20, 0.99, 1), None);
        assert_eq!(envelope(&[1.0], 0, 0.99, 1), None);
        assert_eq!(envelope(&[1.0], 20, 1.01, 1), None);
        assert_eq!(envelope(&[1.0], 20, f64::NAN, 1), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_keeps_within_the_range_and_grows_with_its_part(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 1..20), run in 1_usize..20, seed: u64,
        ) {
            let at = |part| envelope(&values, run, part, seed).expect("values");
            let range = values.iter().copied().fold(0.0, f64::max) - values.iter().copied().fold(20.0, f64::min);
            prop_assert!(0.0 <= at(0.5) && at(0.5) <= at(0.99) && at(0.99) <= range);
        }

        #[test]
        fn order_does_not_matter_a_shift_neither_and_scale_scales(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 1..20), shift in -1000_i32..1000, seed: u64,
        ) {
            let here = envelope(&values, 10, 0.99, seed).expect("values");
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            let moved: Vec<f64> = values.iter().map(|value| value + f64::from(shift)).collect();
            let pages: Vec<f64> = values.iter().map(|value| value * 4096.0).collect();
            prop_assert_eq!(envelope(&reversed, 10, 0.99, seed), Some(here));
            prop_assert_eq!(envelope(&moved, 10, 0.99, seed), Some(here));
            prop_assert_eq!(envelope(&pages, 10, 0.99, seed), Some(here * 4096.0));
        }
    }
}
