//! The tables of a family's page: one for each group of cases with the same stages. A column with the same value
//! in all cases becomes a note below the table.

use highwater_judge::{Aspect, CaseView, Kind, ladders};
use highwater_model::{CaseRecord, Metric, Quantity, Record, Stage, Unit};

use super::{CaseLink, Tone, tone};
use crate::{
    figure_tables::name,
    site::format::{amount, between, failure, nonlinearity},
    site::panel::StageGroup,
    site::{Material, names},
};

/// Metrics whose marginal cost per unit is shown.
const PER_UNIT: [(Metric, &str); 3] =
    [(Metric::Anon, "anon"), (Metric::PageTables, "page tables"), (Metric::Vmas, "VMAs")];
/// Metrics whose level at the fullest stage is shown, and whether print leaves them out.
const LEVELS: [(Metric, bool); 4] =
    [(Metric::Rss, false), (Metric::Peak, false), (Metric::Pss, true), (Metric::Uss, true)];
/// Maximum number of stages, and of routines, with a column each.
const MOST: usize = 8;

/// A table of cases.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: String,
    /// Group headings and how many columns each spans.
    pub(super) groups: Vec<(String, usize, bool)>,
    /// Each with whether print leaves it out.
    pub(super) columns: Vec<(String, bool)>,
    pub(super) rows: Vec<Row>,
    /// Columns with the same value in every case, as text.
    pub(super) same: String,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) case: CaseLink,
    /// How many completed and failed, and the first failure.
    pub(super) workers: String,
    /// The worst verdict on the case, unless it is unchanged.
    pub(super) status: Option<(Tone, String)>,
    pub(super) cells: Vec<Cell>,
}

/// A cell of the table: text, precision and sort key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) precision: String,
    pub(super) sort: String,
    /// Whether print leaves it out.
    pub(super) is_low: bool,
}

/// A column with a cell for each case.
struct Column {
    group: String,
    label: String,
    cells: Vec<Cell>,
    /// Whether print leaves it out.
    is_low: bool,
}

/// The table of a group of cases.
pub(super) fn table(material: &Material, record: &Record, cases: &StageGroup<'_>) -> Table {
    let (same, columns): (Vec<Column>, Vec<Column>) = columns(record, &cases.members).into_iter().partition(|column| {
        column.cells.len() > 1
            && column.cells[0].precision.is_empty()
            && column.cells.windows(2).all(|it| it[0] == it[1])
    });
    // Columns without any value are omitted.
    let same = same.iter().filter(|column| column.cells[0].text != NONE);
    let mut by_group: Vec<(&str, Vec<String>)> = Vec::new();
    for Column { group, label, cells, .. } in same {
        let text = format!("{label} {}", cells[0].text);
        match by_group.last_mut() {
            Some((known, texts)) if known == group => texts.push(text),
            _ => by_group.push((group, vec![text])),
        }
    }
    let same: Vec<String> = by_group.iter().map(|(group, texts)| format!("{group}: {}", texts.join(", "))).collect();
    let mut groups: Vec<(String, usize, bool)> = Vec::new();
    for column in &columns {
        match groups.last_mut() {
            Some((known, span, is_low)) if *known == column.group && *is_low == column.is_low => *span += 1,
            _ => groups.push((column.group.clone(), 1, column.is_low)),
        }
    }
    let row = |(index, data): (usize, &CaseView<'_>)| {
        let href = format!("../{}", names::address(&names::case_page(&data.case.id)));
        Row {
            case: CaseLink { label: data.case.id.within_family().to_owned(), href: Some(href) },
            workers: match data.case.failures.as_slice() {
                [] => format!("n = {}", data.case.samples),
                failures @ [first, ..] => {
                    format!("n = {}, {} failed: {}", data.case.samples, failures.len(), failure(first))
                }
            },
            status: status(material, &record.family, data),
            cells: columns.iter().map(|column| column.cells[index].clone()).collect(),
        }
    };
    Table {
        title: title(cases),
        groups,
        rows: cases.members.iter().enumerate().map(row).collect(),
        same: same.join("; "),
        columns: columns.into_iter().map(|column| (column.label, column.is_low)).collect(),
    }
}

/// The topic of the cases, or their ladders or stages.
fn title(cases: &StageGroup<'_>) -> String {
    if !cases.topic.is_empty() {
        return cases.topic.clone();
    }
    let ladders = cases.members.first().map(|data| data.ladders()).unwrap_or_default();
    match ladders.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => {
            let stages = unique(cases.members.iter().take(1).flat_map(later).map(|stage| stage.name().to_owned()));
            stages.join(", ")
        }
    }
}

