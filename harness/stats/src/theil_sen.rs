//! The marginal cost per unit: the Theil-Sen slope over the rungs of a ladder, its confidence interval over workers,
//! and whether growth is linear.
//!
//! Sources: H. Theil, "A rank-invariant method of linear and polynomial regression analysis" (1950);
//! P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968);
//! percentile bootstrap: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), §13.3.

use std::fmt;

use serde::Serialize;

use fastrand::Rng;

use super::{order_statistics::median, resample::resample};

/// A line fitted to the rungs of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearFit {
    /// Bytes (or counts) per unit: the median of the workers' slopes.
    pub slope: f64,
    /// Lower end of the 95 % confidence interval over workers.
    pub low: f64,
    /// Upper end of the 95 % confidence interval over workers.
    pub high: f64,
    /// Whether the cost per unit is constant along the ladder.
    pub linearity: Linearity,
}

/// The median of several workers' values, with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MedianEstimate {
    /// The median.
    pub value: f64,
    /// Lower end of the 95 % confidence interval.
    pub low: f64,
    /// Upper end of the 95 % confidence interval.
    pub high: f64,
}

/// Whether growth is linear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linearity {
    /// The slopes of the two halves of the ladder agree within 5 %, or within the quantum of the values.
    Linear,
    /// The marginal cost rises along the ladder.
    Superlinear,
    /// The marginal cost falls along the ladder.
    Sublinear,
}

impl fmt::Display for Linearity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear => "linear",
            Self::Superlinear => "superlinear",
            Self::Sublinear => "sublinear",
        })
    }
}

/// Up to this many values are resampled. For more, the interval follows from their order, which takes a hundredth of the
/// time and differs by less than the resampling error.
const MAX_RESAMPLED: usize = 1000;
/// Number of bootstrap resamples.
const RESAMPLES: usize = 500;
/// A fixed seed, so that a record always gives the same interval.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// The number of points from which on only some of their pairs are used: half a million pairs. Ladders have a dozen rungs.
const MAX_COMPLETE: usize = 1000;
/// Relative difference of the slopes of the two halves of a ladder up to which growth is called linear.
const LINEARITY_TOLERANCE: f64 = 0.05;

/// Fits a line to the rungs of several workers: worker `w` had the value `workers[w][i]` at `scales[i]` units.
/// `quantum` is the resolution of the values (a page), within which growth counts as linear.
///
/// Returns `None` if there are fewer than two rungs or no workers.
#[must_use]
pub fn theil_sen_fit(scales: &[f64], workers: &[Vec<f64>], quantum: f64) -> Option<LinearFit> {
    if scales.len() < 2 || workers.is_empty() {
        return None;
    }
    let slopes: Vec<f64> = workers.iter().filter_map(|values| median_slope(scales, values)).collect();
    let MedianEstimate { value: slope, low, high } = estimate_median(&slopes)?;
    let medians: Option<Vec<f64>> = (0..scales.len())
        .map(|rung| median(&workers.iter().filter_map(|values| values.get(rung).copied()).collect::<Vec<_>>()))
        .collect();
    Some(LinearFit { slope, low, high, linearity: linearity(scales, &medians?, quantum) })
}

/// The median of the values, one per worker, and its bootstrap confidence interval, which has zero width if all values
/// are equal.
///
/// Returns `None` if there are no values, or if one is not finite.
#[must_use]
pub fn estimate_median(values: &[f64]) -> Option<MedianEstimate> {
    let value = median(values).filter(|_| values.iter().all(|value| value.is_finite()))?;
    let all_equal = values.iter().all(|other| other == &values[0]);
    let (low, high) = match values.len() {
        _ if all_equal => (value, value),
        many if many > MAX_RESAMPLED => order_statistics_interval(values),
        _ => bootstrap(values),
    };
    Some(MedianEstimate { value, low, high })
}

/// The Theil-Sen estimator: the median of the slopes of all pairs of points, or, of 1,000 points and more, of
/// the pairs that are half of the points apart (Theil's incomplete method), so that time and memory stay bounded.
///
/// Returns `None` if no two points have different `x`.
#[must_use]
pub fn median_slope(x: &[f64], y: &[f64]) -> Option<f64> {
    let points = x.len().min(y.len());
    let slope = |(i, j): (usize, usize)| (x[i] != x[j]).then(|| (y[j] - y[i]) / (x[j] - x[i]));
    let slopes: Vec<f64> = if points < MAX_COMPLETE {
        (0..points).flat_map(|i| (i + 1..points).map(move |j| (i, j))).filter_map(slope).collect()
    } else {
        let half = points.div_ceil(2);
        (0..points - half).map(|i| (i, i + half)).filter_map(slope).collect()
    };
    median(&slopes)
}

/// Compares the slope of the lower half of the ladder with that of the upper half.
fn linearity(x: &[f64], y: &[f64], quantum: f64) -> Linearity {
    let (last, middle) = (x.len() - 1, x.len() / 2);
    if last < 2 {
        return Linearity::Linear;
    }
    let lower = (y[middle] - y[0]) / (x[middle] - x[0]);
    let upper = (y[last] - y[middle]) / (x[last] - x[middle]);
    // Each value is uncertain by a quantum.
    let resolution = quantum / (x[middle] - x[0]) + quantum / (x[last] - x[middle]);
    let allowed = resolution.max(LINEARITY_TOLERANCE * lower.abs().max(upper.abs()));
    match upper - lower {
        d if d > allowed => Linearity::Superlinear,
        d if d < -allowed => Linearity::Sublinear,
        _ => Linearity::Linear,
    }
}

