//! The sign test of paired values: does the second value of a pair exceed the first more often than chance explains?
//!
//! Source: J. Arbuthnot 1710, as in W. Conover, "Practical Nonparametric Statistics" (3rd ed.), §3.4. Tied pairs are
//! left out. The test makes no assumption about the distribution of the values. It only assumes that without a change
//! each pair is equally likely to rise and to fall, which random order within the pair ensures.

use super::combinatorics::ln_choose;

/// The one-sided p-values of a sign test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignTest {
    /// The probability of at least as many rising pairs under the null hypothesis.
    pub p_rise: f64,
    /// The probability of at least as many falling pairs under the null hypothesis.
    pub p_fall: f64,
}

/// Tests the pairs `(first[i], second[i])`. Values within [`super::ROUNDING`] are tied; if all pairs are, both p-values
/// are 1.
///
/// Returns `None` if the lengths differ, there are no pairs, or a value is not finite.
#[must_use]
pub fn sign_test(first: &[f64], second: &[f64]) -> Option<SignTest> {
    let finite = first.iter().chain(second).all(|value| value.is_finite());
    if first.is_empty() || first.len() != second.len() || !finite {
        return None;
    }
    let differences = || first.iter().zip(second).map(|(first, second)| second - first);
    let rises = differences().filter(|difference| *difference > super::ROUNDING).count();
    let falls = differences().filter(|difference| *difference < -super::ROUNDING).count();
    let n = rises + falls;
    let at_least = |k: usize| (k..=n).map(|k| (ln_choose(n, k) - n as f64 * 2_f64.ln()).exp()).sum::<f64>().min(1.0);
    Some(SignTest { p_rise: at_least(rises), p_fall: at_least(falls) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_ten_pairs_rising_is_one_in_1024() {
        let first: Vec<f64> = (0..10).map(f64::from).collect();
        let second: Vec<f64> = first.iter().map(|value| value + 1.0).collect();
        let test = sign_test(&first, &second).expect("pairs");
        assert!((test.p_rise - 1.0 / 1024.0).abs() < 1e-12, "{test:?}");
        assert!((test.p_fall - 1.0).abs() < 1e-12, "{test:?}");
    }

    /// 17 of 20: (1140 + 190 + 20 + 1) / 2^20, calculated by hand.
    #[test]
    fn seventeen_of_twenty_is_just_below_one_in_500() {
        let first = [0.0; 20];
        let mut second = [1.0; 20];
        second[..3].fill(-1.0);
        let test = sign_test(&first, &second).expect("pairs");
        assert!((test.p_rise - 1351.0 / 1_048_576.0).abs() < 1e-12, "{test:?}");
    }

    #[test]
    fn ties_are_ignored_and_invalid_input_is_rejected() {
        let tied = sign_test(&[1.0, 2.0], &[1.0, 2.0]).expect("pairs");
        assert_eq!((tied.p_rise, tied.p_fall), (1.0, 1.0));
        assert_eq!(sign_test(&[1.0, 1.0, 1.0], &[1.0, 1.0, 2.0]), sign_test(&[1.0], &[2.0]));
        assert_eq!(sign_test(&[], &[]), None);
        assert_eq!(sign_test(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(sign_test(&[f64::NAN], &[1.0]), None);
    }
}
