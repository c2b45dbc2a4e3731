//! How a metric is noisy, from the values of its samples: not at all, on a few levels, or anyhow.
//!
//! Measured on the project's machines (one CPU, 20 to 200 workers): with ASLR off, growth of anon
//! has one value; with ASLR on the level of anon has two or three and page tables have five; RSS has
//! sixty in 200 workers. The first are `exact`, the next `lattice`, the last `spread`.
//!
//! Source: none but the project's design, §4; the constants are defended where they stand.

use super::order::Levels;

/// The most levels of a lattice: above the five that page tables take under ASLR, and far below the
/// sixty of RSS. With the usual 20 samples a level is then seen two or three times, so that it is a
/// state the process gets into, and not a reading that was rounded.
pub const MOST_LEVELS: usize = 8;
/// A lattice has at least this many samples per level, so that a handful of different values is not
/// taken for one: five samples have two levels at most.
const SAMPLES_PER_LEVEL: usize = 2;
/// The part of the samples that the lowest level of a lattice holds at least. If it does, 20 workers
/// of an unchanged program all miss it with a chance of 0.75^20 = 0.3 %: missing it means something.
const LOW_SHARE: f64 = 0.25;

/// What the values of a metric look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Class {
    /// One value.
    Exact,
    /// Few values, of which the lowest is common: at most [`MOST_LEVELS`], each held by two samples
    /// on average, the lowest by a quarter.
    Lattice {
        /// The lowest value, in the unit of the values.
        low: f64,
        /// The part of the samples that hold it, 0.25 to 1.
        share: f64,
    },
    /// Anything else.
    Spread,
}

/// Classifies the values of one metric, one per worker. One value alone is `Exact`: how many samples
/// make that worth something is the caller's to say. Values within [`super::ROUNDING`] are one.
///
/// `None` of no values, or where one is not finite.
#[must_use]
pub fn classify(values: &[f64]) -> Option<Class> {
    let levels = Levels::of(values)?;
    let count = levels.counts().len();
    let share = levels.counts()[0] as f64 / values.len() as f64;
    Some(match count {
        1 => Class::Exact,
        _ if count <= MOST_LEVELS && count * SAMPLES_PER_LEVEL <= values.len() && share >= LOW_SHARE => {
            Class::Lattice { low: levels.low(), share }
        }
        _ => Class::Spread,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each value as often as is said.
    fn repeated(counts: &[(f64, usize)]) -> Vec<f64> {
        counts.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, *count)).collect()
    }

    #[test]
    fn one_value_is_exact() {
        assert_eq!(classify(&[4096.0; 20]), Some(Class::Exact));
        assert_eq!(classify(&[7.0]), Some(Class::Exact));
    }

    #[test]
    fn quotients_that_differ_by_rounding_are_exact() {
        let third = 4096.0_f64 / 3.0;
        assert_eq!(classify(&[third, third.next_up()]), Some(Class::Exact));
    }

    #[test]
    fn two_values_a_page_apart_are_a_lattice() {
        let values = repeated(&[(4096.0, 12), (8192.0, 8)]);
        assert_eq!(classify(&values), Some(Class::Lattice { low: 4096.0, share: 0.6 }));
    }

    #[test]
    fn a_rare_low_value_makes_it_spread() {
        assert_eq!(classify(&repeated(&[(1.0, 5), (2.0, 15)])), Some(Class::Lattice { low: 1.0, share: 0.25 }));
        assert_eq!(classify(&repeated(&[(1.0, 4), (2.0, 16)])), Some(Class::Spread));
    }

    #[test]
    fn more_than_a_few_values_are_spread() {
        let levels = |count: usize| {
            let others: Vec<(f64, usize)> = (1..count).map(|level| (level as f64, 1)).collect();
            repeated(&[vec![(0.0, 20)], others].concat())
        };
        assert!(matches!(classify(&levels(8)), Some(Class::Lattice { .. })));
        assert_eq!(classify(&levels(9)), Some(Class::Spread));
    }

    #[test]
    fn a_handful_of_different_values_is_no_lattice() {
        assert_eq!(classify(&[1.0, 2.0]), Some(Class::Spread));
        assert_eq!(classify(&[1.0, 1.0, 2.0, 3.0, 3.0]), Some(Class::Spread));
        assert!(matches!(classify(&[1.0, 1.0, 3.0, 3.0, 3.0]), Some(Class::Lattice { .. })));
    }

    #[test]
    fn nothing_and_not_a_number_have_no_class() {
        assert_eq!(classify(&[]), None);
        assert_eq!(classify(&[1.0, f64::NAN]), None);
        assert_eq!(classify(&[f64::NEG_INFINITY]), None);
    }

    proptest! {
        #[test]
        fn the_order_of_the_samples_does_not_matter(values in prop::collection::vec(0_i8..6, 1..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            prop_assert_eq!(classify(&values), classify(&reversed));
        }

        #[test]
        fn a_shift_moves_the_low_level_and_nothing_else(
            values in prop::collection::vec(0_i8..4, 1..40), shift in -1000_i32..1000,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let moved: Vec<f64> = values.iter().map(|value| value + f64::from(shift)).collect();
            let expected = match classify(&values) {
                Some(Class::Lattice { low, share }) => Some(Class::Lattice { low: low + f64::from(shift), share }),
                other => other,
            };
            prop_assert_eq!(classify(&moved), expected);
        }

        #[test]
        fn no_value_makes_it_panic(values in prop::collection::vec(any::<f64>(), 0..12)) {
            let usable = !values.is_empty() && values.iter().all(|value| value.is_finite());
            prop_assert_eq!(classify(&values).is_some(), usable);
        }
    }
}
