//! The Mann-Kendall trend test, with the Theil-Sen slope.
//!
//! The statistic S is the number of pairs of windows in which the later value is higher minus those in which it is
//! lower. Its null distribution assumes that every order of the values is equally likely. Up to [`MAX_EXACT`] windows
//! the distribution is exact, with ties: taking the levels in ascending order, the pairs of t equal values with the s
//! values below them are independent of the other levels and distributed like the Mann-Whitney U of samples of s and t
//! (`mann_whitney.rs`). Beyond, S is approximated as normal, with a variance corrected for ties and a continuity
//! correction. At 60 windows the approximate p differs from the exact one by less than 0.001 where p is below 0.05
//! (tested).
//!
//! Sources: H. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); M. Kendall, "Rank correlation
//! methods" (1975), chapter 3 (ties) and chapter 4 (significance); R. Gilbert, "Statistical methods for environmental
//! pollution monitoring" (1987), §16.4. For the slope see `theil_sen.rs`.
//!
//! Limits: the test assumes that windows are independent without a trend. Memory levels are not: after an allocator has
//! stepped up once, all later values are higher. At least five windows are needed for p to reach 0.01, and the cost is
//! quadratic in their number.

use super::{
    mann_whitney::mann_whitney_distribution, normal::upper_tail, order_statistics::Levels, theil_sen::median_slope,
};

/// Number of windows up to which p is exact.
const MAX_EXACT: usize = 60;

/// The result of the trend test of a series of windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannKendall {
    /// Kendall's S: the number of rising pairs of windows minus the number of falling pairs.
    pub s: i64,
    /// The one-sided p-value: the probability of an S at least this high without a trend.
    pub p: f64,
    /// The Theil-Sen slope, in the unit of the values per window.
    pub slope: f64,
}

/// Tests values in order of time, one per window, for a rising trend. Values within [`super::ROUNDING`] are tied.
///
/// Returns `None` for fewer than two values, or if one is not finite.
#[must_use]
pub fn mann_kendall(values: &[f64]) -> Option<MannKendall> {
    let levels = Levels::of(values)?;
    let times: Vec<f64> = (0..values.len()).map(|time| time as f64).collect();
    let slope = median_slope(&times, values)?;
    let levels_in_time: Vec<usize> = values.iter().map(|value| levels.index(*value)).collect();
    let s = kendalls_s(&levels_in_time);
    let p = p_value(&levels, s);
    Some(MannKendall { s, p, slope })
}

/// The two-sided p-value of the same test: the probability of an S at least this far from 0 without a trend, twice that
/// of the more probable side. Unlike [`mann_kendall`] it finds no slope, which is the larger part of the time.
///
/// Returns `None` like [`mann_kendall`].
#[must_use]
pub fn mann_kendall_two_sided(values: &[f64]) -> Option<f64> {
    let levels = Levels::of(values).filter(|_| values.len() >= 2)?;
    let levels_in_time: Vec<usize> = values.iter().map(|value| levels.index(*value)).collect();
    Some((2.0 * p_value(&levels, kendalls_s(&levels_in_time).abs())).min(1.0))
}

fn p_value(levels: &Levels, s: i64) -> f64 {
    if levels.counts().iter().sum::<usize>() <= MAX_EXACT {
        exact_p(levels.counts(), s)
    } else {
        normal_p(levels.counts(), s)
    }
}

fn kendalls_s(values: &[usize]) -> i64 {
    let later = |i: usize| values[i + 1..].iter().map(move |later| (*later).cmp(&values[i]) as i64);
    (0..values.len()).flat_map(later).sum()
}

/// The probability of `s` or more over all orders of values with these counts at each level.
fn exact_p(counts: &[usize], s: i64) -> f64 {
    let mut probabilities = vec![1.0];
    let mut below = 0;
    for &count in counts {
        probabilities = convolve(&probabilities, &mann_whitney_distribution(below, count));
        below += count;
    }
    // Every untied pair either rises or falls, and S is the difference of the two counts.
    let untied = probabilities.len() as i64 - 1;
    let rising = usize::try_from((untied + s) / 2).unwrap_or(0);
    probabilities.iter().skip(rising).sum::<f64>().min(1.0)
}

