//! The run of a family as a table: the marginal cost per unit, and the memory at the top of the ladder.

use highwater_judge::{CaseView, ladders};
use highwater_model::{Bytes, CaseRecord, Decision, Metric, Record, Unit, bytes, nanoseconds};
use highwater_stats::Linearity;

use super::{
    counted, escape,
    figure_tables::figure_tables,
    fitted_table::{self, Column, Name},
    table,
    unmeasured_conditions::unmeasured_conditions,
};

/// Up to this many routines have a column each. More go into a separate table with a row each.
const MAX_ROUTINE_COLUMNS: usize = 4;
/// Up to this many cases that were not run for one reason are named.
const MAX_NAMED: usize = 3;

/// How a run is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunView {
    /// The characters per line; unlimited without a value.
    pub width: Option<usize>,
    /// Whether all columns, reasons and claims are printed in full.
    pub is_verbose: bool,
}

/// The table of a run with its title, followed by cases that were not run, by failures of workers, and by claims.
#[must_use]
pub fn run_table(record: &Record, view: RunView) -> String {
    let width = view.width.filter(|_| !view.is_verbose);
    let ladders = ladders(record.cases.iter().map(|case| CaseView::of(record, case)));
    let unit = escape::line(&record.unit);
    let mut parts = vec![format!("{} on {}", escape::line(&record.family), record.fingerprint.class)];
    if !ladders.is_empty() {
        let subset = if ladders.len() > 1 { " (those that the case has)" } else { "" };
        parts.push(format!(
            "marginal cost per {unit}: {}{subset}; exact unless an interval is shown; `*`: not constant along the ladder",
            ladders.join(" + ")
        ));
    }
    let measured: Vec<&CaseRecord> = record.cases.iter().filter(|case| case.not_run.is_none()).collect();
    if !measured.is_empty() {
        parts.push(memory_table(record, &measured, &ladders, width));
    }
    if routines(&record.cases).len() > MAX_ROUTINE_COLUMNS {
        parts.push(time_table(record));
    }
    parts.extend(figure_tables(record, width));
    parts.extend(record.selection.worker_options.sentences(&record.unit).map(|sentence| escape::line(&sentence)));
    if view.is_verbose {
        parts.extend(unmeasured_conditions(record));
    }
    parts.extend(not_run(record, view.is_verbose));
    parts.extend(measured.iter().flat_map(|case| failures(case)));
    parts.extend(claims(record, view.is_verbose));
    let lines: Vec<String> = parts.join("\n").lines().map(|line| wrapped(line, view.width)).collect();
    lines.join("\n")
}

/// The routines that criterion timed in these cases, by name.
pub(crate) fn routines<'a>(cases: impl IntoIterator<Item = &'a CaseRecord>) -> Vec<&'a String> {
    let mut routines: Vec<&String> = cases.into_iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    routines
}

/// The table of memory, with a column per routine unless there are many.
fn memory_table(record: &Record, cases: &[&CaseRecord], ladders: &[&str], width: Option<usize>) -> String {
    let views: Vec<CaseView<'_>> = cases.iter().map(|case| CaseView::of(record, case)).collect();
    let cells = |cell: &dyn Fn(&CaseRecord, CaseView<'_>) -> String| -> Vec<String> {
        cases.iter().zip(&views).map(|(case, view)| cell(case, *view)).collect()
    };
    let per_unit = |heading: &str, rank, metric| {
        Column::new(format!("{heading}/{}", record.unit), rank, cells(&|_, view| slopes(view, metric, ladders)))
    };
    let at_top = |heading: &str, rank, metric| {
        let level = |view: CaseView<'_>| view.level(metric, view.fullest()?.stage.clone());
        let cell =
            |_: &CaseRecord, view: CaseView<'_>| level(view).map_or("-".into(), |it| Bytes(it as u64).to_string());
        Column::new(heading, rank, cells(&cell))
    };
    let stage = |view: CaseView<'_>| view.fullest().map_or("-".into(), |top| top.stage.to_string());
    let mut columns = vec![
        Column::new("n", 4, cells(&|case, _| count(case))),
        per_unit("anon", 0, Metric::Anon),
        per_unit("page tables", 3, Metric::PageTables),
        per_unit("VMAs", 3, Metric::Vmas),
        Column::new("at", 5, cells(&|_, view| stage(view))),
        at_top("rss", 1, Metric::Rss),
        at_top("pss", 6, Metric::Pss),
        at_top("uss", 7, Metric::Uss),
        at_top("peak", 2, Metric::Peak),
    ];
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
    fitted_table::print("case", &cases.iter().map(name).collect::<Vec<_>>(), columns, width)
}

