//! Nothing passes that was not measured, end to end with the toy family: cases that are gone or not run, units that
//! vanish, workers that fail or reach no stage, and changes that only some workers show. An unchanged family passes in
//! the same way.

mod common;

use std::fs;

use common::{Desk, Ran, edit, run};
use highwater_model::{CaseRecord, exit};

/// Measures the toy family with this change of its sources (`TOY_CHANGE`) and these arguments.
fn measure(desk: &Desk, change: &str, args: &[&str]) {
    let mut bench = desk.bench(&[&["--memory-only"], args].concat());
    if !change.is_empty() {
        bench.env("TOY_CHANGE", change);
    }
    run(bench, 0);
}

fn compare(desk: &Desk, status: u8) -> Ran {
    run(desk.compare(&[]), status.into())
}

fn write_policy(desk: &Desk, rules: &str) {
    fs::write(desk.baselines().join("policy.toml"), format!("schema = 1\n{rules}")).expect("written");
}

#[test]
fn a_case_that_is_gone_fails_with_a_matching_filter_too() {
    let desk = Desk::measured_and_blessed();
    for args in [&["--samples", "5"][..], &["--samples", "5", "toy/"], &["--samples", "5", "size=64k|pages=4"]] {
        measure(&desk, "gone", args);
        let text = compare(&desk, exit::REGRESSED);
        text.line("missing        toy/mapped/pages=4: in the baseline but not in the run");
        run(desk.compare(&["--allow-missing"]), exit::PASSED.into());
    }
    measure(&desk, "gone", &["--samples", "5", "toy/heap"]);
    compare(&desk, exit::PASSED).line("1 case of the baseline left out by the run's filter");
    measure(&desk, "gone", &["--samples", "5", "--exact", "toy/heap/size=64k"]);
    compare(&desk, exit::PASSED);
}

/// A run may be of one package, so that this is no failure.
#[test]
fn a_family_that_was_not_measured_is_noted() {
    let desk = Desk::measured_and_blessed();
    let text = compare(&desk, exit::PASSED);
    assert!(!text.stderr.contains("not in the last run"), "{}", text.stderr);
    fs::copy(desk.baseline_path(), desk.baseline_path().with_file_name("zoo.txt")).expect("copied");
    let text = compare(&desk, exit::PASSED);
    assert!(text.stderr.contains("note: zoo: has a baseline, but is not in the last run"), "{}", text.stderr);
}

#[test]
fn cases_that_are_not_run_fail_unless_the_policy_allows_the_reason() {
    let desk = Desk::measured_and_blessed();
    measure(&desk, "skipped", &["--samples", "5"]);
    let text = compare(&desk, exit::REGRESSED);
    text.line("not run        2 cases: this machine has no flux capacitor; it ran in the baseline");
    assert!(text.line("exit status 3").contains("2 not run"), "{}", text.stdout);
    run(desk.compare(&["--allow-missing"]), exit::PASSED.into());
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\nnot_run = \"*no flux capacitor\"\n");
    let text = compare(&desk, exit::REGRESSED);
    text.line("not run        toy/mapped/pages=4: this machine has no flux capacitor; it ran in the baseline");
    text.line("not run        toy/heap/size=64k: this machine has no flux capacitor; allowed by the policy");
    write_policy(&desk, "[[rule]]\ncase = \"toy/*\"\nnot_run = \"*no flux capacitor\"\n");
    compare(&desk, exit::PASSED);
    // Blessing such a run keeps the lines of the baseline.
    let before = fs::read_to_string(desk.baseline_path()).expect("a baseline");
    run(desk.bless("another machine"), 0);
    let after = fs::read_to_string(desk.baseline_path()).expect("a baseline");
    let cases = |text: &str| text[text.find("\ncase ").expect("cases")..].to_owned();
    assert_eq!(cases(&after), cases(&before));
}

#[test]
fn units_that_vanish_fail() {
    let desk = Desk::measured_and_blessed();
    measure(&desk, "short", &["--samples", "5"]);
    let text = compare(&desk, exit::REGRESSED);
    text.line("missing        toy/heap/size=64k: in the baseline but not in the run: growth at live@100");
    text.line("missing        toy/mapped/pages=4: in the baseline but not in the run: growth at live@50");
}

#[test]
fn workers_that_all_fail_or_reach_no_stage_fail_and_are_not_blessed() {
    for (change, sentence) in [
        ("dead", "3 of 3 workers failed: exited with status 1"),
        ("silent", "no worker reached loaded, so nothing can be judged"),
    ] {
        let desk = Desk::measured_and_blessed();
        measure(&desk, change, &["--samples", "5"]);
        let text = compare(&desk, exit::REGRESSED);
        text.line(&format!("failed         toy/heap/size=64k: {sentence}"));
        let before = desk.contents();
        let refused = run(desk.bless("why not"), exit::USAGE.into());
        refused.complains_in_one_line(&["toy/heap/size=64k", sentence, "--allow-failures"]);
        assert_eq!(desk.contents(), before);
    }
}

