//! A leak: memory that goes on rising while the same work is repeated.
//!
//! Two things must hold, because each alone is wrong. A rise may be sure and harmless (a page in a
//! hundred windows), or steep by luck. And memory that took one step stays up, so that the trend's
//! chance is too bold for it; but the slope is the median of all pairs of windows, and mostly both
//! windows of a pair lie on the same side of the step, where the slope is 0.
//!
//! Limits: mostly, not always. A single step is told as a leak where it parts the n windows judged into
//! halves that differ by no more than about the root of n (8 and 12 of 20, 46 and 54 of 100) *and* is
//! of nearly as many pages as there are windows (17 of 20). Who must know repeats the run with another number of windows: a step stays
//! where it was, and a leak goes on.
//!
//! Sources: the tests are those of `trend.rs`; that both must hold, the project's design, §4.

use super::trend::{Trend, trend};

/// A rise is told as a leak where chance makes one as steady in no more than this part of series.
const ALPHA: f64 = 0.01;

/// Memory that goes on rising.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leak {
    /// Bytes (or counts) per window.
    pub slope: f64,
    /// The chance of so steady a rise without a trend: at most 0.01.
    pub p: f64,
    /// Windows that were judged: those after the warm-up.
    pub windows: usize,
}

/// Tells a leak from the memory after each window of the same work, in bytes or counts, in order of
/// time. The first `warm_up` windows are left out: caches fill, and that is no leak. `page` is the
/// quantum of the values, above 0.
///
/// `None` unless the trend is significant at 0.01 *and* its slope at least a page per window; also
/// where nothing can be said, as of [`trend`]. Use that for the figures of a series that holds.
#[must_use]
pub fn leak(values: &[f64], warm_up: usize, page: f64) -> Option<Leak> {
    let judged = values.get(warm_up..)?;
    let Trend { p, slope, .. } = trend(judged)?;
    // A quantum that is not a number compares as false.
    (page > 0.0 && p <= ALPHA && slope >= page).then_some(Leak { slope, p, windows: judged.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: f64 = 4096.0;

    #[test]
    fn a_page_in_every_window_is_a_leak() {
        let values: Vec<f64> = (0..20).map(|window| 1e6 + PAGE * f64::from(window)).collect();
        let leak = leak(&values, 5, PAGE).expect("a leak");
        assert_eq!((leak.slope, leak.windows), (PAGE, 15));
        // One order of 15!.
        assert!(leak.p < 1e-12);
    }

    #[test]
    fn a_sure_rise_of_less_than_a_page_per_window_is_none() {
        let values: Vec<f64> = (0..40).map(|window| PAGE * f64::from(window / 2)).collect();
        assert!(trend(&values).expect("values").p < 1e-6);
        assert_eq!(leak(&values, 5, PAGE), None);
    }

    #[test]
    fn a_steep_rise_in_four_windows_is_none_and_in_five_is_one() {
        let rising = |windows: u32| (0..windows).map(|window| 8192.0 * f64::from(window)).collect::<Vec<f64>>();
        assert_eq!(leak(&rising(4), 0, PAGE), None);
        assert!(leak(&rising(5), 0, PAGE).is_some());
    }

    #[test]
    fn warming_up_is_none() {
        let warming: Vec<f64> = (0..20).map(|window| PAGE * f64::from(window.min(5))).collect();
        assert_eq!(leak(&warming, 5, PAGE), None);
    }

    #[test]
    fn one_step_is_none_unless_it_halves_the_windows_and_has_nearly_as_many_pages() {
        let told = |pages: f64| {
            let step =
                |at: i32| (0..20).map(|window| if window < at { 0.0 } else { pages * PAGE }).collect::<Vec<f64>>();
            (0..20).filter(|at| leak(&step(*at), 0, PAGE).is_some()).collect::<Vec<i32>>()
        };
        assert!(told(16.0).is_empty());
        // The limit stated above.
        assert_eq!(told(17.0), [9, 10, 11]);
        assert_eq!(told(1000.0), [8, 9, 10, 11, 12]);
    }

    #[test]
    fn no_windows_and_no_page_are_no_leak() {
        assert_eq!(leak(&[1.0, 2.0], 2, 1.0), None);
        assert_eq!(leak(&[1.0, 2.0], 3, 1.0), None);
        let rising: Vec<f64> = (0..9).map(f64::from).collect();
        assert_eq!([0.0, -1.0, f64::NAN].map(|page| leak(&rising, 0, page)), [None; 3]);
        assert!(leak(&rising, 0, 1.0).is_some());
    }

    proptest! {
        #[test]
        fn a_leak_of_two_pages_is_seen_through_noise_of_one(
            noise in prop::collection::vec(0_u8..=1, 12..40), base in 0_u32..1_000_000,
        ) {
            let values: Vec<f64> = (0_u32..)
                .zip(&noise)
                .map(|(window, noise)| f64::from(base) + PAGE * (f64::from(2 * window) + f64::from(*noise)))
                .collect();
            prop_assert!(leak(&values, 0, PAGE).is_some());
        }

        #[test]
        fn what_falls_never_leaks(values in prop::collection::vec((0_i8..20).prop_map(f64::from), 2..40)) {
            let falling: Vec<f64> =
                values.iter().enumerate().map(|(window, value)| value - 20.0 * window as f64).collect();
            prop_assert_eq!(leak(&falling, 0, 1.0), None);
        }

        #[test]
        fn no_value_makes_it_panic(
            values in prop::collection::vec(any::<f64>(), 0..8), warm_up in 0_usize..10, page in any::<f64>(),
        ) {
            let _ = leak(&values, warm_up, page);
        }
    }
}
