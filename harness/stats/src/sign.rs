//! The sign test of paired values: in how many pairs is the second larger than the first, and how
//! easily would chance alone make it so many?
//!
//! Source: J. Arbuthnot 1710, as in W. Conover, "Practical Nonparametric Statistics" (3rd ed.), §3.4.
//! Pairs that tie are left out. It asks nothing of how the values are distributed, only that under no
//! change each pair is as likely to go one way as the other, which random order within the pair gives.

use super::counting::ln_choose;

/// What the pairs say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    /// Chance of as many pairs rising, if neither direction is preferred.
    pub p_rise: f64,
    /// Chance of as many falling.
    pub p_fall: f64,
}

/// The one-sided chances of the pairs `(first[i], second[i])`. Values within [`super::ROUNDING`] tie;
/// where all do, both chances are 1.
///
/// `None` where the lengths differ, there are no pairs, or a value is not finite.
#[must_use]
pub fn sign(first: &[f64], second: &[f64]) -> Option<Sign> {
    let finite = first.iter().chain(second).all(|value| value.is_finite());
    if first.is_empty() || first.len() != second.len() || !finite {
        return None;
    }
    let moves = || first.iter().zip(second).map(|(first, second)| second - first);
    let rises = moves().filter(|by| *by > super::ROUNDING).count();
    let falls = moves().filter(|by| *by < -super::ROUNDING).count();
    let n = rises + falls;
    let at_least = |k: usize| (k..=n).map(|k| (ln_choose(n, k) - n as f64 * 2_f64.ln()).exp()).sum::<f64>().min(1.0);
    Some(Sign { p_rise: at_least(rises), p_fall: at_least(falls) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_ten_pairs_rising_is_one_in_1024() {
        let first: Vec<f64> = (0..10).map(f64::from).collect();
        let second: Vec<f64> = first.iter().map(|value| value + 1.0).collect();
        let sign = sign(&first, &second).expect("pairs");
        assert!((sign.p_rise - 1.0 / 1024.0).abs() < 1e-12, "{sign:?}");
        assert!((sign.p_fall - 1.0).abs() < 1e-12, "{sign:?}");
    }

    /// 17 of 20: (1140 + 190 + 20 + 1) / 2^20, by hand.
    #[test]
    fn seventeen_of_twenty_is_just_below_one_in_500() {
        let first = [0.0; 20];
        let mut second = [1.0; 20];
        second[..3].fill(-1.0);
        let sign = sign(&first, &second).expect("pairs");
        assert!((sign.p_rise - 1351.0 / 1_048_576.0).abs() < 1e-12, "{sign:?}");
    }

    #[test]
    fn ties_say_nothing() {
        let tied = sign(&[1.0, 2.0], &[1.0, 2.0]).expect("pairs");
        assert_eq!((tied.p_rise, tied.p_fall), (1.0, 1.0));
        assert_eq!(sign(&[1.0, 1.0, 1.0], &[1.0, 1.0, 2.0]), sign(&[1.0], &[2.0]));
        assert_eq!(sign(&[], &[]), None);
        assert_eq!(sign(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(sign(&[f64::NAN], &[1.0]), None);
    }
}
