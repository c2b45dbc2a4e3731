//! The page of trends: gated metrics over the history of the baselines, with the reasons of the blessings.

use std::{borrow::Cow, sync::Arc};

use askama::Template;
use highwater_judge::{CaseView, Keep, Mode, Policy, baselines, expected, ladders, subject};
use highwater_model::{Aspect, Baseline, Metric, Record, Summary};

use super::{CaseLink, Frame};
use crate::{
    TrendFinding, TrendReport,
    counted::counted,
    site::chart::{self, Chart, HistoryPlan, Line, LinesPlan, Point, Steps},
    site::format::{amount, change},
    site::panel::{self, MOST_CHARTS, MOST_SERIES, Panel},
    site::{Blessed, History, Material, SiteError, names},
    trend_groups::TrendGroup,
};

#[derive(Debug, Template)]
#[template(path = "site/trend.html")]
pub(super) struct Trend {
    frame: Frame,
    store: Option<StoreSection>,
    families: Vec<Group>,
}

/// The findings in a history store.
#[derive(Debug)]
struct StoreSection {
    /// What was judged.
    judged: String,
    findings: Vec<StoreRow>,
    /// The number of groups of findings that are not listed.
    more: usize,
    charts: Vec<Chart>,
}

/// A finding in a history store.
#[derive(Debug)]
struct StoreRow {
    case: CaseLink,
    kind: &'static str,
    sentence: String,
}

#[derive(Debug)]
struct Group {
    family: String,
    anchor: String,
    /// Why there is no history, if so.
    unknown: Option<String>,
    notes: Vec<Note>,
    headings: Vec<String>,
    rows: Vec<Row>,
    /// The number of cases without any change.
    unchanged: String,
    charts: Vec<Chart>,
}

/// A blessing: its number in the charts, and its reason.
#[derive(Debug)]
struct Note {
    number: String,
    at: String,
    commit: String,
    reason: String,
}

/// A case: gated metrics of the run, and their change since the first blessing.
#[derive(Debug)]
struct Row {
    case: CaseLink,
    cells: Vec<(String, String)>,
}

/// A gated aspect of a metric that can be compared across blessings.
#[derive(Clone, Debug, PartialEq)]
struct Gated {
    metric: Metric,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Slope(String),
    /// Growth at the fullest stage.
    Growth,
}

impl Trend {
    pub(super) fn new(material: &Material) -> Result<Self, SiteError> {
        let families = material.records.iter().map(|record| group(material, record)).collect::<Result<_, _>>()?;
        let store = material.trend.as_ref().map(|report| store_section(material, report)).transpose()?;
        Ok(Self { frame: Frame::new(material, "Trend", "trend.html"), store, families })
    }
}

/// The largest findings of each kind, and the charts of the series that they are in.
fn store_section(material: &Material, report: &TrendReport) -> Result<StoreSection, SiteError> {
    let mut shown: Vec<(&'static str, TrendGroup<'_>)> = Vec::new();
    let mut more = 0;
    for (kind, groups) in report.by_kind() {
        more += groups.len().saturating_sub(MOST_CHARTS);
        shown.extend(groups.into_iter().take(MOST_CHARTS).map(|group| (kind, group)));
    }
    let row = |(kind, group): &(&'static str, TrendGroup<'_>)| {
        let finding = group.leader;
        let is_in_run = material.records.iter().any(|record| record.case(finding.case.as_str()).is_some());
        let href = is_in_run.then(|| names::address(&names::case_page(&finding.case)));
        let case = CaseLink { label: finding.case.to_string(), href };
        StoreRow { case, kind, sentence: group.sentence() }
    };
    let mut charts = Vec::new();
    let mut drawn: Vec<&TrendFinding> = Vec::new();
    for finding in shown.iter().map(|(_, group)| group.leader) {
        // A series with several findings has one chart.
        if drawn.len() < MOST_CHARTS && drawn.iter().all(|other| !Arc::ptr_eq(&other.series, &finding.series)) {
            drawn.push(finding);
            charts.push(chart::history(HistoryPlan {
                id: format!("history-{}", charts.len()),
                title: subject(finding.quantity, &finding.aspect, &finding.per),
                subtitle: finding.case.to_string(),
                unit: finding.quantity.unit(),
                values: &finding.series.values,
                changes: &finding.series.changes,
                blessings: &finding.series.blessings,
            })?);
        }
    }
    Ok(StoreSection { judged: report.judged(), findings: shown.iter().map(row).collect(), more, charts })
}

