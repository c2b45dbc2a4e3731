//! The exact (Clopper-Pearson) confidence interval of a binomial proportion: `k` successes in `n` trials. Calibration
//! reports false alarm rates and statistical power with it.
//!
//! Source: C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
//! binomial", Biometrika 26 (1934). The interval is conservative: its coverage is at least the stated confidence.

use super::combinatorics::ln_choose;

/// An observed proportion with its confidence interval, all from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProportionInterval {
    /// The observed proportion, k / n.
    pub proportion: f64,
    /// The lower limit.
    pub low: f64,
    /// The upper limit.
    pub high: f64,
}

/// The two-sided confidence interval for `k` of `n`. `confidence` is between 0 and 1, exclusive. The error probability
/// is divided equally between both sides: a confidence of 0.90 gives one-sided limits of 95 %.
///
/// Returns `None` if `n` is 0, `k` exceeds `n`, or `confidence` is out of range.
#[must_use]
pub fn clopper_pearson(k: usize, n: usize, confidence: f64) -> Option<ProportionInterval> {
    if n == 0 || k > n || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    Some(ProportionInterval {
        proportion: k as f64 / n as f64,
        low: lower(k, n, tail),
        high: 1.0 - lower(n - k, n, tail),
    })
}

/// The rate at which `k` or more of `n` occur with probability `tail` (at most one half).
fn lower(k: usize, n: usize, tail: f64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    // At a rate of k / n, the probability of k or more is about one half or above, so the solution is lower.
    let (mut low, mut high) = (0.0, k as f64 / n as f64);
    loop {
        let rate = f64::midpoint(low, high);
        if rate <= low || rate >= high {
            return low;
        }
        if at_least(k, n, rate) < tail { low = rate } else { high = rate }
    }
}

/// The probability of `k` or more of `n` at a rate between 0 and `k / n`. The term of `k` is the largest of the sum,
/// and each following term is the previous one times a factor below 1.
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
    fn mendels_peas_match_the_published_interval() {
        // W. Conover, "Practical nonparametric statistics" (1971), p. 97; R's manual of binom.test
        // gives 0.7076683 to 0.7654066 for 682 of 925.
        let rate = clopper_pearson(682, 925, 0.95).expect("in range");
        close(rate.low, 0.707_668_3, 1e-7);
        close(rate.high, 0.765_406_6, 1e-7);
    }

    #[test]
    fn none_and_all_match_the_closed_form() {
        // The upper limit of 0 of n is 1 - tail^(1/n).
        let none = clopper_pearson(0, 20, 0.95).expect("in range");
        assert_eq!((none.proportion, none.low), (0.0, 0.0));
        close(none.high, 1.0 - 0.025_f64.powf(1.0 / 20.0), 1e-14);
        let all = clopper_pearson(20, 20, 0.95).expect("in range");
        close(all.low, 0.025_f64.powf(1.0 / 20.0), 1e-14);
        assert_eq!(all.high, 1.0);
    }

    #[test]
    fn zero_of_three_thousand_bounds_the_rate_at_0_1_percent() {
        let rate = clopper_pearson(0, 3000, 0.90).expect("in range");
        close(rate.high, 0.000_998, 1e-6);
    }

    #[test]
    fn one_of_one_matches_a_hand_calculation() {
        let rate = clopper_pearson(1, 1, 0.95).expect("in range");
        close(rate.low, 0.025, 1e-15);
        assert_eq!(rate.high, 1.0);
    }

    #[test]
    fn a_million_trials_do_not_underflow() {
        // Nearly normal: 0.5 -+ 1.96 * 0.0005.
        let rate = clopper_pearson(500_000, 1_000_000, 0.95).expect("in range");
        close(rate.low, 0.5 - 0.000_980, 2e-6);
        close(rate.high, 0.5 + 0.000_980, 2e-6);
    }

    #[test]
    fn invalid_input_has_no_interval() {
        assert_eq!(clopper_pearson(0, 0, 0.95), None);
        assert_eq!(clopper_pearson(2, 1, 0.95), None);
        assert_eq!([0.0, 1.0, -1.0, f64::NAN].map(|confidence| clopper_pearson(1, 2, confidence)), [None; 4]);
    }

    proptest! {
        #[test]
        fn the_interval_contains_the_proportion_and_is_symmetric(
            n in 1_usize..500, fraction in 0.0..=1.0_f64, confidence in 0.5..0.999_f64,
        ) {
            let k = (fraction * n as f64) as usize;
            let interval = |k| clopper_pearson(k, n, confidence).expect("in range");
            let (here, mirrored) = (interval(k), interval(n - k));
            prop_assert!(0.0 <= here.low && here.low <= here.proportion);
            prop_assert!(here.proportion <= here.high && here.high <= 1.0);
            prop_assert!((here.low + mirrored.high - 1.0).abs() < 1e-12);
        }

        #[test]
        fn the_interval_is_monotonic_in_confidence_and_k(n in 2_usize..300, fraction in 0.0..1.0_f64) {
            let k = (fraction * (n - 1) as f64) as usize;
            let interval = |k, confidence| clopper_pearson(k, n, confidence).expect("in range");
            let (narrow, wide) = (interval(k, 0.90), interval(k, 0.99));
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            let more = interval(k + 1, 0.90);
            prop_assert!(narrow.low < more.low && narrow.high < more.high);
        }

        #[test]
        fn the_limits_have_the_requested_tail_probabilities(n in 1_usize..60, fraction in 0.0..=1.0_f64) {
            let k = (fraction * n as f64) as usize;
            let rate = clopper_pearson(k, n, 0.95).expect("in range");
            // The plain sum of binomial terms.
            let term = |i: usize, p: f64| ln_choose(n, i).exp() * p.powi(i as i32) * (1.0 - p).powi((n - i) as i32);
            if k > 0 {
                prop_assert!(((k..=n).map(|i| term(i, rate.low)).sum::<f64>() - 0.025).abs() < 1e-10);
            }
            if k < n {
                prop_assert!(((0..=k).map(|i| term(i, rate.high)).sum::<f64>() - 0.025).abs() < 1e-10);
            }
        }
    }
}
