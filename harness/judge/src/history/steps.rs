//! Change points: where the median of the values before and that of the values after differ by more than the noise
//! floor.

use highwater_stats::{Events, ROUNDING, fisher_exact};
use serde::Serialize;

use super::{WINDOW, level};

/// A place where the level of a series changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChangePoint {
    /// The index of the first value of the new level.
    pub index: usize,
    /// The level before: the median of at most ten values.
    pub from: f64,
    /// The level from there on.
    pub to: f64,
    /// The p-value, corrected for all places of the series and all series of the history.
    pub p: f64,
}

impl ChangePoint {
    /// The change of the level.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.to - self.from
    }
}

/// The places whose change exceeds the noise floor. The smallest is removed first: its neighbours then have more values
/// to compare, and two small steps in a row are found as one.
pub(super) fn above_noise(values: &[f64], places: &[usize], noise: f64) -> Vec<usize> {
    let mut places = places.to_vec();
    loop {
        let change = |(position, _): (usize, &usize)| {
            let (from, to) = levels(values, &places, position);
            (position, (to - from).abs())
        };
        match places.iter().enumerate().map(change).min_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((position, change)) if change <= noise + ROUNDING => drop(places.remove(position)),
            _ => return places,
        }
    }
}

/// Tests each place: whether values closer to the new level than to the old one are more frequent up to the next place
/// than since the place before. The place is the best of all places of the series, so the p-value is multiplied by their
/// number (Bonferroni), and by two, because the level may rise or fall.
///
/// Fisher's test is exact for any noise. A rank test is not: where most values are equal, its normal approximation takes
/// three outliers in a row for a level.
pub(super) fn test(values: &[f64], places: &[usize]) -> Vec<ChangePoint> {
    let point = |(position, &index): (usize, &usize)| {
        let (before, after) = neighbours(values, places, position);
        let (from, to) = levels(values, places, position);
        let is_new = |value: &&f64| (**value - to).abs() < (**value - from).abs();
        let events = |values: &[f64]| Events { events: values.iter().filter(is_new).count(), of: values.len() };
        let p = fisher_exact(events(after), events(before));
        ChangePoint { index, from, to, p: (2.0 * p * (values.len() - 1) as f64).min(1.0) }
    };
    places.iter().enumerate().map(point).collect()
}

/// The values between a place and the one before, and those up to the next.
fn neighbours<'a>(values: &'a [f64], places: &[usize], position: usize) -> (&'a [f64], &'a [f64]) {
    let start = position.checked_sub(1).map_or(0, |before| places[before]);
    let end = places.get(position + 1).copied().unwrap_or(values.len());
    (&values[start..places[position]], &values[places[position]..end])
}

/// The levels on both sides of a place.
fn levels(values: &[f64], places: &[usize], position: usize) -> (f64, f64) {
    let (before, after) = neighbours(values, places, position);
    (level(&before[before.len().saturating_sub(WINDOW)..]), level(&after[..after.len().min(WINDOW)]))
}
