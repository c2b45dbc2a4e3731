//! What the doctor found, as a table: one line per check, and below those that are not good what
//! that costs and what helps.

use highwater_report::print_words;

use super::{Check, Diagnosis, Grade};

/// The table, and the summing-up as its last line.
#[must_use]
pub(super) fn diagnosis_table(diagnosis: &Diagnosis) -> String {
    let headings = ["check", "grade", "finding"].map(str::to_owned);
    let rows = diagnosis.checks.iter().map(|check| vec![check.name.to_owned(), check.grade.word().into(), cell(check)]);
    format!("{}\n{}", print_words(&headings, rows), diagnosis.gates.sentence())
}

fn cell(check: &Check) -> String {
    match check.grade {
        Grade::Good => check.finding.clone(),
        Grade::Limits | Grade::Broken => format!("{}\n  costs: {}\n  fix: {}", check.finding, check.cost, check.fix),
    }
}

/// The same as indented JSON, with the exit status it comes to.
#[must_use]
pub(super) fn diagnosis_json(diagnosis: &Diagnosis) -> String {
    format!("{:#}", serde_json::json!({"exit_status": diagnosis.exit_status(), "diagnosis": diagnosis}))
}