fn group(material: &Material, record: &Record) -> Result<Group, SiteError> {
    let (known, unknown) = match material.histories.get(&record.family) {
        Some(History::Known(known)) if !known.is_empty() => (known.as_slice(), None),
        Some(History::Known(_)) => (&[][..], Some("No baseline of this family has been blessed yet.".to_owned())),
        Some(History::Unknown(why)) => (&[][..], Some(format!("No history: {why}."))),
        None => (&[][..], Some("The history was not read.".to_owned())),
    };
    let cases: Vec<CaseView<'_>> = record.cases.iter().map(|case| CaseView::of(record, case)).collect();
    let cases: Vec<CaseView<'_>> = cases.into_iter().filter(|data| data.case.samples > 0).collect();
    let gated = gated(&cases, &material.policy);
    let run = baselines::of_run(record, &material.policy, Keep::Gated);
    let steps: Vec<&Baseline> = known.iter().map(|blessed| &blessed.baseline).chain([&run]).collect();
    let rows: Vec<Row> = cases.iter().map(|data| row(&steps, &gated, data)).collect();
    let has_changed = |row: &Row| row.cells.iter().any(|(_, since)| !since.is_empty());
    let unchanged = rows.iter().filter(|row| !has_changed(row)).count();
    // Rows and columns without any change are counted, not listed.
    let changed: Vec<usize> =
        (0..gated.len()).filter(|column| rows.iter().any(|row| !row.cells[*column].1.is_empty())).collect();
    let rows = rows
        .into_iter()
        .filter(has_changed)
        .map(|row| Row { cells: changed.iter().map(|column| row.cells[*column].clone()).collect(), ..row });
    Ok(Group {
        family: record.family.clone(),
        anchor: names::slug(&record.family),
        unknown,
        notes: known.iter().enumerate().map(|(index, blessed)| note(index, blessed)).collect(),
        headings: changed.iter().map(|column| gated[*column].name(&record.unit)).collect(),
        rows: rows.collect(),
        unchanged: counted(unchanged, "case"),
        charts: change_charts(record, &steps, &cases, &gated)?,
    })
}

fn note(index: usize, blessed: &Blessed) -> Note {
    let blessing = blessed.baseline.blessings.last();
    Note {
        number: (index + 1).to_string(),
        at: blessing.map_or(String::new(), |blessing| blessing.at.clone()),
        commit: blessed.commit.clone().unwrap_or_else(|| "not committed".to_owned()),
        reason: blessing.map_or("no reason recorded".to_owned(), |blessing| blessing.reason.clone()),
    }
}

fn row(steps: &[&Baseline], gated: &[Gated], data: &CaseView<'_>) -> Row {
    let cell = |gated: &Gated| {
        let points = points(steps, gated, data);
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return ("–".to_owned(), String::new());
        };
        let unit = gated.metric.unit();
        let since = match last.y - first.y {
            0.0 if is_flat(&points) => String::new(),
            0.0 => "changed in between".to_owned(),
            delta => format!("{} since {}", change(unit, delta), first.x + 1.0),
        };
        (amount(unit, last.y), since)
    };
    let href = Some(names::address(&names::case_page(&data.case.id)));
    Row {
        case: CaseLink { label: data.case.id.within_family().to_owned(), href },
        cells: gated.iter().map(cell).collect(),
    }
}

