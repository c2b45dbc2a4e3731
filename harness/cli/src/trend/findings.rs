//! Judges the series of a store, and says which findings a blessing accepted.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use globset::Glob;
use highwater_history::SeriesKey;
use highwater_judge::{Series, baselines, judge_history};
use highwater_model::{Aspect, Blessing, CaseId, MachineClass, Unit};
use highwater_report::{CreepRate, TrendFinding, TrendReport, TrendSeries};

use super::series::Store;
use crate::CliError;

/// Judges all series together. The baselines say what was blessed.
pub(super) fn judge(store: Store, baselines: &Path) -> Result<TrendReport, CliError> {
    let Store { runs, revisions, series, skipped } = store;
    let mut blessings = Blessings::new(baselines);
    let (names, series): (Vec<(SeriesKey, Vec<usize>)>, Vec<Series>) =
        series.into_iter().map(|(key, places, series)| ((key, places), series)).unzip();
    let trends = judge_history(&series);
    let mut findings = Vec::new();
    for (((key, places), series), trend) in names.iter().zip(&series).zip(trends) {
        if trend.is_empty() {
            continue;
        }
        let blessed = blessings.of(&key.class, &key.case)?;
        let after = |blessed: &i64| series.times.partition_point(|time| time <= blessed);
        let drawn = Arc::new(TrendSeries {
            values: series.values.clone(),
            changes: trend.change_points.iter().map(|point| point.index).collect(),
            blessings: blessings_of(blessed.iter().map(after), series.times.len()),
        });
        let finding = |begin: usize, last: usize, (from, to): (f64, f64), p: f64| TrendFinding {
            class: key.class.clone(),
            case: key.case.clone(),
            quantity: key.quantity,
            aspect: key.aspect.clone(),
            per: key.per.clone(),
            from,
            to,
            p,
            noise: series.noise,
            begin: revisions[places[begin]].1.clone(),
            end: None,
            creep: None,
            blessed: blessed.iter().any(|blessed| *blessed >= series.times[last]),
            series: Arc::clone(&drawn),
        };
        findings.extend(trend.creep.iter().map(|creep| TrendFinding {
            end: Some(revisions[places[creep.last]].1.clone()),
            creep: Some(CreepRate { per_revision: creep.per_revision, per_week: creep.per_week, weeks: creep.weeks }),
            ..finding(creep.first, creep.last_step, (creep.from, creep.to), creep.p)
        }));
        let points = trend.change_points.iter();
        findings.extend(points.map(|point| finding(point.index, point.index, (point.from, point.to), point.p)));
    }
    // The largest relative to its noise floor first. Of exact quantities, bytes first, because a count of mappings is not
    // smaller than a byte, and then the cost of a unit, which says more than growth at one rung.
    let kind =
        |finding: &TrendFinding| (finding.quantity.unit() == Unit::Bytes, matches!(finding.aspect, Aspect::Slope(_)));
    findings.sort_by(|a, b| {
        let by_size = b.size().total_cmp(&a.size()).then_with(|| kind(b).cmp(&kind(a)));
        by_size.then_with(|| b.change().abs().total_cmp(&a.change().abs()))
    });
    Ok(TrendReport { runs, revisions: revisions.len(), series: series.len(), findings, skipped })
}

/// The places of the first values after a blessing, of which several may be between two revisions.
fn blessings_of(places: impl Iterator<Item = usize>, revisions: usize) -> Vec<usize> {
    let places: BTreeSet<usize> = places.filter(|index| (1..revisions).contains(index)).collect();
    places.into_iter().collect()
}

/// The blessings of each baseline, each read once.
struct Blessings<'a> {
    folder: &'a Path,
    known: BTreeMap<(MachineClass, String), Vec<Blessing>>,
}

impl<'a> Blessings<'a> {
    fn new(folder: &'a Path) -> Self {
        Self { folder, known: BTreeMap::new() }
    }

    /// When a case was blessed, in seconds since 1970.
    fn of(&mut self, class: &MachineClass, case: &CaseId) -> Result<Vec<i64>, CliError> {
        let key = (class.clone(), case.family().to_owned());
        if !self.known.contains_key(&key) {
            let baseline = baselines::read(self.folder, class, case.family())?;
            self.known.insert(key.clone(), baseline.map(|baseline| baseline.blessings).unwrap_or_default());
        }
        let is_of_case = |blessing: &&Blessing| match blessing.cases.as_deref().map(Glob::new) {
            None => true,
            Some(Ok(glob)) => glob.compile_matcher().is_match(case.as_str()),
            Some(Err(_)) => false,
        };
        let time = |blessing: &Blessing| {
            let time = humantime::parse_rfc3339(&blessing.at).ok()?;
            i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()
        };
        Ok(self.known[&key].iter().filter(is_of_case).filter_map(time).collect())
    }
}
