//! What the exporters write, as snapshots: of a comparison with every kind of verdict and hostile
//! texts in it, of an empty one and of one without a baseline; and that no text of others can pass for
//! ours. Their schemas are in `export_schemas.rs`.

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
fn every_format_of_a_comparison_with_everything_in_it() {
    let given = everything();
    let kinds: BTreeSet<Kind> = given.comparison.verdicts().map(|verdict| verdict.kind).collect();
    assert_eq!(kinds, BTreeSet::from(Kind::ALL), "the example has every kind");
    snapshots("everything", &given);
}

#[test]
fn every_format_of_a_comparison_of_nothing() {
    snapshots("nothing", &Given::default());
}

#[test]
fn every_format_of_a_run_without_a_baseline() {
    snapshots("no_baseline", &without_baseline());
}

#[test]
fn names_of_formats_are_words_and_no_two_are_alike() {
    let names: BTreeSet<&str> = EXPORTERS.iter().map(|exporter| exporter.name()).collect();
    assert_eq!(names.len(), EXPORTERS.len());
    for name in names {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
    }
}

#[test]
fn no_text_of_others_moves_a_cursor_or_begins_a_line() {
    let given = everything();
    // JSON keeps texts as they are: it escapes control characters, and nobody reads it from a terminal.
    for exporter in EXPORTERS.into_iter().filter(|exporter| !["json", "jsonl"].contains(&exporter.name())) {
        let text = given.export(exporter);
        let tame = |c: char| c == '\n' || c == '\r' || !(c.is_control() || c == '\u{202e}');
        let wild = text.chars().find(|c| !tame(*c));
        assert_eq!(wild, None, "{}", exporter.name());
    }
    for name in ["table", "github", "markdown"] {
        let lines = exported(&given, name);
        assert!(!lines.lines().any(|line| line.starts_with("::error title=forged")), "{name}:\n{lines}");
    }
}

#[test]
fn rows_of_csv_end_as_the_rfc_says_and_read_back() {
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
fn json_lines_are_a_verdict_each_and_a_summary_last() {
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
fn entries_for_github_action_benchmark_have_what_it_asks_for() {
    for given in [everything(), without_baseline()] {
        let entries: Vec<serde_json::Value> =
            serde_json::from_str(&exported(&given, "github-action-benchmark")).expect("a list");
        assert!(entries.iter().all(|e| e["name"].is_string() && e["unit"].is_string() && e["value"].is_number()));
        let names: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["name"].as_str()).collect();
        assert_eq!(names.len(), entries.len(), "a name is an entry's identity");
        assert!(
            names.contains("toy/heap/size=64k: fill") && names.contains("toy/heap/size=64k: heap_live, slope of live")
        );
    }
}

/// A comparison with as many regressions as asked.
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
fn github_drops_annotations_beyond_ten_of_a_level_so_the_tenth_counts_the_rest() {
    for (count, last) in [(10, "number=9"), (11, "2 more"), (300, "291 more")] {
        let text = exported(&many(count), "github");
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error ")).collect();
        assert_eq!(errors.len(), 10, "{text}");
        assert!(errors[9].contains(last), "{}", errors[9]);
    }
}

#[test]
fn markdown_stays_below_what_github_takes_and_says_where_it_was_cut() {
    let (all, few) = (exported(&many(3_000), "markdown"), exported(&many(3), "markdown"));
    assert!(all.len() < 65_536 && all.contains("Cut here"), "{} bytes", all.len());
    assert!(all.starts_with("## Highwater: FAILED\n\n") && all.contains("3000 regressed"));
    assert!(!few.contains("Cut here"));
}

#[test]
fn what_is_unconfirmed_is_an_error_only_where_it_fails() {
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