/// Failures that the baseline has may not become more frequent.
#[test]
fn failures_more_frequent_than_in_the_baseline_fail() {
    let desk = Desk::measured_and_blessed();
    let clean = desk.record();
    let fail = |failed: usize| {
        edit(&desk.record_path(), |run| {
            run.clone_from(&clean);
            for case in &mut run.cases {
                let failure = highwater_model::Failure {
                    outcome: highwater_model::Outcome::OutOfMemory,
                    last_stage: None,
                    output_tail: String::new(),
                };
                case.failures = vec![failure; failed];
            }
        });
    };
    fail(1);
    run(desk.bless_with("a limit", &["--allow-failures"]), 0);
    assert!(
        fs::read_to_string(desk.baseline_path()).expect("a baseline").contains(" n=5 failed=1\nfails out of memory\n")
    );
    compare(&desk, exit::PASSED);
    fail(40);
    let text = compare(&desk, exit::REGRESSED);
    text.line(
        "toy/heap/size=64k: 40 of 45 workers failed: out of memory before the first stage; 1 of 6 in the baseline",
    );
    let none = CaseRecord::from_samples(clean.cases[0].id.clone(), &[]);
    fail(3);
    edit(&desk.record_path(), |run| run.cases[0] = CaseRecord { failures: run.cases[0].failures.clone(), ..none });
    compare(&desk, exit::REGRESSED).line("failed         toy/heap/size=64k: 3 of 3 workers failed");
}

/// One worker in ten, and one in two where another thread runs: fresh workers are drawn until they decide.
#[test]
fn a_change_in_a_minority_of_the_workers_fails() {
    let desk = Desk::measured_and_blessed();
    measure(&desk, "", &["--samples", "5", "--inject", "4096", "--inject-every", "10", "toy/heap"]);
    let text = compare(&desk, exit::REGRESSED);
    let line = text.line("regressed      toy/heap/size=64k: heap_live per buffer");
    assert!(line.contains("1 of 5 above the baseline's range, confirmed by 20 fresh workers (2 above)"), "{line}");

    let desk = Desk::new();
    measure(&desk, "threads", &["--samples", "20"]);
    run(desk.bless("another thread"), 0);
    measure(&desk, "threads", &["--samples", "20"]);
    compare(&desk, exit::PASSED);
    measure(&desk, "threads", &["--samples", "20", "--inject", "4096", "--inject-every", "2", "toy/heap"]);
    let text = compare(&desk, exit::REGRESSED);
    let line = text.line("regressed      toy/heap/size=64k: heap_live per buffer");
    assert!(line.contains("10 of 20 above the baseline's range, confirmed by "), "{line}");
}

/// The environment of the bench is that of the workers that confirm its findings.
#[test]
fn fresh_workers_have_the_environment_of_the_run() {
    let desk = Desk::measured_and_blessed();
    measure(&desk, "larger", &["--samples", "5"]);
    let text = compare(&desk, exit::REGRESSED);
    let line = text.line("regressed      toy/heap/size=64k: heap_live per buffer at live: 64 KiB -> 128 KiB");
    assert!(line.contains("confirmed by 5 fresh workers"), "{line}");
    // Without the plan of the run, nothing is confirmed with another one.
    let plan = desk.run_folder().join("plans/toy.json");
    fs::remove_file(&plan).expect("the plan of the run");
    let text = compare(&desk, exit::REGRESSED);
    assert!(
        text.stderr.contains("cannot confirm the findings") && text.stderr.contains("plans/toy.json"),
        "{}",
        text.stderr
    );
}

#[test]
fn a_ladder_too_short_for_its_tolerance_is_reported_at_bless() {
    let desk = Desk::measured_and_blessed();
    let text = run(desk.bless("again"), 0);
    let warnings: Vec<&str> = text.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    let [warning] = warnings[..] else { panic!("one warning:\n{}", text.stderr) };
    assert!(
        warning.contains("toy/mapped/pages=4: live@50 is the last rung") && warning.contains("live@100"),
        "{warning}"
    );
    write_policy(
        &desk,
        "[[rule]]\naspect = \"slope\"\nmetric = \"anon_mapped\"\ntolerance = 82\n\
         [[rule]]\naspect = \"slope\"\nmetric = \"vmas\"\ntolerance = 0.02\n",
    );
    assert!(!run(desk.bless("stated"), 0).stderr.contains("warning"));
}
