//! Prints the diagnosis as a table, with the consequence and the fix below checks that are not good, or as JSON.

use highwater_report::print_words;

use super::{Check, Diagnosis, Grade};

/// The table, followed by a summary line.
#[must_use]
pub(super) fn diagnosis_table(diagnosis: &Diagnosis) -> String {
    let headings = ["check", "grade", "finding"].map(str::to_owned);
    let rows = diagnosis.checks.iter().map(|check| vec![check.name.to_owned(), check.grade.word().into(), cell(check)]);
    format!("{}\n{}", print_words(&headings, rows), diagnosis.gates.sentence())
}

fn cell(check: &Check) -> String {
    match check.grade {
        Grade::Good => check.finding.clone(),
        Grade::Limits | Grade::Broken => format!("{}\n  effect: {}\n  fix: {}", check.finding, check.cost, check.fix),
    }
}

/// The diagnosis and its exit status as indented JSON.
#[must_use]
pub(super) fn diagnosis_json(diagnosis: &Diagnosis) -> String {
    format!("{:#}", serde_json::json!({"exit_status": diagnosis.exit_status(), "diagnosis": diagnosis}))
}
