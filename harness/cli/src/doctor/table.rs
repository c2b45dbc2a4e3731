//! Prints the diagnosis as a table, with the consequence and the fix below checks that are not good, or as JSON.

use highwater_report::{TextCell, escape, print_words, terminal::Emphasis};

use super::{Check, Diagnosis, Grade};

/// The table in at most `width` characters, followed by a summary line.
#[must_use]
pub(super) fn diagnosis_table(diagnosis: &Diagnosis, width: usize) -> String {
    let headings = ["check", "grade", "finding"].map(str::to_owned);
    let row = |check: &Check| vec![check.name.into(), grade(check.grade), cell(check).into()];
    let rows = diagnosis.checks.iter().map(row);
    format!("{}\n{}", print_words(&headings, rows, width), diagnosis.gates.sentence())
}

fn grade(grade: Grade) -> TextCell {
    let emphasis = match grade {
        Grade::Good => Emphasis::Passed,
        Grade::Limits => Emphasis::Open,
        Grade::Broken => Emphasis::Failed,
    };
    TextCell { text: grade.word().to_owned(), emphasis: Some(emphasis) }
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
