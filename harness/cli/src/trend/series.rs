//! The series of a store: the runs of one revision are one value, and revisions are in the order of their commits.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

use highwater_history::{History, HistoryError, Point, SeriesKey, read_history};
use highwater_judge::Series;
use highwater_report::TrendRevision;
use highwater_stats::median;

/// The series of a store.
pub(super) struct Store {
    pub(super) runs: usize,
    /// The revisions in order, with their commit times in seconds since 1970.
    pub(super) revisions: Vec<(i64, TrendRevision)>,
    /// Each series, with the index of the revision of each value.
    pub(super) series: Vec<(SeriesKey, Vec<usize>, Series)>,
    /// The files that were skipped, each with the reason.
    pub(super) skipped: Vec<String>,
}

/// Reads the series of the cases for which `is_wanted`.
pub(super) fn read(store: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<Store, HistoryError> {
    let History { runs, series, skipped } = read_history(store, is_wanted)?;
    let mut revisions: Vec<(i64, &str)> = runs.iter().map(|run| (run.commit_time, run.revision.as_str())).collect();
    revisions.sort_unstable();
    revisions.dedup();
    let place = |run: &highwater_history::HistoryRun| {
        revisions.binary_search(&(run.commit_time, run.revision.as_str())).unwrap_or_else(|place| place)
    };
    let revision_of: Vec<usize> = runs.iter().map(place).collect();
    let mut series: Vec<(SeriesKey, Vec<usize>, Series)> = series
        .into_iter()
        .map(|(key, points)| {
            let (places, series) = merged(&points, &revision_of, &revisions);
            (key, places, series)
        })
        .collect();
    series.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let revision =
        |(time, commit): &(i64, &str)| (*time, TrendRevision { at: rfc3339(*time), commit: (*commit).into() });
    Ok(Store {
        runs: runs.len(),
        revisions: revisions.iter().map(revision).collect(),
        series,
        skipped: skipped.iter().map(|file| format!("{}: {}", file.path.display(), file.problem)).collect(),
    })
}

/// One value per revision: the median of its runs. The noise floor is the median of what each run had.
fn merged(points: &[Point], revision_of: &[usize], revisions: &[(i64, &str)]) -> (Vec<usize>, Series) {
    let mut by_revision: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for point in points {
        by_revision.entry(revision_of[point.run]).or_default().push(point.value);
    }
    let noise: Vec<f64> = points.iter().map(|point| point.tolerance + point.max - point.min).collect();
    let places: Vec<usize> = by_revision.keys().copied().collect();
    let series = Series {
        values: by_revision.values().filter_map(|values| median(values)).collect(),
        times: places.iter().map(|place| revisions[*place].0).collect(),
        noise: median(&noise).unwrap_or_default(),
    };
    (places, series)
}

/// A time in UTC.
fn rfc3339(seconds: i64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.clamp(0, 253_402_300_799) as u64);
    humantime::format_rfc3339_seconds(time).to_string()
}
