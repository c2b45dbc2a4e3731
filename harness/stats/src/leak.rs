//! Leak detection: memory that keeps growing while the same work is repeated.
//!
//! A leak needs both a significant trend and a minimum slope. Significance alone would report harmless growth (one page
//! in a hundred windows); a slope alone would report noise. The slope also protects against single steps: memory that
//! stepped up once stays up, which violates the independence that the trend test assumes, but most pairs of windows lie
//! on the same side of the step, so the median of the pairwise slopes is 0.
//!
//! Limits: a single step is reported as a leak if it divides the n judged windows into parts whose sizes differ by at
//! most about the square root of n (8 and 12 of 20, 46 and 54 of 100) *and* its height in pages is close to the number
//! of windows (17 pages for 20 windows). To tell them apart, repeat the run with another number of windows: a step
//! stays where it was, and a leak keeps growing.
//!
//! The trend test and the slope are those of `mann_kendall.rs`.

use super::mann_kendall::{MannKendall, mann_kendall};

/// Significance level of the trend test.
const ALPHA: f64 = 0.01;

/// Memory that keeps growing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leak {
    /// Bytes (or counts) per window.
    pub slope: f64,
    /// The one-sided p-value of the trend: at most 0.01.
    pub p: f64,
    /// Number of windows judged: those after the warm-up.
    pub windows: usize,
}

/// Detects a leak. `values` is the memory after each window of the same work, in bytes or counts, in order of time. The
/// first `warm_up` windows are ignored, because filling caches is not a leak. `page` is the quantum of the values and
/// must be positive.
///
/// Returns `None` unless the trend is significant at 0.01 *and* its slope is at least one page per window, and for
/// input that [`mann_kendall`] rejects. Use that function to get the statistics of a series without a leak.
#[must_use]
pub fn leak(values: &[f64], warm_up: usize, page: f64) -> Option<Leak> {
    let judged = values.get(warm_up..)?;
    let MannKendall { p, slope, .. } = mann_kendall(judged)?;
    // `page` may be NaN, for which the comparison is false.
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
        // One ordering of 15!.
        assert!(leak.p < 1e-12);
    }

    #[test]
    fn a_significant_rise_below_a_page_per_window_is_no_leak() {
        let values: Vec<f64> = (0..40).map(|window| PAGE * f64::from(window / 2)).collect();
        assert!(mann_kendall(&values).expect("values").p < 1e-6);
        assert_eq!(leak(&values, 5, PAGE), None);
    }

    #[test]
    fn a_leak_needs_at_least_five_windows() {
        let rising = |windows: u32| (0..windows).map(|window| 8192.0 * f64::from(window)).collect::<Vec<f64>>();
        assert_eq!(leak(&rising(4), 0, PAGE), None);
        assert!(leak(&rising(5), 0, PAGE).is_some());
    }

    #[test]
    fn growth_during_warm_up_is_no_leak() {
        let warming: Vec<f64> = (0..20).map(|window| PAGE * f64::from(window.min(5))).collect();
        assert_eq!(leak(&warming, 5, PAGE), None);
    }

    #[test]
    fn a_single_step_is_a_leak_only_if_high_and_in_the_middle() {
        let leaking_steps = |pages: f64| {
            let step =
                |at: i32| (0..20).map(|window| if window < at { 0.0 } else { pages * PAGE }).collect::<Vec<f64>>();
            (0..20).filter(|at| leak(&step(*at), 0, PAGE).is_some()).collect::<Vec<i32>>()
        };
        assert!(leaking_steps(16.0).is_empty());
        // The limit stated above.
        assert_eq!(leaking_steps(17.0), [9, 10, 11]);
        assert_eq!(leaking_steps(1000.0), [8, 9, 10, 11, 12]);
    }

    #[test]
    fn invalid_input_is_no_leak() {
        assert_eq!(leak(&[1.0, 2.0], 2, 1.0), None);
        assert_eq!(leak(&[1.0, 2.0], 3, 1.0), None);
        let rising: Vec<f64> = (0..9).map(f64::from).collect();
        assert_eq!([0.0, -1.0, f64::NAN].map(|page| leak(&rising, 0, page)), [None; 3]);
        assert!(leak(&rising, 0, 1.0).is_some());
    }

    proptest! {
        #[test]
        fn a_leak_of_two_pages_is_found_in_noise_of_one_page(
            noise in prop::collection::vec(0_u8..=1, 12..40), base in 0_u32..1_000_000,
        ) {
            let values: Vec<f64> = (0_u32..)
                .zip(&noise)
                .map(|(window, noise)| f64::from(base) + PAGE * (f64::from(2 * window) + f64::from(*noise)))
                .collect();
            prop_assert!(leak(&values, 0, PAGE).is_some());
        }

        #[test]
        fn a_falling_series_never_leaks(values in prop::collection::vec((0_i8..20).prop_map(f64::from), 2..40)) {
            let falling: Vec<f64> =
                values.iter().enumerate().map(|(window, value)| value - 20.0 * window as f64).collect();
            prop_assert_eq!(leak(&falling, 0, 1.0), None);
        }

        #[test]
        fn it_never_panics(
            values in prop::collection::vec(any::<f64>(), 0..8), warm_up in 0_usize..10, page in any::<f64>(),
        ) {
            let _ = leak(&values, warm_up, page);
        }
    }
}
