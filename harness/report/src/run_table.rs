//! The tables of a run: the marginal cost per unit, the memory at the top of the ladder, and times; cases that were not
//! run, and failures.

use highwater_judge::{CaseView, ladders};
use highwater_model::{Bytes, CaseRecord, Metric, Record, Unit, bytes, nanoseconds};
use highwater_stats::Linearity;

use super::{
    counted, escape,
    fitted_table::{self, Column, Name},
    terminal::Emphasis,
};

/// Up to this many routines have a column each. More go into a separate table with a row each.
const MAX_ROUTINE_COLUMNS: usize = 4;
/// The marks of a slope that changes along its ladder, and of one that differs between workers.
const CURVED: char = '*';
const SPREAD: char = '~';
/// What follows the number of failed workers.
const FAILED: &str = " failed";
/// Up to this many cases that were not run for one reason are named.
const MAX_NAMED: usize = 3;

/// The routines that criterion timed in these cases, by name.
pub(crate) fn routines<'a>(cases: impl IntoIterator<Item = &'a CaseRecord>) -> Vec<&'a String> {
    let mut routines: Vec<&String> = cases.into_iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    routines
}

/// The table of memory, with a column per ladder for what a unit adds, and per routine unless there are many. The line
/// above it says what the columns of ladders mean.
pub(super) fn memory_table(record: &Record, cases: &[&CaseRecord], width: Option<usize>, with_ranges: bool) -> String {
    let ladders = &ladders(cases.iter().map(|case| CaseView::of(record, case)));
    let views: Vec<CaseView<'_>> = cases.iter().map(|case| CaseView::of(record, case)).collect();
    let cells = |cell: &dyn Fn(&CaseRecord, CaseView<'_>) -> String| -> Vec<String> {
        cases.iter().zip(&views).map(|(case, view)| cell(case, *view)).collect()
    };
    let per_unit = |heading: &str, rank, metric| {
        let sum = |_: &CaseRecord, view: CaseView<'_>| slopes(view, metric, ladders);
        Column::new(format!("{heading}/{}", record.unit), rank, cells(&sum))
    };
    let anon = |ladder: &&str| {
        let climbs = views.iter().filter(|view| view.ladders().contains(ladder)).count();
        let rank = if 2 * climbs >= views.len() { 0 } else { 4 };
        let heading = if ladders.len() == 1 { format!("anon/{}", record.unit) } else { (*ladder).to_owned() };
        let cell = |_: &CaseRecord, view: CaseView<'_>| {
            slope(view, Metric::Anon, ladder, with_ranges).unwrap_or_else(|| "-".to_owned())
        };
        Column::new(heading, rank, cells(&cell))
    };
    let at_top = |heading: &str, rank, metric| {
        let level = |view: CaseView<'_>| view.level(metric, view.fullest()?.stage.clone());
        let cell =
            |_: &CaseRecord, view: CaseView<'_>| level(view).map_or("-".into(), |it| Bytes(it as u64).to_string());
        Column::new(heading, rank, cells(&cell))
    };
    let stage = |view: CaseView<'_>| view.fullest().map_or("-".into(), |top| top.stage.to_string());
    let mut columns = vec![
        Column::new("n", 6, cells(&|case, _| count(case)))
            .with_emphasis(|text| text.contains(FAILED).then_some(Emphasis::Failed)),
    ];
    columns.extend(ladders.iter().map(anon));
    columns.extend([
        per_unit("page tables", 5, Metric::PageTables),
        per_unit("VMAs", 5, Metric::Vmas),
        Column::new("at", 7, cells(&|_, view| stage(view))),
        at_top("rss", 3, Metric::Rss),
        at_top("pss", 8, Metric::Pss),
        at_top("uss", 9, Metric::Uss),
        at_top("peak", 4, Metric::Peak),
    ]);
    let routines = routines(&record.cases);
    if routines.len() <= MAX_ROUTINE_COLUMNS {
        let time = |routine: &String, case: &CaseRecord| {
            case.time.get(routine).map_or("-".to_owned(), |time| nanoseconds(time.ns))
        };
        columns.extend(routines.iter().map(|it| Column::new(it.as_str(), 2, cells(&|case, _| time(it, case)))));
    }
    let name = |case: &&CaseRecord| {
        let (group, id) = (case.id.strategy(), case.id.within_family());
        let rest = id.strip_prefix(group).unwrap_or(id).trim_start_matches('/');
        Name { group: group.to_owned(), rest: rest.to_owned() }
    };
    let text = fitted_table::print("case", &cases.iter().map(name).collect::<Vec<_>>(), columns, width);
    match legend(record, ladders, &text) {
        Some(legend) => format!("{legend}\n{text}"),
        None => text,
    }
}

