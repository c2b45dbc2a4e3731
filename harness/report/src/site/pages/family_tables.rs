//! The tables of a family's page: one for all cases that live through the same stages, with the columns
//! that those have. A column in which all cases agree is a word below its table.

use highwater_judge::{Aspect, Kind};
use highwater_model::{CaseRecord, Metric, Quantity, Stage, Unit};
use highwater_stats::median;

use super::{CaseLink, Tone, short, tone};
use crate::{
    figure_tables::name,
    site::look::Look,
    site::panel::Kin,
    site::words::{amount, bent, between, died},
    site::{Material, names},
};

/// What one more unit costs is shown of these.
const PER_UNIT: [(Metric, &str); 3] =
    [(Metric::Anon, "anon"), (Metric::PageTables, "page tables"), (Metric::Vmas, "VMAs")];
/// What the fullest stage holds is shown of these.
const LEVELS: [Metric; 4] = [Metric::Rss, Metric::Pss, Metric::Uss, Metric::Peak];
/// Most stages, and most routines, that have a column each.
const MOST: usize = 8;

/// A table of cases.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: String,
    /// Headings over several columns, and how many.
    pub(super) groups: Vec<(String, usize)>,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// What is the same in every case.
    pub(super) same: String,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) case: CaseLink,
    /// How many completed and died, and how the first of those did.
    pub(super) workers: String,
    /// What is wrong with the case as a whole, if anything.
    pub(super) status: Option<(Tone, String)>,
    pub(super) cells: Vec<Cell>,
}

/// A number of the table: its text, its limit, and what it is sorted by.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) limit: String,
    pub(super) sort: String,
}

/// A column with the cell of each case.
struct Column {
    group: String,
    label: String,
    cells: Vec<Cell>,
}

/// The table of kin.
pub(super) fn table(material: &Material, kin: &Kin<'_>) -> Table {
    let (same, columns): (Vec<Column>, Vec<Column>) = columns(&kin.members).into_iter().partition(|column| {
        column.cells.len() > 1 && column.cells[0].limit.is_empty() && column.cells.windows(2).all(|it| it[0] == it[1])
    });
    // What none has is no news.
    let same = same.iter().filter(|column| column.cells[0] != none());
    let mut told: Vec<(&str, Vec<String>)> = Vec::new();
    for Column { group, label, cells } in same {
        let text = format!("{label} {}", cells[0].text);
        match told.last_mut() {
            Some((known, texts)) if known == group => texts.push(text),
            _ => told.push((group, vec![text])),
        }
    }
    let same: Vec<String> = told.iter().map(|(group, texts)| format!("{group}: {}", texts.join(", "))).collect();
    let mut groups: Vec<(String, usize)> = Vec::new();
    for column in &columns {
        match groups.last_mut() {
            Some((known, span)) if *known == column.group => *span += 1,
            _ => groups.push((column.group.clone(), 1)),
        }
    }
    let row = |(index, look): (usize, &Look<'_>)| {
        let href = format!("../{}", names::address(&names::case_page(&look.case.id)));
        Row {
            case: CaseLink { label: short(&look.case.id), href: Some(href) },
            workers: match look.case.died.as_slice() {
                [] => format!("n = {}", look.case.samples),
                deaths @ [first, ..] => format!("n = {}, {} died: {}", look.case.samples, deaths.len(), died(first)),
            },
            status: status(material, look),
            cells: columns.iter().map(|column| column.cells[index].clone()).collect(),
        }
    };
    Table {
        title: title(kin),
        groups,
        rows: kin.members.iter().enumerate().map(row).collect(),
        same: same.join("; "),
        columns: columns.into_iter().map(|column| column.label).collect(),
    }
}

/// What the cases are about, or through which stages they live.
fn title(kin: &Kin<'_>) -> String {
    if !kin.topic.is_empty() {
        return kin.topic.clone();
    }
    let ladders = kin.members.first().map(Look::ladders).unwrap_or_default();
    match ladders.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => {
            let stages = unique(kin.members.iter().take(1).flat_map(later).map(|stage| stage.name().to_owned()));
            stages.join(", ")
        }
    }
}

