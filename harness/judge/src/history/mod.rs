//! Judges the history of a quantity: where its level changed, and whether it creeps, that is, grows in steps that are
//! each too small for the gate.
//!
//! ```text
//!  values   the gated values of a run: what a history is made of
//!  steps    change points: proposed by PELT, kept if they exceed the noise floor, tested
//!  creep    the trend of what lies between change points
//! ```
//!
//! A history has thousands of series, so that some of them look changed by chance. All tests of all series are corrected
//! together, to a false-discovery rate of [`FALSE_DISCOVERIES`].

mod creep;
mod steps;
mod values;

use highwater_stats::{benjamini_hochberg, median};

pub use creep::Creep;
pub use steps::ChangePoint;
pub use values::{GatedValue, gated_values};

/// The expected share of findings without a cause: at most this.
pub const FALSE_DISCOVERIES: f64 = 0.05;

/// The fewest values of a level. One or two odd values are outliers.
const SHORTEST: usize = 3;
/// The number of values before and after a place whose medians are compared there. A trend moves them apart by its
/// slope times this only, so that a slow one is not mistaken for a step.
const WINDOW: usize = 10;

/// A quantity over revisions, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The value at each revision.
    pub values: Vec<f64>,
    /// The commit time of each revision, in seconds.
    pub times: Vec<i64>,
    /// The largest change that the gate does not report: the tolerance and the range of the workers.
    pub noise: f64,
}

/// The findings in one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trend {
    /// The change points, oldest first.
    pub change_points: Vec<ChangePoint>,
    /// Creep, oldest first.
    pub creep: Vec<Creep>,
}

impl Trend {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.change_points.is_empty() && self.creep.is_empty()
    }
}

/// Judges all series of a history together. The result has one entry for each series, in the same order.
#[must_use]
pub fn judge_history(series: &[Series]) -> Vec<Trend> {
    let mut trends: Vec<Trend> = series.iter().map(proposed).collect();
    // A series without a proposal was tested too. Each counts with one test of each kind at least.
    let tests = trends.iter().flat_map(|trend| {
        let (points, creep) = (&trend.change_points, &trend.creep);
        let none = [points.is_empty(), creep.is_empty()].into_iter().filter(|none| *none).map(|_| 1.0);
        points.iter().map(|point| point.p).chain(creep.iter().map(|creep| creep.p)).chain(none)
    });
    let adjusted = benjamini_hochberg(&tests.collect::<Vec<f64>>());
    let mut adjusted = adjusted.into_iter();
    for trend in &mut trends {
        let none = usize::from(trend.change_points.is_empty()) + usize::from(trend.creep.is_empty());
        let mut is_found = |p: &mut f64| {
            *p = adjusted.next().unwrap_or(1.0);
            *p <= FALSE_DISCOVERIES
        };
        trend.change_points.retain_mut(|point| is_found(&mut point.p));
        trend.creep.retain_mut(|creep| is_found(&mut creep.p));
        adjusted.by_ref().take(none).for_each(drop);
    }
    for (series, trend) in series.iter().zip(&mut trends) {
        trend.creep.iter_mut().for_each(|creep| creep.measure(series));
    }
    trends
}

/// What exceeds the noise floor of a series, with uncorrected p-values.
fn proposed(series: &Series) -> Trend {
    let values = &series.values;
    let Some(places) = highwater_stats::change_points(values, SHORTEST).filter(|places| !places.is_empty()) else {
        return Trend::default();
    };
    let large = steps::above_noise(values, &places, series.noise);
    Trend { change_points: steps::test(values, &large), creep: creep::between(values, &places, &large, series.noise) }
}

/// The median of values that exist.
fn level(values: &[f64]) -> f64 {
    median(values).unwrap_or_default()
}
