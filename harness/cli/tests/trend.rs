//! `highwater record`, `trend` and `report --store`, over the commits of a small repository.

mod common;

use std::fs;

use common::{add_per_unit, blessed_baseline, history::Project, run, write_baseline};
use highwater_model::exit;
use serde_json::Value;

/// Only the live heap bytes per unit are gated, beyond a tolerance of 16 B.
const POLICY: &str = "schema = 1\n[[rule]]\nmode = \"ignore\"\n[[rule]]\nmetric = \"heap_live\"\naspect = \"slope\"\n\
                      mode = \"gate\"\ntolerance = 16\n";

#[test]
fn a_change_point_names_its_commit_and_fails_the_gate_until_it_is_blessed() {
    let project = Project::new("schema = 1\n");
    let mut changed = String::new();
    for day in 0..24 {
        let ran = project.commit(day, |case| {
            if day >= 12 {
                add_per_unit(case, "heap_live", 64);
            }
        });
        assert!(ran.stdout.contains("2 cases"), "{}", ran.stdout);
        if day == 12 {
            changed = project.git(&["rev-parse", "HEAD"], 0);
        }
    }
    assert_eq!(project.files().len(), 24);
    let ran = project.trend(&["heap/"], exit::PASSED);
    let line = ran.line("heap_live per buffer at live");
    let expected = format!("(+64 B per buffer) at {} (2026-01-17)", &changed[..12]);
    assert!(line.contains(&expected) && line.contains('▲'), "{line}");
    // The change is seen at two stages too.
    assert!(line.ends_with("; and 2 more stages"), "{line}");
    assert!(ran.stdout.contains("change points: 1\n"), "{}", ran.stdout);
    let summary = ran.line("failed: ");
    assert!(summary.contains("failed: 3 rises in 1 case since ") && summary.ends_with("at 24 revisions (24 runs)"));
    project.trend(&["--gate"], exit::REGRESSED);
    let json: Value = serde_json::from_str(&project.trend(&["--format", "json"], exit::PASSED).stdout).expect("JSON");
    let of_live = |finding: &&Value| finding["quantity"] == "heap_live" && finding["aspect"] == "slope of live";
    let found = json["findings"].as_array().expect("a list").iter().find(of_live).expect("a finding");
    assert_eq!((&found["begin"]["commit"], found["blessed"].as_bool()), (&Value::from(changed), Some(false)));
    assert_eq!(found["to"].as_f64().zip(found["from"].as_f64()).map(|(to, from)| to - from), Some(64.0));

    let baseline = blessed_baseline(&project.0.record(), "intended");
    write_baseline(&project.0.baseline_path(), &baseline);
    let ran = project.trend(&["--gate"], exit::PASSED);
    assert!(ran.line("heap_live per buffer at live").contains("; blessed; and 2 more stages"), "{}", ran.stdout);
    assert!(ran.stdout.contains("passed: no rise since the last blessing"), "{}", ran.stdout);
}

#[test]
fn creep_below_the_tolerance_is_reported_by_week() {
    let project = Project::new(POLICY);
    // The median of the slopes of a staircase is a little below 12 B per week.
    for day in 0..49 {
        project.commit(day, |case| add_per_unit(case, "heap_live", 12 * (day as u64 / 7)));
    }
    let ran = project.trend(&["--gate"], exit::REGRESSED);
    let line = ran.stdout.split("change points").next().expect("text").replace('\n', " ");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(line.contains("+11.9 B per buffer per week for 6.9 weeks, 72 B in all"), "{line}");
    assert!(line.contains("each step within 16 B; ") && line.contains("(2026-01-05) to "), "{line}");

    run(project.0.judge("report", &["--store", "store", "--out", "site"]), exit::PASSED.into());
    let page = fs::read_to_string(project.0.path().join("site/trend.html")).expect("a page");
    for part in ["2 series", "49 revisions", ">creep<", "+11.9 B per buffer per week", "<svg"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_run_is_recorded_once_and_a_bad_file_is_skipped_with_its_path() {
    let project = Project::new("schema = 1\n");
    project.commit(0, |_| ());
    project.record(exit::PASSED);
    let [file] = &project.files()[..] else { panic!("{:?}", project.files()) };
    let bad = file.with_file_name("bad.parquet");
    fs::write(&bad, "PAR1").expect("written");
    let ran = project.trend(&["--gate"], exit::PASSED);
    assert!(ran.stdout.contains("nothing changed"), "{}", ran.stdout);
    assert!(ran.stderr.contains("skipping ") && ran.stderr.contains("bad.parquet: "), "{}", ran.stderr);
}

/// The decoder panics on some of these.
#[test]
fn each_damaged_file_is_one_line() {
    let project = Project::new("schema = 1\n");
    project.commit(0, |_| ());
    let [file] = &project.files()[..] else { panic!("{:?}", project.files()) };
    let content = fs::read(file).expect("read");
    // The last bytes are the metadata.
    for place in content.len() - 600..content.len() {
        let mut damaged = content.clone();
        damaged[place] ^= 0x7f;
        fs::write(file.with_file_name(format!("damaged-{place}.parquet")), damaged).expect("written");
    }
    let ran = project.trend(&[], exit::PASSED);
    let is_expected = |line: &str| line.starts_with("note: skipping ") || line.starts_with("next: ");
    let other = ran.stderr.lines().find(|line| !is_expected(line));
    assert_eq!(other, None);
    assert!(ran.stderr.contains(": it is damaged\n"), "none of them panicked");
}

#[test]
fn what_is_no_revision_is_not_recorded() {
    let project = Project::new("schema = 1\n");
    let refused = |parts: &[&str]| project.record(exit::USAGE).complains_in_one_line(parts);
    project.measured(|_| ());
    refused(&["names no commit"]);
    let of_commit = |commit: &str| {
        let commit = commit.to_owned();
        project.measured(|record| drop(record.fingerprint.context.insert("commit".into(), commit)));
    };
    of_commit("0123456789ab-dirty");
    refused(&["were changed after 0123456789ab", "commit them, and measure again"]);
    of_commit("0123456789ab");
    refused(&["the time of commit 0123456789ab is unknown"]);
    project.measured(|record| record.selection.ladder = Some(vec![highwater_model::Scale(3)]));
    refused(&["toy: not recorded", "--ladder"]);
    assert!(!project.0.path().join("store").exists());
}

#[test]
fn a_store_without_the_selected_cases_is_a_usage_error() {
    let project = Project::new("schema = 1\n");
    project.trend(&[], exit::USAGE).complains_in_one_line(&["store: no history store", "highwater record"]);
    project.commit(0, |_| ());
    project.trend(&["gone"], exit::USAGE).complains_in_one_line(&["no case in it matches gone"]);
    project.trend(&["("], exit::USAGE).complains_in_one_line(&["not a regular expression"]);
}