/// The percentile interval of the median of resampled workers, 2.5 % to 97.5 %.
fn bootstrap(values: &[f64]) -> (f64, f64) {
    let mut random = Rng::with_seed(SEED);
    let mut drawn = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            resample(&mut random, values, &mut drawn);
            median(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |fraction: f64| medians[((medians.len() - 1) as f64 * fraction).round() as usize];
    (at(0.025), at(0.975))
}

/// The interval between two order statistics that covers the median with a probability of 95 %, in the normal
/// approximation of the binomial distribution: W. J. Conover, "Practical Nonparametric Statistics" (1999), §3.2.
fn order_statistics_interval(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (middle, reach) = ((sorted.len() - 1) as f64 / 2.0, 1.96 * (sorted.len() as f64).sqrt() / 2.0);
    let last = sorted.len() - 1;
    (sorted[(middle - reach).floor().max(0.0) as usize], sorted[((middle + reach).ceil() as usize).min(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_workers_have_the_interval_of_the_bootstrap_in_bounded_time() {
        let values = |n: usize| (0..n).map(|i| ((i * 7919) % n) as f64).collect::<Vec<_>>();
        let (resampled, ordered) = (bootstrap(&values(1001)), order_statistics_interval(&values(1001)));
        assert!(
            (resampled.0 - ordered.0).abs() < 8.0 && (resampled.1 - ordered.1).abs() < 8.0,
            "{resampled:?} {ordered:?}"
        );
        let start = std::time::Instant::now();
        let estimate = estimate_median(&values(100_000)).expect("values");
        assert!(
            estimate.low < estimate.value && estimate.value < estimate.high && estimate.high - estimate.low < 1000.0
        );
        assert!(start.elapsed() < std::time::Duration::from_secs(5));
    }

    /// All pairs of 20,000 points took 3 GB and a minute for each worker of a record.
    #[test]
    fn a_long_ladder_takes_time_in_proportion_to_its_length() {
        let points = 200_000;
        let x: Vec<f64> = (0..points).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 3.0 * x + if x % 10.0 == 0.0 { 1e6 } else { 0.0 }).collect();
        let start = std::time::Instant::now();
        assert_eq!(median_slope(&x, &y), Some(3.0));
        assert!(start.elapsed() < std::time::Duration::from_secs(10));
        let short = |points: usize| median_slope(&x[..points], &y[..points]);
        assert_eq!((short(MAX_COMPLETE - 1), short(MAX_COMPLETE), short(1)), (Some(3.0), Some(3.0), None));
    }

    #[test]
    fn one_outlying_rung_does_not_move_the_slope() {
        let line = theil_sen_fit(&[1.0, 2.0, 3.0, 4.0, 5.0], &[vec![10.0, 20.0, 30.0, 40.0, 500.0]], 1.0);
        assert_eq!(line.map(|line| line.slope), Some(10.0));
    }

    #[test]
    fn equal_workers_have_an_interval_of_zero_width() {
        let line = theil_sen_fit(&[1.0, 10.0, 100.0], &vec![vec![4096.0, 40960.0, 409_600.0]; 5], 4096.0);
        assert_eq!(line, Some(LinearFit { slope: 4096.0, low: 4096.0, high: 4096.0, linearity: Linearity::Linear }));
    }

    #[test]
    fn differing_workers_have_an_interval_around_the_median() {
        let workers: Vec<Vec<f64>> = (0..20).map(|w| vec![0.0, 100.0 + f64::from(w)]).collect();
        let line = theil_sen_fit(&[0.0, 1.0], &workers, 1.0).expect("two rungs");
        assert!(line.low < line.slope && line.slope < line.high, "{line:?}");
        assert!(line.low >= 100.0 && line.high <= 119.0, "{line:?}");
    }

    #[test]
    fn superlinear_and_sublinear_growth_are_recognised() {
        let scales = [1.0, 10.0, 50.0, 100.0];
        let quadratic: Vec<f64> = scales.iter().map(|n| n * n * 4096.0).collect();
        let root: Vec<f64> = scales.iter().map(|n| n.sqrt() * 40960.0).collect();
        assert_eq!(theil_sen_fit(&scales, &[quadratic], 4096.0).map(|l| l.linearity), Some(Linearity::Superlinear));
        assert_eq!(theil_sen_fit(&scales, &[root], 4096.0).map(|l| l.linearity), Some(Linearity::Sublinear));
    }

    #[test]
    fn a_single_rung_has_no_slope() {
        assert_eq!(theil_sen_fit(&[1.0], &[vec![1.0]], 1.0), None);
        assert_eq!(theil_sen_fit(&[1.0, 2.0], &[], 1.0), None);
    }

    proptest::proptest! {
        #[test]
        fn the_slope_follows_a_scaled_and_shifted_line(
            a in -1000i32..1000, b in -1000i32..1000, n in 2usize..8,
        ) {
            let scales: Vec<f64> = (1..=n).map(|i| i as f64).collect();
            let values: Vec<f64> = scales.iter().map(|x| f64::from(a) * x + f64::from(b)).collect();
            let line = theil_sen_fit(&scales, &[values], 1.0).expect("n >= 2");
            proptest::prop_assert!((line.slope - f64::from(a)).abs() < 1e-9);
            proptest::prop_assert_eq!(line.linearity, Linearity::Linear);
        }
    }
}
