//! `--format` and `--export` of `highwater compare`: the printed and written output, and the errors that are reported
//! before anything is compared.

mod common;

use std::fs;

use common::{Desk, baseline, edit, page_more_on_the_heap, record, run, write_baseline};
use highwater_model::exit;
use highwater_report::export::{EXPORTERS, exporter};

/// A handmade run with the same record as the baseline.
fn desk() -> Desk {
    let desk = Desk::with_record();
    write_baseline(&desk.baseline_path(), &baseline(&record()));
    desk
}

/// A run with one more page per unit than the baseline.
fn desk_with_a_regression() -> Desk {
    let desk = desk();
    edit(&desk.record_path(), |record| page_more_on_the_heap(&mut record.cases[0]));
    desk
}

#[test]
fn written_exports_equal_the_printed_formats() {
    let desk = desk_with_a_regression();
    let file = |name: &str| desk.path().join("reports").join(name);
    let exports: Vec<String> = EXPORTERS
        .iter()
        .flat_map(|exporter| {
            let path = file(&format!("{}.{}", exporter.name(), exporter.extension()));
            ["--export".to_owned(), format!("{}={}", exporter.name(), path.display())]
        })
        .collect();
    let exports: Vec<&str> = ["--no-confirm"].into_iter().chain(exports.iter().map(String::as_str)).collect();
    let table = run(desk.compare(&exports), exit::REGRESSED.into());
    assert!(table.line("exit status 3").contains("4 regressed"));
    for exporter in EXPORTERS {
        let arguments = ["--no-confirm", "--verbose", "--format", exporter.name()];
        let printed = run(desk.compare(&arguments), exit::REGRESSED.into());
        let written = fs::read_to_string(file(&format!("{}.{}", exporter.name(), exporter.extension())));
        assert_eq!(written.expect("a file"), printed.stdout, "{}", exporter.name());
    }
}

#[test]
fn the_help_describes_every_format() {
    let text = run(common::highwater(&["compare", "--help"]), exit::PASSED.into()).stdout;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for exporter in EXPORTERS {
        let entry = format!("{}: {}", exporter.name(), exporter.help());
        assert!(words.contains(&entry), "`{entry}` is not in:\n{text}");
    }
}

#[test]
fn an_invalid_export_is_refused_before_reading_the_run() {
    // There is no run: reading it would be a different error.
    let desk = Desk::new();
    let folder = desk.path().display().to_string();
    let same = format!("csv={folder}/a");
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--format", "yaml"], &["--format: `yaml` is not a format", "table, json, jsonl, markdown, github"]),
        (&["--export", "yaml=a"], &["--export: `yaml` is not a format", "sarif, csv, bmf, github-action-benchmark"]),
        (&["--export", "json"], &["--export: `json` has no file", "NAME=FILE"]),
        (&["--export", "json="], &["--export: `json=` has no file"]),
        (&["--export", "json=-"], &["--export: `json=-` has no file", "to print it, use --format json"]),
        (&["--export", &format!("json={folder}")], &[&folder, "is a folder"]),
        (&["--export", &same, "--export", &same], &["/a is used twice"]),
    ];
    for (args, parts) in cases {
        let text = run(desk.compare(args), exit::USAGE.into());
        assert_eq!(text.stdout, "", "{args:?}");
        text.complains_in_one_line(parts);
    }
}

#[test]
fn an_unwritable_export_is_reported_after_the_verdict() {
    let desk = desk();
    // Not even root can create a file below a file.
    let path = desk.record_path().join("report.csv");
    let export = format!("csv={}", path.display());
    let text = run(desk.compare(&["--export", &export]), exit::INTERNAL.into());
    text.line("passed: 2 cases");
    text.complains_in_one_line(&[&path.display().to_string()]);
}

#[test]
fn a_run_without_a_baseline_still_exports_its_values() {
    let desk = desk();
    fs::remove_file(desk.baseline_path()).expect("removed");
    let text = run(desk.compare(&["--format", "bmf"]), exit::NO_BASELINE.into());
    let benchmarks: serde_json::Value = serde_json::from_str(&text.stdout).expect("JSON");
    assert_eq!(benchmarks["toy/heap/size=64k"]["heap-live-slope-live"]["value"], 262_144.0);
}

#[test]
fn an_export_is_complete_and_leaves_no_temporary_files() {
    let desk = desk();
    let path = desk.path().join("reports/verdicts.jsonl");
    let export = format!("jsonl={}", path.display());
    for _ in 0..2 {
        run(desk.compare(&["--export", &export]), exit::PASSED.into());
    }
    assert!(fs::read_to_string(&path).expect("a file").ends_with("\"without_baseline\":[]}\n"));
    assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("a folder").count(), 1);
}

#[test]
fn the_ci_docs_name_exactly_the_existing_formats() {
    let page = include_str!("../../../docs/ci.md");
    for exporter in EXPORTERS {
        assert!(page.contains(&format!("`{}`", exporter.name())), "{}", exporter.name());
    }
    let used = page.split("--export ").skip(1).filter_map(|rest| rest.split_once('='));
    let used: Vec<&str> = used.map(|(name, _)| name).collect();
    assert!(used.len() > 7 && used.iter().all(|name| exporter(name).is_some()), "{used:?}");
}
