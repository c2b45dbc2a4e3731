//! Snapshots of every export format, for a comparison with every kind of verdict and hostile texts, an empty one, and
//! one without a baseline; and tests that external text cannot imitate our output. `export_schemas.rs` tests the
//! schemas.

mod common;

use std::collections::BTreeSet;

use common::comparisons::{Given, everything, without_baseline};
use highwater_judge::{Comparison, Kind, Verdict};
use highwater_report::export::{EXPORTERS, exporter};

fn exported(given: &Given, name: &str) -> String {
    given.export(exporter(name).expect("a format"))
}

fn snapshots(of: &str, given: &Given) {
    for exporter in EXPORTERS {
        insta::assert_snapshot!(format!("{of}_as_{}", exporter.name()), given.export(exporter));
    }
}

#[test]
fn every_format_of_a_comparison_with_every_kind() {
    let given = everything();
    let kinds: BTreeSet<Kind> = given.comparison.verdicts().map(|verdict| verdict.kind).collect();
    assert_eq!(kinds, BTreeSet::from(Kind::ALL), "the comparison has every kind");
    snapshots("everything", &given);
}

#[test]
fn every_format_of_an_empty_comparison() {
    snapshots("nothing", &Given::default());
}

#[test]
fn every_format_of_a_run_without_a_baseline() {
    snapshots("no_baseline", &without_baseline());
}

#[test]
fn format_names_are_unique_words() {
    let names: BTreeSet<&str> = EXPORTERS.iter().map(|exporter| exporter.name()).collect();
    assert_eq!(names.len(), EXPORTERS.len());
    for name in names {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
    }
}

#[test]
fn external_text_neither_moves_the_cursor_nor_starts_a_line() {
    let given = everything();
    // JSON escapes control characters, and people do not read it in a terminal.
    for exporter in EXPORTERS.into_iter().filter(|exporter| !["json", "jsonl"].contains(&exporter.name())) {
        let text = given.export(exporter);
        let is_printable = |c: char| c == '\n' || c == '\r' || !(c.is_control() || c == '\u{202e}');
        let unprintable = text.chars().find(|c| !is_printable(*c));
        assert_eq!(unprintable, None, "{}", exporter.name());
    }
    for name in ["table", "github", "markdown"] {
        let lines = exported(&given, name);
        assert!(!lines.lines().any(|line| line.starts_with("::error title=forged")), "{name}:\n{lines}");
    }
}

#[test]
fn csv_rows_end_with_crlf_and_can_be_read_back() {
    let given = everything();
    let text = exported(&given, "csv");
    assert!(text.split('\n').filter(|line| !line.is_empty()).all(|line| line.ends_with('\r')));
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(text.as_bytes()).records().collect::<Result<_, _>>().expect("rows of one length");
    assert_eq!(rows.len(), given.comparison.verdicts().count());
    assert!(rows.iter().any(|row| row[3] == *"regressed" && row[9] == *"266240" && row[12].is_empty()));
    assert!(rows.iter().any(|row| row[3] == *"regressed" && row[12] == *"arenas"));
}

#[test]
fn json_lines_are_verdicts_and_a_final_summary() {
    let given = everything();
    let lines: Vec<serde_json::Value> =
        exported(&given, "jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, verdicts) = lines.split_last().expect("lines");
    assert_eq!(verdicts.len(), given.comparison.verdicts().count());
    assert!(verdicts.iter().all(|verdict| verdict["type"] == "verdict" && verdict["case"].is_string()));
    assert_eq!((&last["type"], &last["exit_status"]), (&"summary".into(), &3.into()));
    assert_eq!(last["gated"]["over_budget"], 1);
}

#[test]
fn github_action_benchmark_entries_are_complete() {
    for given in [everything(), without_baseline()] {
        let entries: Vec<serde_json::Value> =
            serde_json::from_str(&exported(&given, "github-action-benchmark")).expect("a list");
        assert!(entries.iter().all(|e| e["name"].is_string() && e["unit"].is_string() && e["value"].is_number()));
        let names: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["name"].as_str()).collect();
        assert_eq!(names.len(), entries.len(), "names identify entries");
        assert!(
            names.contains("toy/heap/size=64k: fill") && names.contains("toy/heap/size=64k: heap_live, slope of live")
        );
    }
}

/// A comparison with `count` regressions.
fn many(count: usize) -> Given {
    let mut given = everything();
    let family = &mut given.comparison.families[0];
    let regressed = family.verdicts.iter().find(|verdict| verdict.fails() && verdict.kind == Kind::Regressed);
    let regressed = regressed.expect("one").clone();
    family.verdicts = (0..count)
        .map(|number| Verdict {
            case: format!("toy/many/number={number}").parse().expect("an id"),
            ..regressed.clone()
        })
        .collect();
    given
}

#[test]
fn the_tenth_github_annotation_counts_the_rest() {
    for (count, last) in [(10, "number=9"), (11, "2 more"), (300, "291 more")] {
        let text = exported(&many(count), "github");
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error ")).collect();
        assert_eq!(errors.len(), 10, "{text}");
        assert!(errors[9].contains(last), "{}", errors[9]);
    }
}

#[test]
fn markdown_is_truncated_to_the_limit_of_github() {
    let (all, few) = (exported(&many(3_000), "markdown"), exported(&many(3), "markdown"));
    assert!(all.len() < 65_536 && all.contains("Truncated"), "{} bytes", all.len());
    assert!(all.starts_with("## Highwater: FAILED\n\n") && all.contains("3000 regressed"));
    assert!(!few.contains("Truncated"));
}

#[test]
fn an_unconfirmed_finding_is_an_error_only_with_strict() {
    let mut given = everything();
    given.comparison.families[0].verdicts.retain(|verdict| verdict.kind == Kind::Unconfirmed);
    let of = |strict, given: Given| Given { comparison: Comparison { strict, ..given.comparison }, ..given };
    let lax = of(false, given);
    assert!(exported(&lax, "github").contains("::warning file=baselines/a class/toy.txt,line=1,title=unconfirmed"));
    assert!(exported(&lax, "junit").contains("failures=\"0\""));
    let strict = of(true, lax);
    assert!(exported(&strict, "github").contains("::error file=baselines/a class/toy.txt,line=1,title=unconfirmed"));
    assert!(exported(&strict, "junit").contains("failures=\"1\""));
    assert!(exported(&strict, "sarif").contains("\"level\": \"error\""));
}
