//! What the report answers about this family: the cost of an instance, by engine and by version of wasmtime.

use engine_worker::{Build, Guest, Kind, Row, Setup, rows, wasmtime_versions};
use highwater_model::{Measure, Question};

/// The questions, the most important one first.
#[must_use]
pub fn all() -> Vec<Question> {
    let called = || Measure::cost(&["live", "called"]);
    vec![
        by_engine("What does one instance cost, by engine?", called(), Guest::Tiny),
        by_version("What does one instance cost, by wasmtime version?", called(), (Kind::Instance, Guest::Tiny)),
        by_engine("What does an instance cost that has written to 16 pages, by engine?", called(), Guest::Toucher),
        by_engine("What does an instance with 10 MiB of initial data cost, by engine?", called(), Guest::Image),
        by_version(
            "What does an engine with a module of 269 kB cost, by wasmtime version?",
            Measure::cost(&["live"]),
            (Kind::Module, Guest::Actor),
        ),
        by_engine(
            "How long does it take to create an instance, by engine?",
            Measure::value("figure.instantiate_ns", "live@1000"),
            Guest::Tiny,
        ),
        by_engine(
            "How long does the first call of an instance take, by engine?",
            Measure::value("figure.call_ns", "called@1000"),
            Guest::Tiny,
        ),
    ]
}

/// The newest version of each engine, with each of its compilers.
fn by_engine(title: &str, measure: Measure, guest: Guest) -> Question {
    let newest = newest_wasmtime().build;
    let is_newest = |build: Build| build.engine != newest.engine || build.version == newest.version;
    let rows = rows().into_iter().filter(|row| is_newest(row.setup.build) && is_usual(row, Kind::Instance, guest));
    rows.fold(Question::new(title, measure), |question, row| {
        let compiler = row.setup.compiler.map(|compiler| format!(" ({})", compiler.name())).unwrap_or_default();
        add(question, row, format!("{}{compiler}", row.setup.build.label()))
    })
}

/// The versions of wasmtime, with its default compiler.
fn by_version(title: &str, measure: Measure, (kind, guest): (Kind, Guest)) -> Question {
    let versions: Vec<Setup> = wasmtime_versions().collect();
    let rows = rows().into_iter().filter(|row| versions.contains(&row.setup) && is_usual(row, kind, guest));
    rows.fold(Question::new(title, measure), |question, row| add(question, row, row.setup.build.label()))
}

fn newest_wasmtime() -> Setup {
    wasmtime_versions().next_back().expect("the table has wasmtime")
}

/// Whether a case differs from the others of its kind and guest in its engine only.
fn is_usual(row: &Row, kind: Kind, guest: Guest) -> bool {
    row.drops && (row.kind, row.guest, row.load) == (kind, guest, row.setup.load)
}

/// Adds a case. What the sentence compares with is the newest wasmtime.
fn add(question: Question, row: Row, label: String) -> Question {
    let id = row.id().expect("names of engines and guests are lower case words");
    let id = id.within_family().to_owned();
    if row.setup == newest_wasmtime() { question.default_case(id, label) } else { question.case(id, label) }
}

#[cfg(test)]
mod tests {
    use highwater_model::{CaseId, unknown_cases};

    #[test]
    fn questions_name_cases_of_the_family() {
        let ids: Vec<CaseId> = crate::family().cases.iter().map(|case| case.id()).collect();
        assert_eq!(unknown_cases(&super::all(), &ids), Vec::<String>::new());
        // One of each setup but the older versions, and one of each version.
        let counts = super::all().iter().map(|question| question.cases.len()).collect::<Vec<_>>();
        assert_eq!(counts, [7, 5, 7, 7, 5, 7, 7]);
    }
}
