//! The run of a family for the terminal: first the answers to the questions of the family, then what changed against a
//! baseline, then the tables, and the claims.

use highwater_judge::FamilyComparison;
use highwater_model::{CaseRecord, Record};

use super::{
    claims_text::claims,
    counted, escape,
    figure_tables::figure_tables,
    run_table::{failures, memory_table, not_run, time_table},
    site::answers::{SpokenAnswer, compared_cases, spoken_answers},
    terminal::{Emphasis, wrapped},
    time_changes::TimeChanges,
    tree_tables::tree_tables,
    unmeasured_conditions::unmeasured_conditions,
    verdict_lines::verdict_lines,
};

/// The most lines of answers, unless everything is printed.
const MOST_ANSWER_LINES: usize = 10;
/// If more cases than this were measured, the table has those that the questions compare.
const MOST_CASES: usize = 30;
/// The most lines of tables of figures, unless everything is printed.
const MOST_FIGURE_LINES: usize = 20;

/// How a run is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunView {
    /// The characters per line; unlimited without a value.
    pub width: Option<usize>,
    /// Whether all columns, figures, reasons and claims are printed in full.
    pub is_verbose: bool,
}

/// What a run is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// What it is: `the baseline of 2026-07-01`.
    pub name: &'a str,
    /// The verdicts, which fresh workers have not confirmed.
    pub comparison: &'a FamilyComparison,
}

/// The text of a run of unmodified programs: like [`run_text`], with a table of their process trees at each stage.
#[must_use]
pub fn program_text(record: &Record, against: Option<Reference<'_>>, view: RunView) -> String {
    text(record, against, None, view, tree_tables)
}

/// The text of a run: its title, the answers, what changed, the tables, cases that were not run, failures of workers,
/// and claims.
#[must_use]
pub fn run_text(record: &Record, against: Option<Reference<'_>>, times: Option<&TimeChanges>, view: RunView) -> String {
    text(record, against, times, view, tables)
}

fn text(
    record: &Record,
    against: Option<Reference<'_>>,
    times: Option<&TimeChanges>,
    view: RunView,
    tables: fn(&Record, RunView) -> Vec<String>,
) -> String {
    let family = Emphasis::Heading.paint(escape::line(&record.family));
    let mut parts = vec![format!("{family} on {}", record.fingerprint.class)];
    parts.extend(answers(&spoken_answers(record, view.is_verbose), view));
    parts.extend(against.into_iter().flat_map(|it| verdict_lines(it.name, it.comparison, view.is_verbose)));
    parts.extend(times.into_iter().flat_map(|it| it.lines(view.is_verbose)));
    parts.extend(tables(record, view));
    parts.extend(record.selection.worker_options.sentences(&record.unit).map(|sentence| escape::line(&sentence)));
    if view.is_verbose {
        parts.extend(unmeasured_conditions(record));
    }
    parts.extend(not_run(record, view.is_verbose));
    parts.extend(record.cases.iter().filter(|case| case.not_run.is_none()).flat_map(failures));
    parts.extend(claims(record, view.is_verbose));
    wrapped(&parts.join("\n"), view.width)
}

/// As many answers as fit; the rest is counted.
fn answers(spoken: &[SpokenAnswer], view: RunView) -> Vec<String> {
    let line = |answer: &SpokenAnswer| {
        let title = Emphasis::Heading.paint(escape::line(&answer.title));
        wrapped(&format!("  {title} {}", escape::line(&answer.sentence)), view.width)
    };
    let lines: Vec<String> = spoken.iter().map(line).collect();
    let height = |lines: &[String]| lines.iter().map(|line| line.lines().count()).sum::<usize>();
    if view.is_verbose || height(&lines) <= MOST_ANSWER_LINES {
        return lines;
    }
    // One line is for the rest.
    let fitting = (1..lines.len()).rev().find(|count| height(&lines[..*count]) < MOST_ANSWER_LINES).unwrap_or(1);
    let rest = lines.len() - fitting;
    let mut shown = lines;
    shown.truncate(fitting);
    shown.push(format!("  {} in the report, or with --verbose", counted(rest, "more answer")));
    shown
}

fn tables(record: &Record, view: RunView) -> Vec<String> {
    let measured: Vec<&CaseRecord> = record.cases.iter().filter(|case| case.not_run.is_none()).collect();
    if measured.is_empty() {
        return Vec::new();
    }
    let width = view.width.filter(|_| !view.is_verbose);
    let mut shown = measured.clone();
    if !view.is_verbose && measured.len() > MOST_CASES {
        let compared = compared_cases(record);
        shown.retain(|case| compared.contains(case.id.within_family()) || !case.failures.is_empty());
    }
    let mut parts = Vec::new();
    if !shown.is_empty() {
        parts.push(memory_table(record, &shown, width, view.is_verbose));
    }
    let mut left_out = Vec::new();
    if shown.len() < measured.len() {
        left_out.push(counted(measured.len() - shown.len(), "more case"));
    }
    parts.extend(time_table(record, width));
    let figures = figure_tables(record, width);
    if view.is_verbose || figures.iter().map(|table| table.lines().count()).sum::<usize>() <= MOST_FIGURE_LINES {
        parts.extend(figures);
    } else {
        left_out.push(format!("{} of figures", counted(figures.len(), "table")));
    }
    if !left_out.is_empty() {
        parts.push(format!("{} in the report, or with --verbose", left_out.join(" and ")));
    }
    parts
}
