//! A share with its limits: `k` of `n` were so; what may the true rate be? Calibration states false
//! alarms and power in this way.
//!
//! The limits are those true rates at which so many, or so few, would be seen just often enough.
//!
//! Source: C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the
//! case of the binomial", Biometrika 26 (1934). The interval holds the true rate at least as often as
//! stated, mostly more often.

use super::counting::ln_choose;

/// A rate, all figures from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// What was seen: k / n.
    pub share: f64,
    /// The lower limit.
    pub low: f64,
    /// The upper limit.
    pub high: f64,
}

/// The interval for `k` of `n` that holds the true rate with at least this confidence (between 0 and
/// 1, both excluded), the rest shared by the two sides: where only the upper limit is of interest, 0.90
/// gives that of 95 %.
///
/// `None` for `n` of 0, `k` above `n`, or a confidence out of range.
#[must_use]
pub fn rate(k: usize, n: usize, confidence: f64) -> Option<Rate> {
    if n == 0 || k > n || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    Some(Rate { share: k as f64 / n as f64, low: lower(k, n, tail), high: 1.0 - lower(n - k, n, tail) })
}

/// The rate at which `k` or more of `n` are seen with chance `tail` (up to one half).
fn lower(k: usize, n: usize, tail: f64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    // At k / n the chance of k or more is above a half or nearly: the rate sought is below.
    let (mut low, mut high) = (0.0, k as f64 / n as f64);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return low;
        }
        if at_least(k, n, middle) < tail { low = middle } else { high = middle }
    }
}

/// The chance of `k` or more of `n` at a rate between 0 and `k / n`: from the term of `k`, the
/// greatest, each is the one before times a factor below 1.
fn at_least(k: usize, n: usize, rate: f64) -> f64 {
    let odds = rate / (1.0 - rate);
    let mut term = (ln_choose(n, k) + k as f64 * rate.ln() + (n - k) as f64 * (-rate).ln_1p()).exp();
    let mut sum = term;
    for i in k..n {
        term *= (n - i) as f64 / (i + 1) as f64 * odds;
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() < within, "{value} {expected}");
    }

    #[test]
    fn mendels_peas_have_the_published_interval() {
        // W. Conover, "Practical nonparametric statistics" (1971), p. 97; R's manual of binom.test
        // gives 0.7076683 to 0.7654066 for 682 of 925.
        let rate = rate(682, 925, 0.95).expect("in range");
        close(rate.low, 0.707_668_3, 1e-7);
        close(rate.high, 0.765_406_6, 1e-7);
    }

    #[test]
    fn none_and_all_have_limits_that_are_known_in_full() {
        // The upper limit of 0 of n is 1 - tail^(1/n).
        let none = rate(0, 20, 0.95).expect("in range");
        assert_eq!((none.share, none.low), (0.0, 0.0));
        close(none.high, 1.0 - 0.025_f64.powf(1.0 / 20.0), 1e-14);
        let all = rate(20, 20, 0.95).expect("in range");
        close(all.low, 0.025_f64.powf(1.0 / 20.0), 1e-14);
        assert_eq!(all.high, 1.0);
    }

    #[test]
    fn no_false_alarm_in_three_thousand_bounds_the_rate_at_a_tenth_of_a_percent() {
        let rate = rate(0, 3000, 0.90).expect("in range");
        close(rate.high, 0.000_998, 1e-6);
    }

    #[test]
    fn one_of_one_is_worked_by_hand() {
        let rate = rate(1, 1, 0.95).expect("in range");
        close(rate.low, 0.025, 1e-15);
        assert_eq!(rate.high, 1.0);
    }

    #[test]
    fn a_million_trials_do_not_underflow() {
        // Nearly normal: 0.5 -+ 1.96 * 0.0005.
        let rate = rate(500_000, 1_000_000, 0.95).expect("in range");
        close(rate.low, 0.5 - 0.000_980, 2e-6);
        close(rate.high, 0.5 + 0.000_980, 2e-6);
    }

    #[test]
    fn what_is_no_share_has_no_rate() {
        assert_eq!(rate(0, 0, 0.95), None);
        assert_eq!(rate(2, 1, 0.95), None);
        assert_eq!([0.0, 1.0, -1.0, f64::NAN].map(|confidence| rate(1, 2, confidence)), [None; 4]);
    }

    proptest! {
        #[test]
        fn the_limits_hold_the_share_and_mirror(n in 1_usize..500, part in 0.0..=1.0_f64, confidence in 0.5..0.999_f64) {
            let k = (part * n as f64) as usize;
            let (here, mirrored) =
                (rate(k, n, confidence).expect("in range"), rate(n - k, n, confidence).expect("in range"));
            prop_assert!(0.0 <= here.low && here.low <= here.share && here.share <= here.high && here.high <= 1.0);
            prop_assert!((here.low + mirrored.high - 1.0).abs() < 1e-12);
        }

        #[test]
        fn more_confidence_is_wider_and_more_seen_is_higher(n in 2_usize..300, part in 0.0..1.0_f64) {
            let k = (part * (n - 1) as f64) as usize;
            let (narrow, wide) = (rate(k, n, 0.90).expect("in range"), rate(k, n, 0.99).expect("in range"));
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            let more = rate(k + 1, n, 0.90).expect("in range");
            prop_assert!(narrow.low < more.low && narrow.high < more.high);
        }

        #[test]
        fn the_limits_give_the_tails_they_were_made_for(n in 1_usize..60, part in 0.0..=1.0_f64) {
            let k = (part * n as f64) as usize;
            let rate = rate(k, n, 0.95).expect("in range");
            // By the plain sum, every term from whole coefficients.
            let chance = |i: usize, p: f64| ln_choose(n, i).exp() * p.powi(i as i32) * (1.0 - p).powi((n - i) as i32);
            if k > 0 {
                prop_assert!(((k..=n).map(|i| chance(i, rate.low)).sum::<f64>() - 0.025).abs() < 1e-10);
            }
            if k < n {
                prop_assert!(((0..=k).map(|i| chance(i, rate.high)).sum::<f64>() - 0.025).abs() < 1e-10);
            }
        }
    }
}
