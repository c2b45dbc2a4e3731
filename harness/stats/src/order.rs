//! Values in order: sorting that refuses what is not a number, levels of equal values, the median
//! and quantiles.
//!
//! Quantiles are the inverse of the empirical distribution, definition 1 of R. Hyndman and Y. Fan,
//! "Sample quantiles in statistical packages", The American Statistician 50 (1996): always a value
//! that occurred, so that a quantile of whole pages is whole pages.

/// Slopes are quotients of whole numbers: values no further apart than this (bytes, counts, or
/// either per unit) differ by rounding and are one level.
pub const ROUNDING: f64 = 1e-6;

/// The values from low to high. `None` of no values, or where one is not finite.
pub(super) fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

/// The different values, from low to high, and how many samples hold each.
#[derive(Debug)]
pub(super) struct Levels {
    starts: Vec<f64>,
    counts: Vec<usize>,
}

impl Levels {
    /// Joins values that differ by [`ROUNDING`] or less. `None` as of [`sorted`].
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

    /// Samples at each level, from the lowest. Never empty.
    pub(super) fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Which level a value of this sample is on.
    pub(super) fn index(&self, value: f64) -> usize {
        self.starts.partition_point(|start| *start <= value).saturating_sub(1)
    }
}

/// The middle value; the mean of the middle two of an even number. `None` of nothing.
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

/// The smallest value that at least this part (0 to 1) of the values do not exceed. `None` as of
/// [`sorted`], or for a part outside 0 to 1.
pub(super) fn quantile(values: &[f64], part: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&part) {
        return None;
    }
    let sorted = sorted(values)?;
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_equal_values_and_forgive_rounding() {
        let third = 4096.0 / 3.0;
        let levels = Levels::of(&[5.0, third, 5.0, third + 1e-12, -1.0]).expect("finite");
        assert_eq!(levels.counts(), [1, 2, 2]);
        assert_eq!([-1.0, 5.0, third, third + 1e-12].map(|value| levels.index(value)), [0, 1, 2, 2]);
    }

    #[test]
    fn both_zeros_are_one_level() {
        let levels = Levels::of(&[0.0, -0.0]).expect("finite");
        assert_eq!(levels.counts(), [2]);
        assert_eq!((levels.index(0.0), levels.index(-0.0)), (0, 0));
    }

    #[test]
    fn what_is_not_a_number_has_no_order() {
        assert!(Levels::of(&[]).is_none());
        assert!(Levels::of(&[1.0, f64::NAN]).is_none());
        assert!(sorted(&[f64::INFINITY]).is_none());
    }

    #[test]
    fn a_quantile_is_a_value_that_occurred() {
        let values = [40.0, 10.0, 30.0, 20.0];
        let at = |part| quantile(&values, part);
        assert_eq!([0.0, 0.25, 0.26, 0.75, 1.0].map(at), [10.0, 10.0, 20.0, 30.0, 40.0].map(Some));
        assert_eq!((at(-0.1), at(1.1), at(f64::NAN)), (None, None, None));
    }
}