/// The cases that were not run, by reason. Few are named, or all of them on request.
fn not_run(record: &Record, names_all: bool) -> Vec<String> {
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

fn failures(case: &CaseRecord) -> impl Iterator<Item = String> {
    case.failures.iter().flat_map(|failure| {
        let outcome = escape::line(&failure.outcome.to_string());
        let output = escape::lines(&failure.output_tail);
        let lines: Vec<&str> = output.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].iter().map(|line| format!("    {line}"));
        std::iter::once(format!("{}: failed {}: {outcome}", case.id, failure.place())).chain(last).collect::<Vec<_>>()
    })
}

/// The claims with a mark. Those that a run confirms have one line; the others state their figures, too.
fn claims(record: &Record, is_verbose: bool) -> Vec<String> {
    let count = |decision| record.claims.iter().filter(|claim| claim.decision == decision).count();
    if record.claims.is_empty() {
        return Vec::new();
    }
    let decisions = [Decision::Confirmed, Decision::Refuted, Decision::Undecided];
    let counts = decisions.map(|decision| format!("{} {decision}", count(decision)));
    let mut lines = vec![format!("claims: {}", counts.join(", "))];
    for claim in &record.claims {
        let mark = match claim.decision {
            Decision::Confirmed => '✓',
            Decision::Refuted => '✗',
            Decision::Undecided => '?',
        };
        lines.push(format!("  {mark} {}", escape::line(&format!("{}: {}", claim.id, claim.statement))));
        if claim.decision != Decision::Confirmed || is_verbose {
            lines.push(format!("      {}", escape::line(&claim.figures)));
        }
    }
    lines
}

/// A line of text in several of at most `width` characters, broken between words. Those after the first are indented by
/// two characters more. Lines of a table stay as they are.
fn wrapped(line: &str, width: Option<usize>) -> String {
    let room = width.unwrap_or(usize::MAX);
    if line.chars().count() <= room || line.starts_with(['┌', '│', '╞', '├', '└']) {
        return line.to_owned();
    }
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let (mut lines, mut last) = (Vec::new(), indent.to_owned());
    for word in text.split(' ') {
        let is_empty = last.trim_start().is_empty();
        if !is_empty && last.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::replace(&mut last, format!("{indent}  {word}")));
        } else {
            last.push_str(if is_empty { "" } else { " " });
            last.push_str(word);
        }
    }
    lines.push(last);
    lines.join("\n")
}

/// The times of all cases, one per row.
fn time_table(record: &Record) -> String {
    let rows = record.cases.iter().flat_map(|case| {
        // The id is shown in the first row only.
        let ids = std::iter::once(case.id.within_family().to_owned()).chain(std::iter::repeat(String::new()));
        ids.zip(&case.time).map(|(id, (routine, time))| vec![id, routine.clone(), nanoseconds(time.ns)])
    });
    table::print(&["case", "routine", "time"].map(str::to_owned), rows)
}

fn count(case: &CaseRecord) -> String {
    match case.failures.len() {
        0 => case.samples.to_string(),
        failed => format!("{} ({failed} failed)", case.samples),
    }
}

/// `4.58 KiB + 64 KiB`: one term per ladder of the case, with an interval if the workers differ.
fn slopes(view: CaseView<'_>, metric: Metric, ladders: &[&str]) -> String {
    let show = |value: f64| match metric.unit() {
        Unit::Bytes => bytes(value),
        Unit::Nanoseconds | Unit::Count => format!("{value:.2}"),
    };
    let term = |name: &&str| {
        let line = view.line(metric, name)?;
        let mark = if line.linearity == Linearity::Linear { "" } else { "*" };
        Some(match line.low == line.high {
            true => format!("{}{mark}", show(line.slope)),
            false => format!("{}{mark} [{}, {}]", show(line.slope), show(line.low), show(line.high)),
        })
    };
    let terms: Vec<String> = ladders.iter().filter_map(term).collect();
    if terms.is_empty() { "-".to_owned() } else { terms.join(" + ") }
}