/// Charts of metrics that changed at least once.
fn change_charts(
    record: &Record,
    steps: &[&Baseline],
    cases: &[CaseView<'_>],
    gated: &[Gated],
) -> Result<Vec<Chart>, SiteError> {
    let panels = panel::panels(cases);
    let mut charts = Vec::new();
    for gated in gated {
        for panel in &panels {
            if charts.len() < MOST_CHARTS {
                charts.extend(panel_charts(record, steps, panel, gated, charts.len())?);
            }
        }
    }
    Ok(charts)
}

/// The aspects that the policy gates in some case: slopes, and growth of the metrics whose slopes are not gated.
fn gated(cases: &[CaseView<'_>], policy: &Policy) -> Vec<Gated> {
    let is_gated = |metric: Metric, what: &What| {
        let aspect = |data: &CaseView<'_>| match what {
            What::Slope(ladder) => Some(Aspect::Slope(ladder.clone())),
            What::Growth => Some(Aspect::Growth(data.fullest()?.stage.clone())),
        };
        cases.iter().any(|data| {
            aspect(data).is_some_and(|it| policy.applied(&data.case.id, metric.into(), &it).mode == Mode::Gate)
        })
    };
    let ladders = ladders(cases.iter().copied());
    let mut all = Vec::new();
    for metric in Metric::ALL.iter().copied() {
        let slopes =
            ladders.iter().map(|ladder| What::Slope((*ladder).to_owned())).filter(|what| is_gated(metric, what));
        let before = all.len();
        all.extend(slopes.map(|what| Gated { metric, what }));
        if all.len() == before && is_gated(metric, &What::Growth) {
            all.push(Gated { metric, what: What::Growth });
        }
    }
    all
}

impl Gated {
    fn name(&self, unit: &str) -> String {
        let metric = self.metric.to_string().replace('_', " ");
        match &self.what {
            What::Slope(ladder) => format!("{metric} per {unit}, {ladder}"),
            What::Growth => format!("growth of {metric} at the fullest stage"),
        }
    }

    /// Its summary in a baseline or in the run; `None` if that does not have the case or aspect.
    fn summary<'a>(&self, baseline: &'a Baseline, data: &CaseView<'_>) -> Option<Cow<'a, Summary>> {
        let aspect = match &self.what {
            What::Slope(ladder) => Aspect::Slope(ladder.clone()),
            What::Growth => Aspect::Growth(data.fullest()?.stage.clone()),
        };
        expected(baseline.cases.get(&data.case.id)?, self.metric.into(), &aspect)
    }
}

fn panel_charts(
    record: &Record,
    steps: &[&Baseline],
    panel: &Panel<'_>,
    gated: &Gated,
    drawn: usize,
) -> Result<Vec<Chart>, SiteError> {
    let parts = panel.members.len().div_ceil(MOST_SERIES);
    let mut charts = Vec::new();
    for (part, members) in panel.members.chunks(MOST_SERIES).enumerate() {
        let line = |(series, (label, data)): (usize, &(String, CaseView<'_>))| line(steps, gated, label, series, data);
        let lines: Vec<Line> = members.iter().enumerate().filter_map(line).collect();
        if lines.iter().all(|line| is_flat(&line.points)) {
            continue;
        }
        let part = if parts > 1 { format!(" ({} of {parts})", part + 1) } else { String::new() };
        let title = if panel.title.is_empty() { "all cases" } else { &panel.title };
        charts.push(chart::lines(LinesPlan {
            id: format!("trend-{}-{}", names::slug(&record.family), drawn + charts.len()),
            title: gated.name(&record.unit),
            subtitle: format!("{title}{part}"),
            x_name: "blessing".into(),
            y_name: gated.metric.to_string().replace('_', " "),
            unit: gated.metric.unit(),
            steps: Steps::Numbered(steps.len(), Some("run")),
            lines,
        })?);
    }
    Ok(charts)
}

fn line(steps: &[&Baseline], gated: &Gated, label: &str, series: usize, data: &CaseView<'_>) -> Option<Line> {
    let points = points(steps, gated, data);
    let (first, last) = (points.first()?, points.last()?);
    let unit = gated.metric.unit();
    let value = match last.y - first.y {
        0.0 => amount(unit, last.y),
        delta => format!("{}, {} since {}", amount(unit, last.y), change(unit, delta), first.x + 1.0),
    };
    Some(Line { label: label.to_owned(), value, series, points })
}

fn points(steps: &[&Baseline], gated: &Gated, data: &CaseView<'_>) -> Vec<Point> {
    let point = |(index, baseline): (usize, &&Baseline)| {
        let summary = gated.summary(baseline, data)?;
        let Summary { median, low, high, .. } = &*summary;
        Some(Point { x: index as f64, y: *median, low: *low, high: *high })
    };
    steps.iter().enumerate().filter_map(point).collect()
}

/// Whether all values are the same.
fn is_flat(points: &[Point]) -> bool {
    points.windows(2).all(|pair| pair[0].y == pair[1].y)
}
