//! Does a series go on rising? Mann-Kendall's test, and Theil-Sen's slope.
//!
//! The test counts the pairs of windows of which the later is higher, less those of which it is lower:
//! S. Its chance is taken over all orders of the values. Up to [`MOST_EXACT`] windows that is exact,
//! ties included: going up the levels, the pairs that t equal values make with the s values below them
//! do not depend on the others, and are distributed as those of two samples of s and t (`pairs.rs`).
//! Beyond, S is taken as normal, its variance corrected for ties and S itself for continuity; at 60
//! windows p is then off by less than 0.001 where it is below 0.05 (checked against the exact one).
//!
//! Sources: H. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); M. Kendall, "Rank
//! correlation methods" (1975), chapter 3 (ties) and chapter 4 (significance); R. Gilbert,
//! "Statistical methods for environmental pollution monitoring" (1987), §16.4. For the slope see
//! `slope.rs`.
//!
//! Limits: the test takes windows to be independent where there is no trend, and levels of memory are
//! not: an allocator that once took a step is higher ever after. It takes five windows for p to reach
//! 0.01 at all, and the work grows with the square of their number.

use super::{normal::upper_tail, order::Levels, pairs::ordered_pairs, slope::theil_sen};

/// Windows up to which the chance is exact.
const MOST_EXACT: usize = 60;

/// How a series of windows goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Pairs of windows that rise less pairs that fall: Kendall's S.
    pub s: i64,
    /// The chance, 0 to 1, of an S as high as this or higher in a series without a trend.
    pub p: f64,
    /// The median slope of all pairs, in the unit of the values per window.
    pub slope: f64,
}

/// The trend of values in order of time, one per window. Values within [`super::ROUNDING`] are tied.
///
/// `None` of fewer than two values, or where one is not finite.
#[must_use]
pub fn trend(values: &[f64]) -> Option<Trend> {
    let levels = Levels::of(values)?;
    let times: Vec<f64> = (0..values.len()).map(|time| time as f64).collect();
    let slope = theil_sen(&times, values)?;
    let levels_in_time: Vec<usize> = values.iter().map(|value| levels.index(*value)).collect();
    let s = kendalls_s(&levels_in_time);
    let p = if values.len() <= MOST_EXACT { counted(levels.counts(), s) } else { approximated(levels.counts(), s) };
    Some(Trend { s, p, slope })
}

fn kendalls_s(values: &[usize]) -> i64 {
    let later = |i: usize| values[i + 1..].iter().map(move |later| (*later).cmp(&values[i]) as i64);
    (0..values.len()).flat_map(later).sum()
}

/// The chance of `s` or more over all orders of values with so many at each level.
fn counted(counts: &[usize], s: i64) -> f64 {
    let mut chances = vec![1.0];
    let mut below = 0;
    for &count in counts {
        chances = summed(&chances, &ordered_pairs(below, count));
        below += count;
    }
    // S is the rising pairs less the falling, and all pairs but the tied are either.
    let untied = chances.len() as i64 - 1;
    let rising = usize::try_from((untied + s) / 2).unwrap_or(0);
    chances.iter().skip(rising).sum::<f64>().min(1.0)
}

/// The distribution of the sum of two independent counts.
fn summed(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, a) in a.iter().enumerate() {
        for (to, b) in sum[i..].iter_mut().zip(b) {
            *to += a * b;
        }
    }
    sum
}

/// The same by the normal distribution, as in Gilbert's §16.4.2.
fn approximated(counts: &[usize], s: i64) -> f64 {
    let deviation = variance(counts).sqrt();
    // Without deviation all values are one, and S is 0.
    if deviation > 0.0 { upper_tail((s - 1) as f64 / deviation) } else { 1.0 }
}

