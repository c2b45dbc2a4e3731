//! `highwater status`: the census of what was measured and blessed, and owners in findings.

mod common;

use std::fs;

use common::{Desk, add_per_unit, edit, run};
use highwater_model::exit;
use highwater_store::read_baseline;
use serde_json::json;

const RULES: &str = "schema = 1\n[[rule]]\ncase = \"toy/heap/*\"\nowner = \"@heap-team\"\n";

/// A desk with a baseline of two cases.
fn blessed() -> Desk {
    let desk = Desk::with_record();
    run(desk.bless("first measurement"), 0);
    desk
}

#[test]
fn a_census_has_every_family_and_never_fails() {
    let desk = Desk::new();
    let ran = run(desk.judge("status", &[]), exit::PASSED.into());
    assert_eq!(ran.stdout, "no baseline and no record\n");

    let desk = blessed();
    edit(&desk.record_path(), |run| {
        run.cases[0].id = "toy/heap/size=1k".parse().expect("an id");
        run.fingerprint.context.insert("commit".into(), "0123456789ab".into());
    });
    let ran = run(desk.judge("status", &[]), exit::PASSED.into());
    ran.line("linux-x86_64-4k-thp_madvise-glibc-aslr_off");
    ran.line("  toy: measured at an unknown time at 0123456789ab; 2 cases in the baseline of 20");
    ran.line("    1 case of the baseline not run: toy/heap/size=64k");
    ran.line("    1 case ran without a baseline: toy/heap/size=1k");
    assert!(!ran.stdout.contains("owner") && !ran.stdout.contains("blessed more"), "{}", ran.stdout);
    assert!(ran.stderr.contains("next: cargo bench --bench toy -- --memory-only"), "{}", ran.stderr);

    let ran = run(desk.judge("status", &["--older-than", "0s", "--format", "json"]), exit::PASSED.into());
    let mut json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let blessed = read_baseline(&desk.baseline_path()).expect("a baseline").blessings.remove(0).at;
    let family = json["families"][0].take();
    assert_eq!(json["older_than_s"], 0);
    assert_eq!((&family["blessed"], &family["not_run"]), (&json!(blessed), &json!(["toy/heap/size=64k"])));
}

#[test]
fn owners_are_named_if_the_policy_has_them() {
    let desk = blessed();
    fs::write(desk.baselines().join("policy.toml"), RULES).expect("written");
    let ran = run(desk.judge("status", &[]), exit::PASSED.into());
    assert!(ran.line("without an owner").ends_with(" without an owner: toy/mapped/pages=4"), "{}", ran.stdout);

    edit(&desk.record_path(), |run| {
        add_per_unit(&mut run.cases[0], "heap_live", 4096);
        add_per_unit(&mut run.cases[1], "anon_mapped", 4096);
    });
    let compare = |format: &str| run(desk.compare(&["--no-confirm", "--format", format]), exit::REGRESSED.into());
    let text = compare("table");
    assert!(text.line("toy/heap/size=64k: heap_live").ends_with("; owner: @heap-team"), "{}", text.stdout);
    assert!(!text.line("toy/mapped/pages=4: anon_mapped").contains("owner"), "{}", text.stdout);
    assert!(compare("markdown").stdout.contains("heap-team"));
    assert!(compare("json").stdout.contains("\"@heap-team\""));

    fs::remove_file(desk.baselines().join("policy.toml")).expect("removed");
    assert!(!compare("table").stdout.contains("owner"));
}