/// The distribution of the sum of two independent counts.
fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, a) in a.iter().enumerate() {
        for (to, b) in sum[i..].iter_mut().zip(b) {
            *to += a * b;
        }
    }
    sum
}

/// The normal approximation of the same, as in Gilbert's §16.4.2.
fn normal_p(counts: &[usize], s: i64) -> f64 {
    let deviation = variance(counts).sqrt();
    // If the deviation is 0, all values are equal and S is 0.
    if deviation > 0.0 { upper_tail((s - 1) as f64 / deviation) } else { 1.0 }
}

fn variance(counts: &[usize]) -> f64 {
    let term = |n: usize| n as f64 * (n as f64 - 1.0) * (2.0 * n as f64 + 5.0);
    let n = counts.iter().sum();
    (term(n) - counts.iter().map(|count| term(*count)).sum::<f64>()) / 18.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;
    use proptest::prelude::*;

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }

    #[test]
    fn small_series_match_the_published_p_values() {
        // Kendall 1975, appendix table 1 (Gilbert 1987, table A18): n, S, p. The fractions were calculated by hand
        // from the numbers of permutations with few inversions.
        let table = [
            (4, 4, 0.167, 4.0 / 24.0),
            (5, 8, 0.042, 5.0 / 120.0),
            (5, 10, 0.0083, 1.0 / 120.0),
            (8, 16, 0.031, 1230.0 / 40_320.0),
            (8, 18, 0.016, 628.0 / 40_320.0),
            (8, 20, 0.0071, 285.0 / 40_320.0),
        ];
        for (n, s, published, by_hand) in table {
            let p = exact_p(&vec![1; n], s);
            close(p, by_hand);
            assert!((p - published).abs() < 0.0005, "{p} {published}");
        }
    }

    #[test]
    fn four_windows_match_a_hand_calculation() {
        // Five pairs rise and one falls.
        let trend = mann_kendall(&[10.0, 15.0, 14.0, 20.0]).expect("values");
        assert_eq!(trend.s, 4);
        close(trend.p, 1.0 / 6.0);
        // Slopes 5, 2, 10/3, -1, 2.5, 6: the middle two are 2.5 and 10/3.
        close(trend.slope, f64::midpoint(2.5, 10.0 / 3.0));
    }

    #[test]
    fn a_published_worked_example_is_reproduced() {
        // J. Little, "A Mann-Kendall example by hand", College of the Holy Cross: S = 54, one tie.
        let values = [12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7];
        let trend = mann_kendall(&values).expect("values");
        assert_eq!(trend.s, 54);
        let mut counts = vec![1; 12];
        counts.push(2);
        close(variance(&counts), (14.0 * 13.0 * 33.0 - 18.0) / 18.0);
        assert!((53.0 / variance(&counts).sqrt() - 2.9058).abs() < 5e-5);
        assert!((normal_p(&counts, 54) - 0.0018).abs() < 5e-5);
        // Of 400,000 random orders drawn with numpy, a fraction of 0.00121 had an S of 54 or more (standard error
        // 0.00005).
        assert!((trend.p - 0.0012).abs() < 5e-5, "{}", trend.p);
    }

    #[test]
    fn two_sided_p_values_match_those_of_pymannkendall() {
        // Both approximate S as normal at this length.
        for [p, values] in fixture(include_str!("../fixtures/pymannkendall.txt")) {
            let ours = mann_kendall_two_sided(&values).expect("values");
            assert!((ours - p[0]).abs() < 1e-9, "{ours} {p:?}");
        }
    }

    #[test]
    fn ties_match_a_hand_calculation() {
        // 1, 1, 2 in its three orders: S = 2, 0, -2, with a variance of 8/3.
        close(variance(&[2, 1]), 8.0 / 3.0);
        close(mann_kendall(&[1.0, 1.0, 2.0]).expect("values").p, 1.0 / 3.0);
        close(mann_kendall(&[1.0, 2.0, 1.0]).expect("values").p, 2.0 / 3.0);
        close(mann_kendall(&[2.0, 1.0, 1.0]).expect("values").p, 1.0);
    }

    #[test]
    fn the_normal_approximation_is_close_to_the_exact_p() {
        let series = |ties: usize| vec![ties; MAX_EXACT / ties];
        for counts in [series(1), series(2), series(6), vec![50, 5, 5]] {
            let deviation = variance(&counts).sqrt();
            for tenths in 0..35 {
                let near = (deviation * f64::from(tenths) / 10.0) as i64;
                // S moves in steps of two.
                let untied = (MAX_EXACT.pow(2) - counts.iter().map(|t| t * t).sum::<usize>()) as i64 / 2;
                let s = near + (near + untied) % 2;
                let (exact, normal) = (exact_p(&counts, s), normal_p(&counts, s));
                let allowed = if exact < 0.05 { 0.001 } else { 0.003 };
                assert!((exact - normal).abs() < allowed, "{counts:?} {s}: {exact} {normal}");
            }
        }
    }

    #[test]
    fn noise_is_significant_about_as_often_as_alpha() {
        let mut random = fastrand::Rng::with_seed(7);
        let rises = |windows: usize, random: &mut fastrand::Rng| {
            let alarms = (0..2000).filter(|_| {
                let values: Vec<f64> = (0..windows).map(|_| f64::from(random.u32(..1000))).collect();
                mann_kendall(&values).is_some_and(|trend| trend.p <= 0.01)
            });
            alarms.count()
        };
        // 20 of 2000 are expected, with a standard deviation of 4.4.
        assert!(rises(20, &mut random) < 34);
        assert!(rises(70, &mut random) < 34);
    }

    #[test]
    fn invalid_input_has_no_trend() {
        assert_eq!(mann_kendall(&[]), None);
        assert_eq!(mann_kendall(&[1.0]), None);
        assert_eq!(mann_kendall(&[1.0, f64::NAN]), None);
    }

    /// Visits all permutations of the values.
    fn orders(values: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
        if from == values.len() {
            return visit(values);
        }
        for i in from..values.len() {
            values.swap(from, i);
            orders(values, from + 1, visit);
            values.swap(from, i);
        }
    }

    proptest! {
        #[test]
        fn the_exact_p_matches_enumeration(values in prop::collection::vec(0_usize..4, 2..7)) {
            let s = kendalls_s(&values);
            let (mut all, mut reached) = (0_usize, 0_usize);
            orders(&mut values.clone(), 0, &mut |order| {
                all += 1;
                reached += usize::from(kendalls_s(order) >= s);
            });
            let p = mann_kendall(&values.iter().map(|value| *value as f64).collect::<Vec<f64>>()).expect("values").p;
            prop_assert!((p - reached as f64 / all as f64).abs() < 1e-12);
        }

        #[test]
        fn p_is_a_probability_and_reversal_gives_the_other_tail(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 2..80),
        ) {
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            let (here, there) = (mann_kendall(&values).expect("values"), mann_kendall(&reversed).expect("values"));
            prop_assert!((0.0..=1.0).contains(&here.p));
            prop_assert_eq!((here.s, here.slope), (-there.s, 0.0 - there.slope));
            prop_assert!(here.p + there.p >= 1.0 - 1e-12);
            let two_sided = mann_kendall_two_sided(&values).expect("values");
            prop_assert!((two_sided - (2.0 * here.p.min(there.p)).min(1.0)).abs() < 1e-12);
        }

        #[test]
        fn it_is_invariant_to_shift_and_monotonic_in_slope(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 2..60), shift in -100_i32..100, rise in 0_i8..5,
        ) {
            let here = mann_kendall(&values).expect("values");
            let shifted: Vec<f64> = values.iter().map(|value| value + f64::from(shift)).collect();
            prop_assert_eq!(mann_kendall(&shifted), Some(here));
            let tilted: Vec<f64> =
                values.iter().enumerate().map(|(time, value)| value + f64::from(rise) * time as f64).collect();
            let tilted = mann_kendall(&tilted).expect("values");
            prop_assert!(tilted.s >= here.s && tilted.slope >= here.slope);
        }

        #[test]
        fn it_never_panics(values in prop::collection::vec(any::<f64>(), 0..8)) {
            let _ = mann_kendall(&values);
        }
    }
}