fn variance(counts: &[usize]) -> f64 {
    let part = |n: usize| n as f64 * (n as f64 - 1.0) * (2.0 * n as f64 + 5.0);
    let n = counts.iter().sum();
    (part(n) - counts.iter().map(|count| part(*count)).sum::<f64>()) / 18.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }

    #[test]
    fn small_series_have_the_published_chances() {
        // Kendall 1975, appendix table 1 (Gilbert 1987, table A18): n, S, chance; the fractions by
        // hand, from the numbers of permutations with few inversions.
        let table = [
            (4, 4, 0.167, 4.0 / 24.0),
            (5, 8, 0.042, 5.0 / 120.0),
            (5, 10, 0.0083, 1.0 / 120.0),
            (8, 16, 0.031, 1230.0 / 40_320.0),
            (8, 18, 0.016, 628.0 / 40_320.0),
            (8, 20, 0.0071, 285.0 / 40_320.0),
        ];
        for (n, s, published, by_hand) in table {
            let p = counted(&vec![1; n], s);
            close(p, by_hand);
            assert!((p - published).abs() < 0.0005, "{p} {published}");
        }
    }

    #[test]
    fn four_windows_with_one_step_back_are_worked_by_hand() {
        // Five pairs rise and one falls.
        let trend = trend(&[10.0, 15.0, 14.0, 20.0]).expect("values");
        assert_eq!(trend.s, 4);
        close(trend.p, 1.0 / 6.0);
        // Slopes 5, 2, 10/3, -1, 2.5, 6: the middle two are 2.5 and 10/3.
        close(trend.slope, f64::midpoint(2.5, 10.0 / 3.0));
    }

    #[test]
    fn a_series_worked_by_hand_in_a_lecture_has_its_z() {
        // J. Little, "A Mann-Kendall example by hand", College of the Holy Cross: S = 54, one tie.
        let values = [12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7];
        let trend = trend(&values).expect("values");
        assert_eq!(trend.s, 54);
        let mut counts = vec![1; 12];
        counts.push(2);
        close(variance(&counts), (14.0 * 13.0 * 33.0 - 18.0) / 18.0);
        assert!((53.0 / variance(&counts).sqrt() - 2.9058).abs() < 5e-5);
        assert!((approximated(&counts, 54) - 0.0018).abs() < 5e-5);
        // Of 400,000 random orders drawn with numpy, 0.00121 had an S of 54 or more; 0.00005 is the error.
        assert!((trend.p - 0.0012).abs() < 5e-5, "{}", trend.p);
    }

    #[test]
    fn ties_are_worked_by_hand() {
        // 1, 1, 2 in its three orders: S = 2, 0, -2, of which the variance is 8/3.
        close(variance(&[2, 1]), 8.0 / 3.0);
        close(trend(&[1.0, 1.0, 2.0]).expect("values").p, 1.0 / 3.0);
        close(trend(&[1.0, 2.0, 1.0]).expect("values").p, 2.0 / 3.0);
        close(trend(&[2.0, 1.0, 1.0]).expect("values").p, 1.0);
    }

    #[test]
    fn the_approximation_takes_over_smoothly() {
        let series = |ties: usize| vec![ties; MOST_EXACT / ties];
        for counts in [series(1), series(2), series(6), vec![50, 5, 5]] {
            let deviation = variance(&counts).sqrt();
            for tenths in 0..35 {
                let near = (deviation * f64::from(tenths) / 10.0) as i64;
                // S moves in steps of two.
                let untied = (MOST_EXACT.pow(2) - counts.iter().map(|t| t * t).sum::<usize>()) as i64 / 2;
                let s = near + (near + untied) % 2;
                let (exact, normal) = (counted(&counts, s), approximated(&counts, s));
                let allowed = if exact < 0.05 { 0.001 } else { 0.003 };
                assert!((exact - normal).abs() < allowed, "{counts:?} {s}: {exact} {normal}");
            }
        }
    }

    #[test]
    fn noise_is_told_as_a_rise_about_as_often_as_stated() {
        let mut random = Random::seeded(7);
        let rises = |windows: usize, random: &mut Random| {
            let alarms = (0..2000).filter(|_| {
                let values: Vec<f64> = (0..windows).map(|_| random.below(1000) as f64).collect();
                trend(&values).is_some_and(|trend| trend.p <= 0.01)
            });
            alarms.count()
        };
        // 20 are expected of 2000; 4.4 is the deviation.
        assert!(rises(20, &mut random) < 34);
        assert!(rises(70, &mut random) < 34);
    }

    #[test]
    fn what_is_no_series_has_no_trend() {
        assert_eq!(trend(&[]), None);
        assert_eq!(trend(&[1.0]), None);
        assert_eq!(trend(&[1.0, f64::NAN]), None);
    }

    /// All orders of the values, by exchange.
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
        fn counting_agrees_with_enumeration(values in prop::collection::vec(0_usize..4, 2..7)) {
            let s = kendalls_s(&values);
            let (mut all, mut reached) = (0_usize, 0_usize);
            orders(&mut values.clone(), 0, &mut |order| {
                all += 1;
                reached += usize::from(kendalls_s(order) >= s);
            });
            let p = trend(&values.iter().map(|value| *value as f64).collect::<Vec<f64>>()).expect("values").p;
            prop_assert!((p - reached as f64 / all as f64).abs() < 1e-12);
        }

        #[test]
        fn p_is_a_chance_and_time_reversed_is_the_other_tail(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 2..80),
        ) {
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            let (here, there) = (trend(&values).expect("values"), trend(&reversed).expect("values"));
            prop_assert!((0.0..=1.0).contains(&here.p));
            prop_assert_eq!((here.s, here.slope), (-there.s, 0.0 - there.slope));
            prop_assert!(here.p + there.p >= 1.0 - 1e-12);
        }

        #[test]
        fn a_constant_added_changes_nothing_and_a_rise_added_is_no_less_likely_seen(
            values in prop::collection::vec((0_i8..20).prop_map(f64::from), 2..60), shift in -100_i32..100, rise in 0_i8..5,
        ) {
            let here = trend(&values).expect("values");
            let moved: Vec<f64> = values.iter().map(|value| value + f64::from(shift)).collect();
            prop_assert_eq!(trend(&moved), Some(here));
            let tilted: Vec<f64> =
                values.iter().enumerate().map(|(time, value)| value + f64::from(rise) * time as f64).collect();
            let tilted = trend(&tilted).expect("values");
            prop_assert!(tilted.s >= here.s && tilted.slope >= here.slope);
        }

        #[test]
        fn no_value_makes_it_panic(values in prop::collection::vec(any::<f64>(), 0..8)) {
            let _ = trend(&values);
        }
    }
}
