//! What one more unit costs: the Theil-Sen slope over a ladder, its interval over workers, and
//! whether the line is a line.
//!
//! Sources: H. Theil, "A rank-invariant method of linear and polynomial regression analysis" (1950);
//! P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968);
//! percentile bootstrap: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), §13.3.

use std::fmt;

use serde::Serialize;

use super::{order::median, random::Random};

/// A line fitted through one case's rungs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Bytes (or counts) per unit: the median of the workers' slopes.
    pub slope: f64,
    /// Lower end of the 95 % interval over workers.
    pub low: f64,
    /// Upper end of the 95 % interval over workers.
    pub high: f64,
    /// Whether the cost per unit changes along the ladder.
    pub bend: Bend,
}

/// The middle of several workers' values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Middle {
    /// Their median.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
}

/// Whether growth is linear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// The two halves of the ladder agree within a quantum per rung and 5 %.
    Linear,
    /// Units cost more at the top.
    Up,
    /// Units cost less at the top.
    Down,
}

impl fmt::Display for Bend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear => "linear",
            Self::Up => "bends up",
            Self::Down => "bends down",
        })
    }
}

/// Resamples in the bootstrap.
const RESAMPLES: usize = 500;
/// Always the same, so that a record gives the same interval whenever it is looked at.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// Two halves of a ladder that differ by less than this part are called linear.
const BEND_PART: f64 = 0.05;

/// Fits the rungs of several workers: `scales[i]` units gave `workers[w][i]`. `quantum` is the
/// grain of the values (a page), within which a bend is no bend.
///
/// Returns `None` for fewer than two rungs or no workers.
#[must_use]
pub fn fit(scales: &[f64], workers: &[Vec<f64>], quantum: f64) -> Option<Line> {
    if scales.len() < 2 || workers.is_empty() {
        return None;
    }
    let slopes: Vec<f64> = workers.iter().filter_map(|values| theil_sen(scales, values)).collect();
    let Middle { value: slope, low, high } = middle(&slopes)?;
    let medians: Option<Vec<f64>> = (0..scales.len())
        .map(|rung| median(&workers.iter().filter_map(|values| values.get(rung).copied()).collect::<Vec<_>>()))
        .collect();
    Some(Line { slope, low, high, bend: bend(scales, &medians?, quantum) })
}

/// The median of the values, one per worker, and its interval by bootstrap over workers: no width where
/// they agree.
///
/// Returns `None` of no values, or where one is not finite.
#[must_use]
pub fn middle(values: &[f64]) -> Option<Middle> {
    let value = median(values).filter(|_| values.iter().all(|value| value.is_finite()))?;
    let agree = values.iter().all(|other| other == &values[0]);
    let (low, high) = if agree { (value, value) } else { bootstrap(values) };
    Some(Middle { value, low, high })
}

/// The median of the slopes of all pairs of points.
pub(super) fn theil_sen(x: &[f64], y: &[f64]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (i, (xi, yi)) in x.iter().zip(y).enumerate() {
        for (xj, yj) in x.iter().zip(y).skip(i + 1) {
            if xi != xj {
                slopes.push((yj - yi) / (xj - xi));
            }
        }
    }
    median(&slopes)
}

/// Compares the slope of the lower half of the ladder with that of the upper half.
fn bend(x: &[f64], y: &[f64], quantum: f64) -> Bend {
    let (last, middle) = (x.len() - 1, x.len() / 2);
    if last < 2 {
        return Bend::Linear;
    }
    let lower = (y[middle] - y[0]) / (x[middle] - x[0]);
    let upper = (y[last] - y[middle]) / (x[last] - x[middle]);
    // Each half is known to a quantum at either end.
    let grain = quantum / (x[middle] - x[0]) + quantum / (x[last] - x[middle]);
    let allowed = grain.max(BEND_PART * lower.abs().max(upper.abs()));
    match upper - lower {
        d if d > allowed => Bend::Up,
        d if d < -allowed => Bend::Down,
        _ => Bend::Linear,
    }
}

/// The percentile interval of the median of resampled workers, 2.5 % to 97.5 %.
fn bootstrap(values: &[f64]) -> (f64, f64) {
    let mut random = Random::seeded(SEED);
    let mut resample = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            random.resample(values, &mut resample);
            median(&resample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |part: f64| medians[((medians.len() - 1) as f64 * part).round() as usize];
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlying_rung_does_not_move_the_slope() {
        let line = fit(&[1.0, 2.0, 3.0, 4.0, 5.0], &[vec![10.0, 20.0, 30.0, 40.0, 500.0]], 1.0);
        assert_eq!(line.map(|line| line.slope), Some(10.0));
    }

    #[test]
    fn workers_that_agree_have_an_interval_of_no_width() {
        let line = fit(&[1.0, 10.0, 100.0], &vec![vec![4096.0, 40960.0, 409_600.0]; 5], 4096.0);
        assert_eq!(line, Some(Line { slope: 4096.0, low: 4096.0, high: 4096.0, bend: Bend::Linear }));
    }

    #[test]
    fn workers_that_differ_have_an_interval_around_their_median() {
        let workers: Vec<Vec<f64>> = (0..20).map(|w| vec![0.0, 100.0 + f64::from(w)]).collect();
        let line = fit(&[0.0, 1.0], &workers, 1.0).expect("two rungs");
        assert!(line.low < line.slope && line.slope < line.high, "{line:?}");
        assert!(line.low >= 100.0 && line.high <= 119.0, "{line:?}");
    }

    #[test]
    fn growth_that_speeds_up_or_slows_down_is_named() {
        let scales = [1.0, 10.0, 50.0, 100.0];
        let quadratic: Vec<f64> = scales.iter().map(|n| n * n * 4096.0).collect();
        let root: Vec<f64> = scales.iter().map(|n| n.sqrt() * 40960.0).collect();
        assert_eq!(fit(&scales, &[quadratic], 4096.0).map(|l| l.bend), Some(Bend::Up));
        assert_eq!(fit(&scales, &[root], 4096.0).map(|l| l.bend), Some(Bend::Down));
    }

    #[test]
    fn a_single_rung_has_no_slope() {
        assert_eq!(fit(&[1.0], &[vec![1.0]], 1.0), None);
        assert_eq!(fit(&[1.0, 2.0], &[], 1.0), None);
    }

    proptest::proptest! {
        #[test]
        fn the_slope_follows_a_scaled_and_shifted_line(
            a in -1000i32..1000, b in -1000i32..1000, n in 2usize..8,
        ) {
            let scales: Vec<f64> = (1..=n).map(|i| i as f64).collect();
            let values: Vec<f64> = scales.iter().map(|x| f64::from(a) * x + f64::from(b)).collect();
            let line = fit(&scales, &[values], 1.0).expect("n >= 2");
            proptest::prop_assert!((line.slope - f64::from(a)).abs() < 1e-9);
            proptest::prop_assert_eq!(line.bend, Bend::Linear);
        }
    }
}
