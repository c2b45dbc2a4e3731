//! `highwater backfill` over the commits of a small project: one that does not build, one without a bench, one of another
//! Highwater, and an interrupt.

mod common;

use std::{
    fs,
    process::{Child, Stdio},
    time::Duration,
};

use common::{
    toy_project::{Project, becomes_toy},
    within,
};
use highwater_model::exit;
use rustix::process::{Pid, Signal, kill_process};

/// A bench of a Highwater with another version of the schema.
const OTHER_SCHEMA: &str = "fn main() {
    let folder = std::path::PathBuf::from(std::env::var_os(\"HIGHWATER_TARGET_DIR\").unwrap()).join(\"highwater\");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(\"toy.json\"), \"{\\\"schema\\\": 1, \\\"family\\\": \\\"toy\\\"}\").unwrap();
}
";

#[test]
fn revisions_are_measured_or_the_summary_says_why_not() {
    let project = Project::new();
    let first = project.git(&["rev-parse", "HEAD"]);
    let larger = project.bench(&becomes_toy("larger"));
    let broken = project.bench("this is not Rust");
    let other = project.bench(OTHER_SCHEMA);
    fs::remove_dir_all(project.path().join("benches")).expect("removed");
    let manifest = fs::read_to_string(project.path().join("Cargo.toml")).expect("text");
    project.write("Cargo.toml", manifest.split("[[bench]]").next().expect("a package"));
    let without = project.commit("no bench");
    project.write("Cargo.toml", &manifest);
    let last = project.bench(&becomes_toy(""));

    let range = format!("{first}..HEAD");
    let backfill = |flags: &[&str], status| project.highwater(&[&["backfill", &range], flags].concat(), status);
    let ran = backfill(&[], exit::PASSED);
    assert!(ran.stderr.contains("backfill: 5 revisions, 5 to measure; about 5 min (a guess"), "{}", ran.stderr);
    let results = |ran: &common::Ran| -> Vec<String> {
        let lines = ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| line.contains(" 20")).collect()
    };
    let rows = results(&ran);
    let expected = [
        (&last, "values of 2 cases in "),
        (&without, "not measured: it has no bench"),
        (&other, "not measured: toy has another Highwater, whose records have schema version 1;"),
        (&broken, "not measured: it does not build: error: "),
        (&larger, "values of 2 cases in "),
    ];
    assert_eq!(rows.len(), expected.len(), "{}", ran.stdout);
    for (row, (revision, part)) in rows.iter().zip(expected) {
        assert!(row.contains(revision) && row.contains(part), "{revision} {part}: {row}");
    }
    ran.line("5 revisions: 2 measured, 3 not measured");
    assert!(ran.stderr.contains("trend --store history"), "{}", ran.stderr);
    assert_eq!(project.files("history").len(), 2);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert_eq!(project.git(&["rev-parse", "--short=12", "HEAD"]), last);

    // Nothing is left to do.
    let again = backfill(&[], exit::PASSED);
    let expected = "backfill: 5 revisions, 2 in the store, 3 could not be measured before\n";
    assert!(again.stderr.contains(expected), "{}", again.stderr);
    again.line("5 revisions: 2 in the store before, 3 not measured");
    // Another selection of cases is not in the store, and what could not be measured is tried on request.
    backfill(&["mapped"], exit::PASSED).line("5 revisions: 2 in the store before, 3 not measured");
    let ran = backfill(&["--retry", "--every", "2"], exit::PASSED);
    ran.line("3 revisions: 2 in the store before, 1 not measured");
    assert!(ran.stderr.contains("3 revisions, 1 to measure, 2 in the store;"), "{}", ran.stderr);
    let ran = backfill(&["nothing-has-this-name"], exit::UNTESTABLE);
    ran.line("no case matches nothing-has-this-name");
    let ran = backfill(&["--package", "small", "--path", "benches/**", "heap"], exit::PASSED);
    ran.line("5 revisions: 2 in the store before, 3 not measured");

    // The values of both revisions differ by what was changed.
    let trend = project.highwater(&["trend", "--store", "history", "--format", "json"], exit::PASSED);
    let trend: serde_json::Value = serde_json::from_str(&trend.stdout).expect("JSON");
    assert_eq!((trend["runs"].as_u64(), trend["revisions"].as_u64()), (Some(2), Some(2)));
}

#[test]
fn an_interrupted_backfill_keeps_what_is_stored_and_is_continued() {
    let project = Project::new();
    let first = project.git(&["rev-parse", "HEAD"]);
    for _ in 0..3 {
        project.commit("nothing");
    }
    let range = format!("{first}..HEAD");
    let mut command = project.std_highwater(&["backfill", &range]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    within(Duration::from_secs(120), "one run is stored", || !project.files("history").is_empty());
    kill_process(pid(&child), Signal::INT).expect("sent");
    let output = child.wait_with_output().expect("ended");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(exit::INTERRUPTED.into()), "{out}\n{err}");
    let stored = project.files("history").len();
    assert!((1..3).contains(&stored), "{stored}");
    assert!(out.contains(&format!("3 revisions: {stored} measured, {} left", 3 - stored)), "{out}");
    assert!(err.contains("next: highwater backfill "), "{err}");

    let ran = project.highwater(&["backfill", &range], exit::PASSED);
    ran.line(&format!("3 revisions: {} measured, {stored} in the store before", 3 - stored));
    assert_eq!(project.files("history").len(), 3);
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[test]
fn what_is_no_range_is_a_usage_error() {
    let project = Project::new();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let ran = project.highwater(&[&["backfill"], arguments].concat(), exit::USAGE);
        ran.complains_in_one_line(parts);
    };
    refused(&["HEAD"], &["`HEAD` is not a range", "REV..REV"]);
    refused(&["HEAD..HEAD"], &["HEAD..HEAD has no revision"]);
    refused(&["nothing..HEAD"], &["the revisions of nothing..HEAD are unknown: fatal: "]);
    project.commit("nothing");
    refused(&["HEAD~1..HEAD", "--path", "gone/*"], &["has no revision that changes gone/*"]);
    refused(&["HEAD~1..HEAD", "("], &["FILTER: `(` is not a regular expression"]);
    refused(&["HEAD~1..HEAD", "--package", "gone"], &["gone: no package of this workspace with a bench"]);
}