/// What the columns of the ladders mean, and the marks in a table. `None` without ladders.
fn legend(record: &Record, ladders: &[&str], table: &str) -> Option<String> {
    let columns = match ladders {
        [] => return None,
        [only] => format!("along the ladder {only}"),
        [others @ .., last] => format!("along the ladders {} and {last}", others.join(", ")),
    };
    let unit = escape::line(&record.unit);
    let marks = [(CURVED, "not constant"), (SPREAD, "median of workers that differ")];
    let marks = marks.into_iter().filter(|(mark, _)| table.contains(*mark));
    let marks: String = marks.map(|(mark, meaning)| format!("; `{mark}`: {meaning}")).collect();
    Some(format!("anonymous memory that one {unit} adds {columns}{marks}"))
}

/// The cases that were not run, by reason. Few are named, or all of them on request.
pub(super) fn not_run(record: &Record, names_all: bool) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for case in &record.cases {
        let Some(reason) = case.not_run.as_deref() else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, cases)) => cases.push(case.id.within_family()),
            None => reasons.push((reason, vec![case.id.within_family()])),
        }
    }
    let line = |(reason, cases): (&str, Vec<&str>)| {
        let what = match cases.len() {
            1..=MAX_NAMED => cases.join(", "),
            count if names_all => format!("{} ({})", counted(count, "case"), cases.join(", ")),
            count => counted(count, "case"),
        };
        escape::line(&format!("{what}: not run: {reason}"))
    };
    reasons.into_iter().map(line).collect()
}

pub(super) fn failures(case: &CaseRecord) -> impl Iterator<Item = String> {
    case.failures.iter().flat_map(|failure| {
        let outcome = escape::line(&failure.outcome.to_string());
        let output = escape::lines(&failure.output_tail);
        let lines: Vec<&str> = output.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].iter().map(|line| format!("    {line}"));
        let failed = Emphasis::Failed.paint("failed");
        std::iter::once(format!("{}: {failed} {}: {outcome}", case.id, failure.place())).chain(last).collect::<Vec<_>>()
    })
}

/// The times of all cases, one per row, if they are not columns of the table of memory.
pub(super) fn time_table(record: &Record, width: Option<usize>) -> Option<String> {
    if routines(&record.cases).len() <= MAX_ROUTINE_COLUMNS {
        return None;
    }
    let rows = || record.cases.iter().flat_map(|case| case.time.iter().map(move |time| (case, time)));
    let name = |(case, (routine, _)): (&CaseRecord, (&String, _))| Name {
        group: case.id.within_family().to_owned(),
        rest: routine.clone(),
    };
    let names: Vec<Name> = rows().map(name).collect();
    let times = rows().map(|(_, (_, time))| nanoseconds(time.ns)).collect();
    Some(fitted_table::print("routine", &names, vec![Column::new("time", 0, times)], width))
}

fn count(case: &CaseRecord) -> String {
    match case.failures.len() {
        0 => case.samples.to_string(),
        failed => format!("{} ({failed}{FAILED})", case.samples),
    }
}

/// `4.58 KiB`: what a unit adds along a ladder, behind a mark for each thing that makes it less exact, so that units line
/// up. The range over the workers is added on request.
fn slope(view: CaseView<'_>, metric: Metric, ladder: &str, with_range: bool) -> Option<String> {
    let show = |value: f64| match metric.unit() {
        Unit::Bytes => bytes(value),
        Unit::Nanoseconds | Unit::Count => format!("{value:.2}"),
    };
    let line = view.line(metric, ladder)?;
    let curved = if line.linearity == Linearity::Linear { String::new() } else { CURVED.to_string() };
    let (slope, low, high) = (show(line.slope), show(line.low), show(line.high));
    Some(match (low == high, with_range) {
        (true, _) => format!("{curved}{slope}"),
        (false, true) => format!("{curved}{slope} [{low}, {high}]"),
        (false, false) => format!("{curved}{SPREAD}{slope}"),
    })
}

/// `4.58 KiB + 64 KiB`: one term per ladder of the case.
fn slopes(view: CaseView<'_>, metric: Metric, ladders: &[&str]) -> String {
    let terms: Vec<String> = ladders.iter().filter_map(|ladder| slope(view, metric, ladder, false)).collect();
    if terms.is_empty() { "-".to_owned() } else { terms.join(" + ") }
}
