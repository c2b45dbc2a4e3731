//! Creep: a trend between two change points whose total exceeds the noise floor, although none of its steps does.

use highwater_stats::{ROUNDING, mann_kendall_two_sided, median_slope};
use serde::Serialize;

use super::{Series, WINDOW, level};

/// The number of seconds of a week.
const WEEK: f64 = 7.0 * 86_400.0;

/// Growth or shrinkage in steps that are each below the noise floor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Creep {
    /// The index of the first value.
    pub first: usize,
    /// The index of the last value.
    pub last: usize,
    /// The index of the last step: from there on nothing grew.
    pub last_step: usize,
    /// The level at the beginning.
    pub from: f64,
    /// The level at the end.
    pub to: f64,
    /// The Theil-Sen slope per revision.
    pub per_revision: f64,
    /// The Theil-Sen slope per week; `None` if the commits are less than a week apart.
    pub per_week: Option<f64>,
    /// The weeks from the first commit to the last.
    pub weeks: f64,
    /// The p-value of the two-sided Mann-Kendall test, corrected for all series of the history.
    pub p: f64,
}

impl Creep {
    /// The change of the level.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.to - self.from
    }

    /// Fills in the slopes, which take the most time, so that it is done for findings only.
    pub(super) fn measure(&mut self, series: &Series) {
        let values = &series.values[self.first..=self.last];
        let revisions: Vec<f64> = (0..values.len()).map(|index| index as f64).collect();
        self.per_revision = median_slope(&revisions, values).unwrap_or_default();
        let Some(times) = series.times.get(self.first..=self.last) else { return };
        let weeks: Vec<f64> = times.iter().map(|time| (time - times[0]) as f64 / WEEK).collect();
        self.weeks = weeks.last().copied().unwrap_or_default();
        self.per_week = median_slope(&weeks, values).filter(|_| self.weeks >= 1.0);
    }
}

/// Tests each part of a series between two `large` steps. `places` are all steps that were proposed.
pub(super) fn between(values: &[f64], places: &[usize], large: &[usize], noise: f64) -> Vec<Creep> {
    let starts = [0].into_iter().chain(large.iter().copied());
    let ends = large.iter().copied().chain([values.len()]);
    let part = |(start, end): (usize, usize)| {
        let small: Vec<usize> = places.iter().copied().filter(|place| start < *place && *place < end).collect();
        of_part(values, start, end, &small, noise)
    };
    starts.zip(ends).filter_map(part).collect()
}

/// The part from `start` to before `end`, with at least two small steps. It creeps from about one step before its first small step to one after the
/// last.
fn of_part(values: &[f64], start: usize, end: usize, small: &[usize], noise: f64) -> Option<Creep> {
    let [first_step, second, ..] = *small else { return None };
    let [.., last_but_one, last_step] = *small else { return None };
    let first = first_step.saturating_sub(second - first_step).max(start);
    let last = (last_step + (last_step - last_but_one)).min(end) - 1;
    let from = level(&values[first..first_step.min(first + WINDOW)]);
    let to = level(&values[last_step.max((last + 1).saturating_sub(WINDOW))..=last]);
    if (to - from).abs() <= noise + ROUNDING {
        return None;
    }
    let p = mann_kendall_two_sided(&values[start..end])?;
    Some(Creep { first, last, last_step, from, to, per_revision: 0.0, per_week: None, weeks: 0.0, p })
}
