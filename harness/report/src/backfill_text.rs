//! What `highwater backfill` did, as a table of revisions. Revisions in a row with the same result are one row.

use std::time::Duration;

use super::{
    counted, escape,
    table::{TextCell, print_words},
    terminal::{Emphasis, in_words},
};

/// The characters of a commit hash that are printed.
const HASH: usize = 12;

/// A revision of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfilledRevision {
    /// The full commit hash.
    pub commit: String,
    /// The day of the commit: `2026-11-30`.
    pub day: String,
    /// What became of it.
    pub result: Backfilled,
}

/// What became of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backfilled {
    /// It was measured and stored.
    Measured {
        /// The number of values.
        values: usize,
        /// The number of cases.
        cases: usize,
        /// How long building and measuring took.
        took: Duration,
        /// What of it could not be measured.
        problem: Option<String>,
    },
    /// The store had a run of it.
    Stored,
    /// It could not be measured, now or before.
    Unmeasured(String),
}

impl Backfilled {
    fn text(&self) -> TextCell {
        match self {
            Self::Measured { values, cases, took, problem } => {
                let (values, cases) = (counted(*values, "value"), counted(*cases, "case"));
                let problem = problem.as_ref().map_or(String::new(), |problem| format!("; {}", escape::line(problem)));
                TextCell {
                    text: format!("{values} of {cases} in {}{problem}", in_words(*took)),
                    emphasis: Some(if problem.is_empty() { Emphasis::Passed } else { Emphasis::Open }),
                }
            }
            Self::Stored => "was in the store".into(),
            Self::Unmeasured(reason) => {
                TextCell { text: format!("not measured: {}", escape::line(reason)), emphasis: Some(Emphasis::Open) }
            }
        }
    }
}

/// The table, and a line with the counts. `ahead` is the number of revisions that were not reached.
#[must_use]
pub fn backfill_text(revisions: &[BackfilledRevision], ahead: usize, width: usize) -> String {
    let mut rows: Vec<(Vec<&BackfilledRevision>, TextCell)> = Vec::new();
    for revision in revisions {
        let text = revision.result.text();
        match rows.last_mut() {
            Some((group, known)) if *known == text && !matches!(revision.result, Backfilled::Measured { .. }) => {
                group.push(revision);
            }
            _ => rows.push((vec![revision], text)),
        }
    }
    let row = |(group, text): (Vec<&BackfilledRevision>, TextCell)| {
        let label = |revision: &&BackfilledRevision| revision.commit.chars().take(HASH).collect::<String>();
        let (first, last) = (group.first(), group.last());
        let commit = match (first, last) {
            (Some(first), Some(last)) if group.len() > 1 => {
                format!("{} to {} ({})", label(first), label(last), group.len())
            }
            _ => first.map(label).unwrap_or_default(),
        };
        vec![commit.into(), first.map_or(String::new(), |first| first.day.clone()).into(), text]
    };
    let headings = ["revision", "committed", "result"].map(str::to_owned);
    let table = print_words(&headings, rows.into_iter().map(row), width);
    let count = |is_it: fn(&Backfilled) -> bool| revisions.iter().filter(|it| is_it(&it.result)).count();
    let parts = [
        (count(|it| matches!(it, Backfilled::Measured { .. })), "measured"),
        (count(|it| *it == Backfilled::Stored), "in the store before"),
        (count(|it| matches!(it, Backfilled::Unmeasured(_))), "not measured"),
        (ahead, "left"),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("{table}\n{}: {}", counted(revisions.len() + ahead, "revision"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::plain;

    #[test]
    fn revisions_in_a_row_with_the_same_reason_are_one_row() {
        let revision = |number: u32, result| BackfilledRevision {
            commit: format!("{number:040x}"),
            day: "2026-11-30".to_owned(),
            result,
        };
        let measured = || Backfilled::Measured { values: 330, cases: 8, took: Duration::from_secs(42), problem: None };
        let broken = || Backfilled::Unmeasured("does not build\u{1b}[31m".to_owned());
        let revisions = [
            revision(9, measured()),
            revision(8, measured()),
            revision(7, broken()),
            revision(6, broken()),
            revision(5, Backfilled::Stored),
        ];
        let text = plain(&backfill_text(&revisions, 2, 100));
        let words = |line: &str| line.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        let rows: Vec<String> = text.lines().filter(|line| line.contains("2026-")).map(words).collect();
        let expected = [
            "000000000000 2026-11-30 330 values of 8 cases in 40 s",
            "000000000000 2026-11-30 330 values of 8 cases in 40 s",
            "000000000000 to 000000000000 (2) 2026-11-30 not measured: does not build\\x1b[31m",
            "000000000000 2026-11-30 was in the store",
        ];
        assert_eq!(rows, expected, "{text}");
        let counts = "7 revisions: 2 measured, 1 in the store before, 2 not measured, 2 left";
        assert_eq!(text.lines().last(), Some(counts));
    }
}
