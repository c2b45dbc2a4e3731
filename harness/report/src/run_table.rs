//! The run of a family as a table: the marginal cost per unit, and the memory at the top of the ladder.

use highwater_judge::{CaseView, ladders};
use highwater_model::{Bytes, CaseRecord, Metric, Record, Unit, bytes, nanoseconds};
use highwater_stats::Linearity;

use super::{escape, figure_tables::figure_tables, table};

/// Up to this many routines have a column each. More go into a separate table with a row each.
const MAX_ROUTINE_COLUMNS: usize = 4;

/// The table of a run with its title, followed by the reasons of cases that were not run and by failures of workers.
#[must_use]
pub fn run_table(record: &Record) -> String {
    let ladders = ladders(record.cases.iter().map(|case| CaseView::of(record, case)));
    let mut routines: Vec<&String> = record.cases.iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    let mut headings = vec!["case".to_owned(), "n".to_owned()];
    headings.extend(["anon", "page tables", "VMAs"].map(|what| format!("{what}/{}", record.unit)));
    headings.extend(["at", "rss", "pss", "uss", "peak"].map(str::to_owned));
    let columns: &[&String] = if routines.len() > MAX_ROUTINE_COLUMNS { &[] } else { &routines };
    headings.extend(columns.iter().map(|routine| (*routine).clone()));
    let rows = record.cases.iter().map(|case| {
        let columns = columns.iter().filter(|_| case.not_run.is_none());
        let times = columns.map(|routine| case.time.get(*routine).map_or("-".to_owned(), |time| nanoseconds(time.ns)));
        row(record, case, &ladders).into_iter().chain(times).collect()
    });
    let family = escape::line(&record.family);
    let mut text = format!("{family} on {}\n{}\n", record.fingerprint.class, table::print(&headings, rows));
    if columns.len() < routines.len() {
        text.push_str(&time_table(record));
        text.push('\n');
    }
    for figures in figure_tables(record) {
        text.push_str(&figures);
        text.push('\n');
    }
    for sentence in record.selection.worker_options.sentences(&record.unit) {
        text.push_str(&escape::line(&sentence));
        text.push('\n');
    }
    for case in &record.cases {
        if let Some(reason) = &case.not_run {
            text.push_str(&format!("{}: not run: {}\n", case.id, escape::line(reason)));
        }
    }
    for case in record.cases.iter().filter(|case| !case.failures.is_empty()) {
        for failure in &case.failures {
            let outcome = escape::line(&failure.outcome.to_string());
            text.push_str(&format!("{}: failed {}: {outcome}\n", case.id, failure.place()));
            for line in escape::lines(&failure.output_tail).lines().rev().take(5).collect::<Vec<_>>().into_iter().rev()
            {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    for claim in &record.claims {
        let line = format!("claim {}: {}: {}; {}", claim.id, claim.decision, claim.statement, claim.figures);
        text.push_str(&format!("{}\n", escape::line(&line)));
    }
    if !ladders.is_empty() {
        let subset = if ladders.len() > 1 { " (those that the case has)" } else { "" };
        let unit = escape::line(&record.unit);
        text.push_str(&format!("marginal cost per {unit}: {}{subset}; ", ladders.join(" + ")));
        text.push_str("exact unless an interval is shown; `*`: not constant along the ladder");
    }
    text
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

fn row(record: &Record, case: &CaseRecord, ladders: &[&str]) -> Vec<String> {
    let id = case.id.within_family().to_owned();
    if case.not_run.is_some() {
        return vec![id, "not run".into()];
    }
    let view = CaseView::of(record, case);
    let mut cells = vec![id, count(case)];
    for metric in [Metric::Anon, Metric::PageTables, Metric::Vmas] {
        cells.push(slopes(view, metric, ladders));
    }
    let top = view.fullest();
    cells.push(top.map_or("-".into(), |top| top.stage.to_string()));
    for metric in [Metric::Rss, Metric::Pss, Metric::Uss, Metric::Peak] {
        let median = top.and_then(|top| view.level(metric, top.stage.clone()));
        cells.push(median.map_or("-".into(), |value| Bytes(value as u64).to_string()));
    }
    cells
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
