//! Each gated metric over the history of the baselines, with the reasons that were given.

use askama::Template;
use highwater_judge::{Keep, Policy, baselines};
use highwater_model::{Aspect, Baseline, Metric, Record, Summary};

use super::{CaseLink, Frame, family_tables::ladders, short};
use crate::{
    site::chart::{self, Chart, Line, LinesPlan, Point, Steps},
    site::look::Look,
    site::panel::{self, MOST_CHARTS, MOST_SERIES, Panel},
    site::words::{amount, change, counted},
    site::{Blessed, History, Material, SiteError, names},
};

#[derive(Debug, Template)]
#[template(path = "site/trend.html")]
pub(super) struct Trend {
    frame: Frame,
    families: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    family: String,
    anchor: String,
    /// Why there is no history.
    unknown: Option<String>,
    notes: Vec<Note>,
    headings: Vec<String>,
    rows: Vec<Row>,
    /// How many cases stand where they always stood.
    unchanged: String,
    charts: Vec<Chart>,
}

/// A blessing: its number in the charts, and why.
#[derive(Debug)]
struct Note {
    number: String,
    at: String,
    commit: String,
    reason: String,
}

/// Where a case stands: gated metrics of the run, and their change since the first blessing.
#[derive(Debug)]
struct Row {
    case: CaseLink,
    cells: Vec<(String, String)>,
}

/// One gated view of a case: a metric in an aspect that is the same from blessing to blessing.
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
        Ok(Self { frame: Frame::new(material, "Trend", "trend.html"), families })
    }
}

fn group(material: &Material, record: &Record) -> Result<Group, SiteError> {
    let (known, unknown) = match material.histories.get(&record.family) {
        Some(History::Known(known)) if !known.is_empty() => (known.as_slice(), None),
        Some(History::Known(_)) => (&[][..], Some("No baseline of this family has been blessed yet.".to_owned())),
        Some(History::Unknown(why)) => (&[][..], Some(format!("No history: {why}."))),
        None => (&[][..], Some("No history was asked for.".to_owned())),
    };
    let looks: Vec<Look<'_>> = record.cases.iter().map(|case| Look::new(record, case)).collect();
    let looks: Vec<Look<'_>> = looks.into_iter().filter(|look| look.case.samples > 0).collect();
    let gated = gated(&looks);
    let run = baselines::of_run(record, &Policy::default(), Keep::Gated);
    let steps: Vec<&Baseline> = known.iter().map(|blessed| &blessed.baseline).chain([&run]).collect();
    let rows: Vec<Row> = looks.iter().map(|look| row(&steps, &gated, look)).collect();
    let has_moved = |row: &Row| row.cells.iter().any(|(_, since)| !since.is_empty());
    let unchanged = rows.iter().filter(|row| !has_moved(row)).count();
    // Rows and columns in which nothing ever changed are counted, not listed.
    let moved: Vec<usize> =
        (0..gated.len()).filter(|column| rows.iter().any(|row| !row.cells[*column].1.is_empty())).collect();
    let rows = rows
        .into_iter()
        .filter(has_moved)
        .map(|row| Row { cells: moved.iter().map(|column| row.cells[*column].clone()).collect(), ..row });
    Ok(Group {
        family: record.family.clone(),
        anchor: names::slug(&record.family),
        unknown,
        notes: known.iter().enumerate().map(|(index, blessed)| note(index, blessed)).collect(),
        headings: moved.iter().map(|column| gated[*column].name(&record.unit)).collect(),
        rows: rows.collect(),
        unchanged: counted(unchanged, "case"),
        charts: changed(record, &steps, &looks, &gated)?,
    })
}

fn note(index: usize, blessed: &Blessed) -> Note {
    let blessing = blessed.baseline.blessings.last();
    Note {
        number: (index + 1).to_string(),
        at: blessing.map_or(String::new(), |blessing| blessing.at.clone()),
        commit: blessed.commit.clone().unwrap_or_else(|| "not committed".to_owned()),
        reason: blessing.map_or("no reason kept".to_owned(), |blessing| blessing.reason.clone()),
    }
}

fn row(steps: &[&Baseline], gated: &[Gated], look: &Look<'_>) -> Row {
    let cell = |gated: &Gated| {
        let points = points(steps, gated, look);
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
    let href = Some(names::address(&names::case_page(&look.case.id)));
    Row { case: CaseLink { label: short(&look.case.id), href }, cells: gated.iter().map(cell).collect() }
}

/// Charts of what ever changed.
fn changed(record: &Record, steps: &[&Baseline], looks: &[Look<'_>], gated: &[Gated]) -> Result<Vec<Chart>, SiteError> {
    let panels = panel::panels(looks);
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

/// The metrics that are gated by default, but for the peaks.
const GATED: [Metric; 5] = [Metric::AnonMapped, Metric::HeapLive, Metric::AnonHeap, Metric::PageTables, Metric::Vmas];

/// What is gated by default, as far as the cases have it.
fn gated(looks: &[Look<'_>]) -> Vec<Gated> {
    let ladders = ladders(looks);
    let slopes = GATED
        .into_iter()
        .flat_map(|metric| ladders.iter().map(move |name| Gated { metric, what: What::Slope(name.clone()) }));
    let growths = GATED.map(|metric| Gated { metric, what: What::Growth });
    let growths = if ladders.is_empty() { growths.to_vec() } else { Vec::new() };
    let peaks = [Metric::PeakAnon, Metric::HeapPeak].map(|metric| Gated { metric, what: What::Growth });
    slopes.chain(growths).chain(peaks).collect()
}

impl Gated {
    fn name(&self, unit: &str) -> String {
        let metric = self.metric.to_string().replace('_', " ");
        match &self.what {
            What::Slope(ladder) => format!("{metric} per {unit}, {ladder}"),
            What::Growth => format!("growth of {metric} at the fullest stage"),
        }
    }

    /// Its summary in a baseline, or in the run; `None` where that has no such case or aspect.
    fn summary<'a>(&self, baseline: &'a Baseline, look: &Look<'_>) -> Option<&'a Summary> {
        let aspect = match &self.what {
            What::Slope(ladder) => Aspect::Slope(ladder.clone()),
            What::Growth => Aspect::Growth(look.fullest()?.stage.clone()),
        };
        baseline.cases.get(&look.case.id)?.values.get(&(self.metric.into(), aspect))
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
        let line = |(series, (label, look)): (usize, &(String, Look<'_>))| line(steps, gated, label, series, look);
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

fn line(steps: &[&Baseline], gated: &Gated, label: &str, series: usize, look: &Look<'_>) -> Option<Line> {
    let points = points(steps, gated, look);
    let (first, last) = (points.first()?, points.last()?);
    let unit = gated.metric.unit();
    let value = match last.y - first.y {
        0.0 => amount(unit, last.y),
        delta => format!("{}, {} since {}", amount(unit, last.y), change(unit, delta), first.x + 1.0),
    };
    Some(Line { label: label.to_owned(), value, series, points })
}

fn points(steps: &[&Baseline], gated: &Gated, look: &Look<'_>) -> Vec<Point> {
    let point = |(index, baseline): (usize, &&Baseline)| {
        let Summary { median, low, high, .. } = gated.summary(baseline, look)?;
        Some(Point { x: index as f64, y: *median, low: *low, high: *high })
    };
    steps.iter().enumerate().filter_map(point).collect()
}

/// Whether nothing ever changed.
fn is_flat(points: &[Point]) -> bool {
    points.windows(2).all(|pair| pair[0].y == pair[1].y)
}
