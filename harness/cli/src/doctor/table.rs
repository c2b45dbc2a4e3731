//! Prints the diagnosis as a table, with the consequence and the fix below checks that are not good, or as JSON.

use highwater_report::{escape, print_words};

use super::{Check, Diagnosis, Grade};

/// The table, followed by a summary line.
#[must_use]
pub(super) fn diagnosis_table(diagnosis: &Diagnosis) -> String {
    let headings = ["check", "grade", "finding"].map(str::to_owned);
    let rows = diagnosis.checks.iter().map(|check| vec![check.name.to_owned(), check.grade.word().into(), cell(check)]);
    format!("{}\n{}", print_words(&headings, rows), diagnosis.gates.sentence())
}

fn cell(check: &Check) -> String {
    let finding = escape::line(&check.finding);
    match check.grade {
        Grade::Good => finding,
        Grade::Limits | Grade::Broken => {
            let [effect, fix] = [&check.cost, &check.fix].map(|text| escape::line(text));
            format!("{finding}\n  effect: {effect}\n  fix: {fix}")
        }
    }
}

/// The diagnosis and its exit status as indented JSON.
#[must_use]
pub(super) fn diagnosis_json(diagnosis: &Diagnosis) -> String {
    let diagnosis = serde_json::json!({"exit_status": diagnosis.exit_status(), "diagnosis": diagnosis});
    escape::json(&format!("{diagnosis:#}"))
}
