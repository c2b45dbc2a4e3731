//! Text from outside never acts on what shows it: whatever a field of a record holds, exports, texts for the terminal
//! and pages have neither raw characters nor commands of CI systems nor foreign markup, and keep their structure.

mod common;

use common::{
    comparisons::{Given, everything_with},
    site::everywhere,
};
use highwater_judge::{Calibration, Ceilings};
use highwater_model::{Bytes, Metric};
use highwater_report::{
    self as report, CapacityReport, CaseCapacity, FamilyCapacity, Reference, TimeChange, TimeChanges, Verified,
    export::{EXPORTERS, exporter},
    site, terminal,
};
use proptest::prelude::*;
use uppsala::{XsdValidator, parse};

/// Pieces that act on a terminal, a log, or a format.
const PIECES: [&str; 39] = [
    "\u{1b}[31m",
    "\u{1b}]0;title\u{7}",
    "\u{9b}2J",
    "\0",
    "\u{8}",
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{feff}",
    "\u{ffff}",
    "\u{10fffe}",
    "::error file=x::forged",
    "::",
    ":",
    "##",
    "[",
    "##[error]",
    "##vso[task]",
    "#",
    "%0A::error::",
    "<script>alert(1)</script>",
    "</pre>",
    "--> <!--",
    "&amp;",
    "\"' ",
    "]]>",
    "| a | b |",
    "`x`",
    "[a](javascript:b)",
    "@you",
    "=cmd|'/c calc'!A0",
    ",;\"",
    "plain text",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

/// A text with the structure that a hostile text must not change.
const PLAIN: &str = "plain";

fn is_raw(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_separator = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}');
    // The output of a worker keeps its lines and tabs.
    !matches!(c, '\n' | '\t') && c.is_control() || is_direction || is_separator || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Asserts that a text has no raw characters, and no commands of CI systems but those that start with one of `commands`.
fn check(what: &str, text: &str, commands: &[&str]) -> Result<(), TestCaseError> {
    prop_assert_eq!(text.chars().find(|c| is_raw(*c)), None, "{}:\n{:?}", what, text);
    for line in text.lines() {
        let is_command = line.trim_start().starts_with("::");
        prop_assert!(!is_command || commands.iter().any(|command| line.starts_with(command)), "{}: {}", what, line);
        for command in ["##[", "##vso["] {
            prop_assert!(!line.contains(command), "{}: {}", what, line);
        }
    }
    Ok(())
}

fn export(given: &Given, name: &str) -> String {
    given.export(exporter(name).expect("a format"))
}

fn count(text: &str, is_counted: impl Fn(&str) -> bool) -> usize {
    text.lines().filter(|line| is_counted(line)).count()
}

fn csv_rows(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().collect::<Result<_, _>>().expect("rows of one length")
}

/// Validates by the XML Schema of Jenkins.
fn junit_errors(document: &str) -> Vec<String> {
    let schema = parse(include_str!("fixtures/schemas/junit-10.xsd")).expect("XML");
    match parse(document) {
        Ok(document) => {
            let errors = XsdValidator::from_schema(&schema).expect("a schema").validate(&document);
            errors.iter().map(|error| format!("{error:?}")).collect()
        }
        Err(error) => vec![format!("{error:?}")],
    }
}

fn capacity(text: &str) -> CapacityReport {
    let case = |name: &str, verified| CaseCapacity {
        id: format!("toy/{name}").parse().expect("an id"),
        prediction: Err(text.to_owned()),
        verified,
    };
    let class = common::record().fingerprint.class;
    CapacityReport {
        memory: Bytes(8 << 30),
        reserve_percent: 20.0,
        ceilings: Ceilings {
            memory: Bytes(8 << 30),
            max_map_count: 65_530,
            address_space: Bytes(1 << 47),
            bytes_per_mapping: 200,
        },
        families: vec![FamilyCapacity {
            family: text.to_owned(),
            class,
            unit: text.to_owned(),
            cases: vec![case("a", None), case("b", Some(Verified::NotRun(text.to_owned())))],
        }],
    }
}

/// Every text for a terminal, by name.
fn terminal_texts(given: &Given, text: &str) -> Vec<(&'static str, String)> {
    let run = &given.runs[0];
    let changes = &given.comparison.families[0];
    let class = &run.fingerprint.class;
    let against = Reference { name: text, comparison: changes };
    let change = TimeChange { benchmark: text.to_owned(), change: 0.2, low: 0.1, high: 0.3 };
    let times = TimeChanges { since: text.to_owned(), noise: 0.01, changes: vec![change] };
    vec![
        ("comparison", report::comparison_text(&given.comparison, true)),
        ("short", report::comparison_text(&given.comparison, false)),
        ("run", report::run_text(run, Some(against), Some(&times), report::RunView::default())),
        ("blessing", report::blessing_text(run, changes)),
        ("exactness", report::exactness_table(run, &[Metric::Anon], None)),
        ("capacity", report::capacity_table(&capacity(text), None)),
        ("capacity as JSON", report::capacity_json(&capacity(text))),
        ("calibration", report::calibration_text(text, class, 1, &Calibration::default(), None)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_export_has_raw_text(text in hostile()) {
        let given = everything_with(&text);
        for exporter in EXPORTERS {
            let export = given.export(exporter);
            let (export, commands): (String, &[&str]) = match exporter.name() {
                // A row of a CSV file ends in CRLF.
                "csv" => (export.replace("\r\n", "\n"), &[]),
                "github" => (export, &["::error ", "::warning ", "::notice "]),
                _ => (export, &[]),
            };
            check(exporter.name(), &export, commands)?;
        }
    }

    #[test]
    fn every_export_keeps_its_structure(text in hostile()) {
        let (given, plain) = (everything_with(&text), everything_with(PLAIN));
        let both = |name: &str| [export(&given, name), export(&plain, name)];

        let [github, expected] = both("github");
        prop_assert_eq!(count(&github, |line| line.starts_with("::")), count(&expected, |line| line.starts_with("::")));
        prop_assert_eq!(github.lines().count(), expected.lines().count(), "{}", github);

        let [csv, expected] = both("csv");
        let rows = csv_rows(&csv);
        prop_assert_eq!(rows.len(), csv_rows(&expected).len());
        for cell in rows.iter().flatten() {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@']) || cell.parse::<f64>().is_ok(), "{:?}", cell);
        }

        let [junit, expected] = both("junit");
        prop_assert_eq!(junit_errors(&junit), Vec::<String>::new(), "{}", junit);
        prop_assert_eq!(junit.matches("<testcase ").count(), expected.matches("<testcase ").count());

        for name in ["json", "sarif", "bmf", "github-action-benchmark"] {
            let [json, _] = both(name);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{}: {}", name, json);
        }
        let [jsonl, expected] = both("jsonl");
        prop_assert_eq!(jsonl.lines().count(), expected.lines().count());
        // Programs get the text unchanged.
        let last = jsonl.lines().last().expect("a summary");
        let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
        prop_assert_eq!(last["without_baseline"][0]["family"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn markdown_has_no_foreign_markup(text in hostile()) {
        let markdown = export(&everything_with(&text), "markdown");
        let mut rest = markdown.replace("<!-- -->", "");
        for tag in ["<details>", "</details>", "<summary>", "</summary>", "<pre>", "</pre>"] {
            rest = rest.replace(tag, "");
        }
        prop_assert!(!rest.contains('<'), "{}", rest);
        let cells = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        let tables = rest.lines().collect::<Vec<_>>();
        for pair in tables.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with("| "))) {
            prop_assert_eq!(cells(pair[0]), cells(pair[1]), "{:?}", pair);
        }
    }

    #[test]
    fn no_text_for_the_terminal_has_raw_text(text in hostile()) {
        // The output of a failed worker has as many lines as the worker wrote, indented by four columns.
        let lines = |text: &str| count(text, |line| !line.starts_with("    "));
        let (given, plain) = (everything_with(&text), everything_with(PLAIN));
        for ((name, shown), (_, expected)) in
            terminal_texts(&given, &text).into_iter().zip(terminal_texts(&plain, PLAIN))
        {
            // Our own colours are as many as with other text, and nothing else is raw.
            let colours = |text: &str| text.matches('\u{1b}').count();
            prop_assert_eq!(colours(&shown), colours(&expected), "{}:\n{}", name, shown);
            check(name, &terminal::plain(&shown), &[])?;
            prop_assert_eq!(lines(&shown), lines(&expected), "{}:\n{}", name, shown);
        }
    }

    #[test]
    fn no_page_has_raw_text_or_foreign_markup(text in hostile()) {
        for page in site::pages(&everywhere(&text), None).expect("pages") {
            let html = page.html;
            prop_assert_eq!(html.chars().find(|c| is_raw(*c)), None, "{}", page.path);
            prop_assert!(!html.contains("<script>alert") && !html.contains("href=\"javascript:"), "{}", page.path);
        }
    }
}
