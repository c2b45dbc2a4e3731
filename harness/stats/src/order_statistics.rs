//! Order statistics: sorting that rejects values that are not finite, levels of tied values, the median, and quantiles.
//!
//! Quantiles are the inverse of the empirical distribution function, definition 1 of R. Hyndman and Y. Fan, "Sample
//! quantiles in statistical packages", The American Statistician 50 (1996). They are always a value of the sample, so a
//! quantile of whole pages is a whole number of pages.

/// Values that differ by at most this (bytes, counts, or either per unit) are treated as equal. Slopes are quotients of
/// whole numbers, so equal ones may differ by rounding.
pub const ROUNDING: f64 = 1e-6;

/// The values in ascending order. Returns `None` without values, or if one is not finite.
pub(super) fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

/// The distinct values in ascending order, and how often each occurs.
#[derive(Debug)]
pub(super) struct Levels {
    starts: Vec<f64>,
    counts: Vec<usize>,
}

impl Levels {
    /// Merges values that differ by [`ROUNDING`] or less. Returns `None` like [`sorted`].
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let (mut starts, mut counts) = (Vec::new(), Vec::new());
        let mut last = f64::NEG_INFINITY;
        for value in sorted(values)? {
            if value - last > ROUNDING {
                starts.push(value);
                counts.push(0);
            }
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
            last = value;
        }
        Some(Self { starts, counts })
    }

    /// Number of values at each level, from the lowest. Never empty.
    pub(super) fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The index of the level of `value`, which must be one of the sample.
    pub(super) fn index(&self, value: f64) -> usize {
        self.starts.partition_point(|start| *start <= value).saturating_sub(1)
    }
}

/// The median; for an even number of values, the mean of the middle two. Returns `None` if there are no values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The smallest value that at least this fraction (0 to 1) of the values do not exceed. Returns `None` like [`sorted`],
/// or for a fraction outside 0 to 1.
pub(super) fn quantile(values: &[f64], fraction: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&fraction) {
        return None;
    }
    let sorted = sorted(values)?;
    let rank = (fraction * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_equal_values_up_to_rounding() {
        let third = 4096.0 / 3.0;
        let levels = Levels::of(&[5.0, third, 5.0, third + 1e-12, -1.0]).expect("finite");
        assert_eq!(levels.counts(), [1, 2, 2]);
        assert_eq!([-1.0, 5.0, third, third + 1e-12].map(|value| levels.index(value)), [0, 1, 2, 2]);
    }

    #[test]
    fn positive_and_negative_zero_are_one_level() {
        let levels = Levels::of(&[0.0, -0.0]).expect("finite");
        assert_eq!(levels.counts(), [2]);
        assert_eq!((levels.index(0.0), levels.index(-0.0)), (0, 0));
    }

    #[test]
    fn values_that_are_not_finite_are_rejected() {
        assert!(Levels::of(&[]).is_none());
        assert!(Levels::of(&[1.0, f64::NAN]).is_none());
        assert!(sorted(&[f64::INFINITY]).is_none());
    }

    #[test]
    fn a_quantile_is_a_value_of_the_sample() {
        let values = [40.0, 10.0, 30.0, 20.0];
        let at = |fraction| quantile(&values, fraction);
        assert_eq!([0.0, 0.25, 0.26, 0.75, 1.0].map(at), [10.0, 10.0, 20.0, 30.0, 40.0].map(Some));
        assert_eq!((at(-0.1), at(1.1), at(f64::NAN)), (None, None, None));
    }
}