fn columns(looks: &[Look<'_>]) -> Vec<Column> {
    let column = |group: &str, label: &str, cell: &dyn Fn(&Look<'_>) -> Option<Cell>| Column {
        group: group.to_owned(),
        label: label.to_owned(),
        cells: looks.iter().map(|look| cell(look).unwrap_or_else(none)).collect(),
    };
    let mut columns = Vec::new();
    let ladders = ladders(looks);
    let unit = looks.first().map_or("", |look| look.record.unit.as_str());
    for ladder in &ladders {
        let group = format!("one more {unit} {ladder}");
        columns.extend(PER_UNIT.map(|(metric, label)| column(&group, label, &|look| slope(look, metric, ladder))));
    }
    let routines = unique(looks.iter().flat_map(|look| look.case.time.keys().cloned()));
    if routines.len() <= MOST {
        columns.extend(routines.iter().map(|routine| column("time", routine, &|look| time(look.case, routine))));
    } else {
        columns.push(column("time", "by routine", &|look| times(look.case)));
    }
    for quantity in unique(looks.iter().flat_map(|look| look.view.figures()).map(|(quantity, _)| quantity)) {
        columns.push(column("told by the workers", &name(quantity), &|look| figure(look, quantity)));
    }
    let stages = unique(looks.iter().flat_map(later));
    if ladders.is_empty() && stages.len() <= MOST {
        let group = looks.first().map_or(String::new(), |look| format!("anon since {} at", look.record.reference));
        columns.extend(stages.iter().map(|it| column(&group, &it.to_string(), &|look| growth(look, it))));
    }
    let group = "the fullest stage";
    columns.push(column(group, "stage", &|look| {
        Some(Cell { text: look.fullest()?.stage.to_string(), ..Cell::default() })
    }));
    for metric in LEVELS {
        columns.push(column(group, metric.as_str(), &|look| {
            Some(number(metric.unit(), look.middle(metric, look.fullest()?)?, String::new()))
        }));
    }
    columns
}

/// The names of all cases' ladders, in the order of their first appearance.
pub(super) fn ladders(looks: &[Look<'_>]) -> Vec<String> {
    unique(looks.iter().flat_map(Look::ladders))
}

/// Each once, in the order of first appearance.
fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for it in all {
        if !found.contains(&it) {
            found.push(it);
        }
    }
    found
}

/// The stages after the reference.
fn later(look: &Look<'_>) -> Vec<Stage> {
    let stages = look.case.stages.iter().map(|columns| columns.stage.clone());
    stages.skip_while(|stage| *stage != look.record.reference).skip(1).collect()
}

fn none() -> Cell {
    Cell { text: "–".to_owned(), ..Cell::default() }
}

fn number(unit: Unit, value: f64, limit: String) -> Cell {
    let digits = if unit == Unit::Count { 100.0 } else { 1.0 };
    Cell { text: amount(unit, value), limit, sort: ((value * digits).round() / digits).to_string() }
}

/// What one more unit costs, with its interval where workers differ, and `bends up` where it is no line.
fn slope(look: &Look<'_>, metric: Metric, ladder: &str) -> Option<Cell> {
    let line = look.line(metric, ladder)?;
    let unit = metric.unit();
    let range = if line.low < line.high { between(unit, line.low, line.high) } else { String::new() };
    let limit = [range, bent("", line.linearity)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    Some(number(unit, line.slope, limit.join(" ")))
}

fn time(case: &CaseRecord, routine: &str) -> Option<Cell> {
    let time = case.time.get(routine)?;
    let half = (time.high_ns - time.low_ns) / 2.0 / time.ns * 100.0;
    let limit = if half > 0.0 { format!("± {half:.1} %") } else { String::new() };
    Some(number(Unit::Nanoseconds, time.ns, limit))
}

/// All times of a case, where its kin have too many routines for columns.
fn times(case: &CaseRecord) -> Option<Cell> {
    let told = case.time.keys().filter_map(|routine| Some(format!("{routine} {}", time(case, routine)?.text)));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| Cell { text: told.join(", "), ..Cell::default() })
}

/// What the workers told last; where they told it at several stages, with that stage.
fn figure(look: &Look<'_>, quantity: Quantity) -> Option<Cell> {
    let told: Vec<Aspect> =
        look.view.figures().into_iter().filter(|(other, _)| *other == quantity).map(|(_, aspect)| aspect).collect();
    let aspect = told.last()?;
    let stage = match aspect {
        Aspect::Level(stage) if told.len() > 1 => format!("at {stage}"),
        _ => String::new(),
    };
    Some(number(quantity.unit(), median(&look.view.values(quantity, aspect)?)?, stage))
}

fn growth(look: &Look<'_>, stage: &Stage) -> Option<Cell> {
    let values = look.view.values(Metric::Anon.into(), &Aspect::Growth(stage.clone()))?;
    Some(number(Unit::Bytes, median(&values)?, String::new()))
}

/// The worst gated verdict of a case that is none of `same`.
fn status(material: &Material, look: &Look<'_>) -> Option<(Tone, String)> {
    let verdicts = material.verdicts(&look.record.family, &look.case.id);
    let worst = verdicts.filter(|verdict| verdict.gated).map(|verdict| verdict.kind).max()?;
    (worst != Kind::Same).then(|| (tone(worst), worst.to_string()))
}
