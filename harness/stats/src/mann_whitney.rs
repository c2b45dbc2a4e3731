//! The Mann-Whitney test of two samples, and the null distribution of its U statistic: the number of pairs of one value
//! from each sample in which the second sample's value is higher, if every ordering is equally likely. The Mann-Kendall
//! test uses the distribution to build its own.
//!
//! Source: H. Mann and D. Whitney, "On a test of whether one of two random variables is stochastically larger than the
//! other", Annals of Mathematical Statistics 18 (1947), §4, equation 1: the highest of all values belongs to the second
//! sample with probability m / (n + m), and then exceeds all n values of the first. Ties: M. Hollander and D. Wolfe,
//! "Nonparametric statistical methods" (1999), §4.1.

use super::{
    combinatorics::ln_choose,
    normal::upper_tail,
    order_statistics::{Levels, ROUNDING},
};

/// Number of pairs up to which the p-value of samples without ties is exact.
const MAX_EXACT_PAIRS: usize = 2000;

/// The two-sided p-value of the test that two samples have the same distribution. Values within [`ROUNDING`] are tied.
///
/// It is exact if one sample lies entirely above the other, whatever the ties within them, and for small samples without
/// ties. Otherwise U is approximated as normal, with a variance corrected for ties and a continuity correction.
///
/// Returns `None` without values in both samples, or if one is not finite.
#[must_use]
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<f64> {
    let all = [first, second].concat();
    let levels = Levels::of(&all).filter(|_| !first.is_empty() && !second.is_empty())?;
    let (range, other) = (range(first), range(second));
    if range.1 + ROUNDING < other.0 || other.1 + ROUNDING < range.0 {
        return Some((std::f64::consts::LN_2 - ln_choose(all.len(), first.len())).exp().min(1.0));
    }
    let (n, m) = (first.len(), second.len());
    // The number of values of each sample at each level.
    let mut counts = vec![(0_usize, 0_usize); levels.counts().len()];
    first.iter().for_each(|value| counts[levels.index(*value)].0 += 1);
    second.iter().for_each(|value| counts[levels.index(*value)].1 += 1);
    let (mut below, mut twice_u) = (0, 0);
    for (of_first, of_second) in counts {
        twice_u += of_second * (2 * below + of_first);
        below += of_first;
    }
    let has_ties = levels.counts().len() < all.len();
    Some(if !has_ties && n * m <= MAX_EXACT_PAIRS {
        exact_p(n, m, twice_u / 2)
    } else {
        normal_p(n, m, twice_u, &levels)
    })
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

fn exact_p(n: usize, m: usize, u: usize) -> f64 {
    let probabilities = mann_whitney_distribution(n, m);
    let tail = u.max(n * m - u);
    (2.0 * probabilities[tail..].iter().sum::<f64>()).min(1.0)
}

fn normal_p(n: usize, m: usize, twice_u: usize, levels: &Levels) -> f64 {
    let (pairs, all) = ((n * m) as f64, (n + m) as f64);
    let ties: f64 = levels.counts().iter().map(|count| (*count as f64).powi(3) - *count as f64).sum();
    let deviation = (pairs / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)))).sqrt();
    let distance = (twice_u as f64 / 2.0 - pairs / 2.0).abs() - 0.5;
    // If the deviation is 0, all values are equal.
    if deviation > 0.0 { (2.0 * upper_tail(distance.max(0.0) / deviation)).min(1.0) } else { 1.0 }
}

/// The probability of each value of U, from 0 to `first * second`, for samples of these sizes without ties.
pub(super) fn mann_whitney_distribution(first: usize, second: usize) -> Vec<f64> {
    // row[n] is the distribution for the sizes n and m, after iteration m.
    let mut row: Vec<Vec<f64>> = vec![vec![1.0]; first + 1];
    for m in 1..=second {
        for n in 1..=first {
            let mut probabilities = vec![0.0; n * m + 1];
            let all = (n + m) as f64;
            for (u, probability) in row[n].iter().enumerate() {
                probabilities[u + n] += probability * m as f64 / all;
            }
            for (u, probability) in row[n - 1].iter().enumerate() {
                probabilities[u] += probability * n as f64 / all;
            }
            row[n] = probabilities;
        }
    }
    row.swap_remove(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;
    use proptest::prelude::*;

    fn close(value: Option<f64>, expected: f64) {
        let value = value.expect("a p-value");
        assert!((value / expected - 1.0).abs() < 1e-9, "{value} {expected}");
    }

    #[test]
    fn p_values_match_those_of_scipy() {
        for [p, first, second] in fixture(include_str!("../fixtures/scipy.txt")) {
            close(mann_whitney(&first, &second), p[0]);
        }
    }

    #[test]
    fn separated_samples_match_a_hand_calculation() {
        // 2 of the C(7, 3) = 35 ways to choose the places of the first sample. Ties within a sample do not matter.
        close(mann_whitney(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0, 7.0]), 2.0 / 35.0);
        close(mann_whitney(&[9.0, 9.0, 9.0], &[4.0, 4.0, 4.0, 4.0]), 2.0 / 35.0);
        close(mann_whitney(&[5.0; 4], &[5.0; 4]), 1.0);
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), None);
    }

    #[test]
    fn four_against_four_match_the_published_distribution() {
        // Mann and Whitney 1947, table I, n = 4, m = 4: the probability of U at most 0, 1, ... 8.
        let table = [0.014, 0.029, 0.057, 0.100, 0.171, 0.243, 0.343, 0.443, 0.557];
        let mut sum = 0.0;
        for (published, probability) in table.iter().zip(mann_whitney_distribution(4, 4)) {
            sum += probability;
            assert!((sum - published).abs() < 0.0005 + 1e-9, "{sum} {published}");
        }
    }

    #[test]
    fn one_against_many_is_uniform() {
        let uniform = mann_whitney_distribution(3, 1);
        assert!(
            uniform.iter().all(|probability| (probability - 0.25).abs() < 1e-15) && uniform.len() == 4,
            "{uniform:?}"
        );
        assert_eq!(mann_whitney_distribution(0, 5), [1.0]);
        assert_eq!(mann_whitney_distribution(5, 0), [1.0]);
    }

    proptest! {
        #[test]
        fn p_is_a_probability_that_does_not_depend_on_the_order(
            a in prop::collection::vec((0_u8..9).prop_map(f64::from), 1..30),
            b in prop::collection::vec((0_u8..9).prop_map(f64::from), 1..30),
        ) {
            let (here, there) = (mann_whitney(&a, &b).expect("values"), mann_whitney(&b, &a).expect("values"));
            prop_assert!((0.0..=1.0).contains(&here) && (here - there).abs() < 1e-12);
        }

        #[test]
        fn the_distribution_sums_to_one_and_is_symmetric(n in 0_usize..25, m in 0_usize..25) {
            let probabilities = mann_whitney_distribution(n, m);
            prop_assert_eq!(probabilities.len(), n * m + 1);
            prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (low, high) in probabilities.iter().zip(probabilities.iter().rev()) {
                prop_assert!((low - high).abs() < 1e-14);
            }
            for (here, swapped) in probabilities.iter().zip(mann_whitney_distribution(m, n)) {
                prop_assert!((here - swapped).abs() < 1e-14);
            }
        }
    }
}