fn columns(record: &Record, cases: &[CaseView<'_>]) -> Vec<Column> {
    let column = |group: &str, label: &str, cell: &dyn Fn(&CaseView<'_>) -> Option<Cell>| Column {
        group: group.to_owned(),
        label: label.to_owned(),
        cells: cases.iter().map(|data| cell(data).unwrap_or_else(none)).collect(),
        is_low: false,
    };
    let mut columns = Vec::new();
    let ladders = ladders(cases.iter().copied());
    for ladder in &ladders {
        let group = format!("per {}, {ladder}", record.unit);
        columns.extend(PER_UNIT.map(|(metric, label)| column(&group, label, &|data| slope(data, metric, ladder))));
    }
    let routines = unique(cases.iter().flat_map(|data| data.case.time.keys().cloned()));
    if routines.len() <= MOST {
        columns.extend(routines.iter().map(|routine| column("time", routine, &|data| time(data.case, routine))));
    } else {
        columns.push(column("time", "by routine", &|data| times(data.case)));
    }
    for quantity in unique(cases.iter().flat_map(|data| data.figures()).map(|(quantity, _)| quantity)) {
        columns.push(column("reported by the workers", &name(quantity), &|data| figure(data, quantity)));
    }
    let stages = unique(cases.iter().flat_map(later));
    if ladders.is_empty() && stages.len() <= MOST {
        let group = format!("anon since {}, at", record.baseline_stage);
        columns.extend(stages.iter().map(|it| column(&group, &it.to_string(), &|data| growth(data, it))));
    }
    let group = "fullest stage";
    columns.push(column(group, "stage", &|data| {
        Some(Cell { text: data.fullest()?.stage.to_string(), ..Cell::default() })
    }));
    for (metric, is_low) in LEVELS {
        let level = column(group, metric.as_str(), &|data| {
            Some(number(metric.unit(), data.level(metric, data.fullest()?.stage.clone())?, String::new()))
        });
        let cells = level.cells.into_iter().map(|cell| Cell { is_low, ..cell }).collect();
        columns.push(Column { cells, is_low, ..level });
    }
    columns
}

/// Removes duplicates; keeps the order of first appearance.
fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for it in all {
        if !found.contains(&it) {
            found.push(it);
        }
    }
    found
}

/// The stages after the baseline stage.
fn later(data: &CaseView<'_>) -> Vec<Stage> {
    data.later_stages().unwrap_or_default().iter().map(|columns| columns.stage.clone()).collect()
}

/// The text of a cell without a value.
const NONE: &str = "–";

fn none() -> Cell {
    Cell { text: NONE.to_owned(), ..Cell::default() }
}

fn number(unit: Unit, value: f64, precision: String) -> Cell {
    let digits = if unit == Unit::Count { 100.0 } else { 1.0 };
    let sort = ((value * digits).round() / digits).to_string();
    Cell { text: amount(unit, value), precision, sort, ..Cell::default() }
}

/// The marginal cost per unit, with its interval if workers differ, and a note if it is not linear.
fn slope(data: &CaseView<'_>, metric: Metric, ladder: &str) -> Option<Cell> {
    let line = data.line(metric, ladder)?;
    let unit = metric.unit();
    let range = if line.low < line.high { between(unit, line.low, line.high) } else { String::new() };
    let precision =
        [range, nonlinearity("", line.linearity)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    Some(number(unit, line.slope, precision.join(" ")))
}

fn time(case: &CaseRecord, routine: &str) -> Option<Cell> {
    let time = case.time.get(routine)?;
    let half = (time.high_ns - time.low_ns) / 2.0 / time.ns * 100.0;
    let precision = if half > 0.0 { format!("± {half:.1} %") } else { String::new() };
    Some(number(Unit::Nanoseconds, time.ns, precision))
}

/// All times of a case in one cell, if its group has too many routines for columns.
fn times(case: &CaseRecord) -> Option<Cell> {
    let times = case.time.keys().filter_map(|routine| Some(format!("{routine} {}", time(case, routine)?.text)));
    let times: Vec<String> = times.collect();
    (!times.is_empty()).then(|| Cell { text: times.join(", "), ..Cell::default() })
}

/// The last value of a figure that workers reported, with its stage if they reported it at several stages.
fn figure(data: &CaseView<'_>, quantity: Quantity) -> Option<Cell> {
    let aspects: Vec<Aspect> =
        data.figures().into_iter().filter(|(other, _)| *other == quantity).map(|(_, aspect)| aspect).collect();
    let aspect = aspects.last()?;
    let stage = match aspect {
        Aspect::Level(stage) if aspects.len() > 1 => format!("at {stage}"),
        _ => String::new(),
    };
    Some(number(quantity.unit(), data.median(quantity, aspect)?, stage))
}

fn growth(data: &CaseView<'_>, stage: &Stage) -> Option<Cell> {
    Some(number(Unit::Bytes, data.growth(Metric::Anon, stage.clone())?, String::new()))
}

/// The worst gated verdict of a case, unless all are unchanged.
fn status(material: &Material, family: &str, data: &CaseView<'_>) -> Option<(Tone, String)> {
    let verdicts = material.verdicts(family, &data.case.id);
    let worst = verdicts.filter(|verdict| verdict.gated).map(|verdict| verdict.kind).max()?;
    (worst != Kind::Same).then(|| (tone(worst), worst.to_string()))
}
