//! The page of a family: its cases in one table, and the charts that set them side by side.

use askama::Template;

use super::{
    CaseLink, Frame, Tone,
    context::unusual,
    family_charts::{self, Section},
    short, tone,
};
use crate::{
    judge::Kind,
    model::{CaseRecord, Metric, Record, Unit},
    report::site::{
        Material, SiteError,
        look::Look,
        names,
        words::{amount, counted},
    },
    stats::Bend,
};

/// What one more unit costs is shown of these.
const PER_UNIT: [(Metric, &str); 3] =
    [(Metric::Anon, "anon"), (Metric::PageTables, "page tables"), (Metric::Vmas, "VMAs")];
/// What the fullest stage holds is shown of these.
const LEVELS: [Metric; 4] = [Metric::Rss, Metric::Pss, Metric::Uss, Metric::Peak];

#[derive(Debug, Template)]
#[template(path = "site/family.html")]
pub(super) struct Family {
    frame: Frame,
    name: String,
    lede: String,
    unusual: Vec<String>,
    /// Headings over several columns, and how many.
    groups: Vec<(String, usize)>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Column {
    label: String,
    is_number: bool,
}

#[derive(Debug)]
struct Row {
    case: CaseLink,
    /// How many completed and died.
    workers: String,
    /// What is wrong with the case as a whole, if anything.
    status: Option<(Tone, String)>,
    cells: Vec<Cell>,
    /// Why it was not run; it then has no cells.
    not_run: Option<String>,
}

/// A number of the table: its text, its limit, and what it is sorted by.
#[derive(Debug)]
struct Cell {
    text: String,
    limit: String,
    sort: String,
}

impl Cell {
    fn none() -> Self {
        Self { text: "–".to_owned(), limit: String::new(), sort: String::new() }
    }
}

impl Family {
    pub(super) fn new(material: &Material, record: &Record) -> Result<Self, SiteError> {
        let path = names::family_page(&record.family);
        let looks: Vec<Look<'_>> = record.cases.iter().map(|case| Look::new(record, case)).collect();
        let ladders = ladders(&looks);
        let mut routines: Vec<&String> = record.cases.iter().flat_map(|case| case.time.keys()).collect();
        routines.sort_unstable();
        routines.dedup();
        Ok(Self {
            frame: Frame::new(material, record.family.clone(), &path),
            name: record.family.clone(),
            lede: lede(record),
            unusual: unusual(record),
            groups: groups(record, &ladders, &routines),
            columns: columns(&ladders, &routines),
            rows: looks.iter().map(|look| row(material, look, &ladders, &routines)).collect(),
            sections: family_charts::sections(record, &looks, &ladders)?,
        })
    }
}

/// The names of all cases' ladders, in the order of their first appearance.
fn ladders(looks: &[Look<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in looks.iter().flat_map(Look::ladders) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn lede(record: &Record) -> String {
    let ran = record.cases.iter().filter(|case| case.not_run.is_none()).count();
    let absent = record.cases.len() - ran;
    let absent = if absent == 0 { String::new() } else { format!(", {absent} of them not run") };
    format!(
        "{}{absent}. Growth is measured from the stage {}, in the same worker.",
        counted(record.cases.len(), "case"),
        record.reference
    )
}

fn groups(record: &Record, ladders: &[String], routines: &[&String]) -> Vec<(String, usize)> {
    let mut groups = vec![(String::new(), 1)];
    groups.extend(ladders.iter().map(|ladder| (format!("one more {} {ladder}", record.unit), PER_UNIT.len())));
    if !routines.is_empty() {
        groups.push(("time".to_owned(), routines.len()));
    }
    groups.push(("the fullest stage".to_owned(), 1 + LEVELS.len()));
    groups
}

fn columns(ladders: &[String], routines: &[&String]) -> Vec<Column> {
    let number = |label: String| Column { label, is_number: true };
    let mut columns = vec![Column { label: "case".into(), is_number: false }];
    for _ in ladders {
        columns.extend(PER_UNIT.map(|(_, name)| number(name.to_owned())));
    }
    columns.extend(routines.iter().map(|routine| number((*routine).clone())));
    columns.push(Column { label: "stage".into(), is_number: true });
    columns.extend(LEVELS.map(|metric| number(metric.to_string())));
    columns
}

fn row(material: &Material, look: &Look<'_>, ladders: &[String], routines: &[&String]) -> Row {
    let case = look.case;
    let link =
        CaseLink { label: short(&case.id), href: Some(format!("../{}", names::address(&names::case_page(&case.id)))) };
    let mut cells = Vec::new();
    for ladder in ladders {
        cells.extend(PER_UNIT.map(|(metric, _)| slope(look, metric, ladder)));
    }
    cells.extend(routines.iter().map(|routine| time(case, routine)));
    let top = look.fullest();
    cells.push(top.map_or(Cell::none(), |top| Cell {
        text: top.stage.to_string(),
        limit: String::new(),
        sort: String::new(),
    }));
    for metric in LEVELS {
        let middle = top.and_then(|top| look.middle(metric, top));
        cells.push(middle.map_or(Cell::none(), |value| number(metric.unit(), value, String::new())));
    }
    let workers = match case.died.len() {
        0 => format!("n = {}", case.samples),
        died => format!("n = {}, {died} died", case.samples),
    };
    Row { case: link, workers, status: status(material, case), cells, not_run: case.not_run.clone() }
}

/// What one more unit costs, with its interval where workers differ, and `bends up` where it is no line.
fn slope(look: &Look<'_>, metric: Metric, ladder: &str) -> Cell {
    let Some(line) = look.line(metric, ladder) else { return Cell::none() };
    let unit = metric.unit();
    let mut limit = if line.low < line.high {
        format!("{} to {}", amount(unit, line.low), amount(unit, line.high))
    } else {
        String::new()
    };
    match line.bend {
        Bend::Linear => {}
        Bend::Up => limit.push_str(" bends up"),
        Bend::Down => limit.push_str(" bends down"),
    }
    number(unit, line.slope, limit.trim().to_owned())
}

fn number(unit: Unit, value: f64, limit: String) -> Cell {
    Cell { text: amount(unit, value), limit, sort: value.to_string() }
}

fn time(case: &CaseRecord, routine: &str) -> Cell {
    let Some(time) = case.time.get(routine) else { return Cell::none() };
    let half = (time.high_ns - time.low_ns) / 2.0 / time.ns * 100.0;
    number(Unit::Nanoseconds, time.ns, if half > 0.0 { format!("± {half:.1} %") } else { String::new() })
}

/// The worst gated verdict of a case that is none of `same`.
fn status(material: &Material, case: &CaseRecord) -> Option<(Tone, String)> {
    let verdicts = material.comparison.verdicts().filter(|verdict| verdict.case == case.id && verdict.gated);
    let worst = verdicts.map(|verdict| verdict.kind).max()?;
    (worst != Kind::Same).then(|| (tone(worst), worst.to_string()))
}
