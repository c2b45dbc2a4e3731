//! The command line of bench binaries: criterion's flags keep their meaning, and mistakes are rejected before
//! anything runs.

mod common;

use std::fs;

use common::{Desk, run, toy};
use highwater_model::{Control, ControlState, Metric};

#[test]
fn a_quick_run_records_criterions_estimate() {
    let desk = Desk::new();
    run(desk.bench(&["--quick", "--noplot", "toy/heap"]), 0);
    let record = desk.record();
    assert_eq!(record.cases[0].samples, 5, "--quick uses the minimum number of workers");
    let time = &record.cases[0].time["fill"];
    assert!(time.low_ns <= time.ns && time.ns <= time.high_ns && time.ns > 0.0, "{time:?}");
    let criterions = desk.path().join("criterion/toy_heap_size=64k/fill/new/estimates.json");
    assert!(criterions.is_file(), "{:?}", desk.files());
}

#[test]
fn memory_only_skips_criterion() {
    let desk = Desk::new();
    let text = run(desk.bench(&["--memory-only", "--samples", "1", "toy/heap"]), 0);
    text.line(&format!("written to {}", desk.record_path().display()));
    let program = desk.run_folder().join("programs/toy");
    let report = desk.run_folder().join("report");
    let files: Vec<_> = desk.files().into_iter().filter(|file| !file.starts_with(&report)).collect();
    let plan = desk.run_folder().join("plans/toy.json");
    let durations = desk.run_folder().join("durations/toy.json");
    assert_eq!(files, [durations, desk.run_folder().join("last-run"), plan, program.clone(), desk.record_path()]);
    assert_eq!(fs::canonicalize(program).expect("the bench binary"), fs::canonicalize(toy()).expect("there"));
}

/// What is gated does not depend on what runs beside a worker. Its share of the pages of the program does.
#[test]
fn cases_that_are_measured_at_the_same_time_have_the_same_memory() {
    let memory = |jobs: &str| {
        let desk = Desk::new();
        run(desk.bench(&["--memory-only", "--samples", "3", "--jobs", jobs]), 0);
        let record = desk.record();
        let elsewhere = record.fingerprint.controls[&Control::ParentElsewhere].clone();
        let columns = record.cases.into_iter().map(|case| {
            let gated = [Metric::AnonMapped, Metric::AnonHeap, Metric::HeapLive, Metric::PageTables, Metric::Vmas];
            let stages = case.stages.into_iter().map(|stage| {
                let memory = gated.map(|metric| stage.memory[&metric.into()].clone());
                (stage.stage, memory)
            });
            (case.id, case.samples, stages.collect::<Vec<_>>())
        });
        (columns.collect::<Vec<_>>(), elsewhere)
    };
    let (one, _) = memory("1");
    let (two, parent) = memory("num-cpus");
    assert_eq!(one.len(), 2);
    assert_eq!(one, two);
    let several = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
    assert!(!several || matches!(parent, ControlState::Refused(reason) if reason.contains("--jobs")));
}

#[test]
fn list_prints_every_case_and_routine() {
    let desk = Desk::new();
    let cases = run(desk.bench(&["--list", "--memory-only"]), 0);
    assert_eq!(cases.stdout, "toy/heap/size=64k: benchmark\ntoy/mapped/pages=4: benchmark\n");
    let all = run(desk.bench(&["--list"]), 0);
    for id in ["toy/heap/size=64k", "toy/mapped/pages=4", "toy/heap/size=64k/fill", "toy/mapped/pages=4/fill"] {
        assert!(all.stdout.lines().any(|line| line == format!("{id}: benchmark")), "{id}:\n{}", all.stdout);
    }
    let one = run(desk.bench(&["--list", "--memory-only", "--exact", "toy/mapped/pages=4"]), 0);
    assert_eq!(one.stdout, "toy/mapped/pages=4: benchmark\n");
    let with_parameter = run(desk.bench(&["--list", "--param", "pages=1,4"]), 0);
    let lines = with_parameter.stdout.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>();
    assert_eq!(lines, ["toy/mapped/pages=4: benchmark", "toy/mapped/pages=4/fill: benchmark"]);
    let both = run(desk.bench(&["--list", "--param", "pages=4", "--param", "size=64k"]), 0);
    assert_eq!(both.stdout.trim(), "");
    assert_eq!(desk.files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_test_run_writes_nothing() {
    let desk = Desk::new();
    let text = run(desk.bench(&["--test"]), 0);
    text.line("Testing memory of toy/heap/size=64k: ok");
    text.line("Testing memory of toy/mapped/pages=4: ok");
    assert!(!desk.record_path().exists());
}

#[test]
fn a_test_run_fails_if_a_case_fails() {
    let desk = Desk::new();
    let mut bench = desk.bench(&["--test", "--memory-only"]);
    bench.env("TOY_ALL", "1");
    let text = run(bench, 1);
    text.line("Testing memory of toy/heap/size=64k: ok");
    text.line("Testing memory of toy/dies/how=exit: exited with status 7");
    text.line("giving up on purpose");
    text.line("Testing memory of toy/dies/how=skips: not run: this machine has no flux capacitor");
    text.complains_in_one_line(&["of the cases failed"]);
    assert_eq!(desk.files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn command_line_mistakes_are_reported_before_measuring() {
    for (args, part) in [
        (&["--nope"][..], "--nope"),
        (&["--samples", "0"], "--samples"),
        (&["--samples", "-1"], "-1"),
        (&["--inject", "4MB"], "4MB"),
        (&["--ladder", "1,x"], "--ladder"),
        (&["--ladder", "0"], "--ladder"),
        (&["--aslr", "maybe"], "--aslr"),
        (&["--baseline", "a", "--save-baseline", "b"], "--baseline"),
        (&["("], "regular expression"),
    ] {
        rejects(args, part);
    }
}

/// Criterion would panic on these values after memory has been measured.
#[test]
fn invalid_criterion_values_are_reported_before_measuring() {
    for args in [
        ["--sample-size", "5"],
        ["--nresamples", "0"],
        ["--measurement-time", "0"],
        ["--warm-up-time", "0"],
        ["--confidence-level", "2"],
        ["--significance-level", "1"],
        ["--noise-threshold", "0"],
    ] {
        rejects(&args, args[0]);
    }
}

fn rejects(args: &[&str], part: &str) {
    let desk = Desk::new();
    let text = run(desk.bench(&[&["--noplot"][..], args].concat()), 2);
    let first = text.stderr.lines().next().unwrap_or_default();
    assert!(first.starts_with("error: ") && first.contains(part), "{args:?}:\n{}", text.stderr);
    assert_eq!((text.stdout.as_str(), desk.files().len()), ("", 0), "{args:?}: nothing ran");
}

#[test]
fn a_ladder_is_sorted_and_deduplicated() {
    let desk = Desk::new();
    run(desk.bench(&["--memory-only", "--samples", "1", "--ladder", "5,2,5", "toy/heap"]), 0);
    let stages = desk.record().cases[0].stages.iter().map(|columns| columns.stage.to_string()).collect::<Vec<_>>();
    assert_eq!(stages, ["start", "loaded", "live@2", "live@5", "dropped", "trimmed", "end"]);
}

#[test]
fn a_run_is_saved_and_compared_by_name() {
    let desk = Desk::new();
    let small = ["--memory-only", "--samples", "5", "toy/heap"];
    run(desk.bench(&[&["--save-baseline", "before"][..], &small].concat()), 0);
    let named = desk.run_folder().join("named/before/toy.json");
    assert_eq!(fs::read(&named).expect("saved"), fs::read(desk.record_path()).expect("a record"));

    let text = run(desk.bench(&[&["--baseline", "before", "--inject", "4096"][..], &small].concat()), 0);
    text.line("regressed      toy/heap/size=64k: heap_live per buffer");
    assert_ne!(fs::read(&named).expect("still there"), fs::read(desk.record_path()).expect("a record"));
}

#[test]
fn an_unknown_name_is_reported_before_measuring() {
    let desk = Desk::new();
    let text = run(desk.bench(&["--memory-only", "--baseline", "nope"]), 1);
    text.complains_in_one_line(&["named/nope/toy.json", "no such record"]);
    assert_eq!((text.stdout.as_str(), desk.files().len()), ("", 0));
    run(desk.bench(&["--memory-only", "--samples", "1", "--baseline-lenient", "nope", "toy/heap"]), 0);
}

#[test]
fn a_filter_for_another_family_keeps_the_last_record() {
    let desk = Desk::new();
    fs::create_dir_all(desk.run_folder()).expect("a folder");
    fs::write(desk.record_path(), "the last record").expect("written");
    run(desk.bench(&["--memory-only", "another/family"]), 0);
    assert_eq!(fs::read(desk.record_path()).expect("still there"), b"the last record");
}

#[test]
fn a_worker_started_by_hand_prints_an_explanation() {
    let mut toy = assert_cmd::Command::new(common::toy());
    toy.arg("--highwater-worker");
    run(toy, 2).complains_in_one_line(&["--highwater-worker", "the harness uses it to start workers"]);
}
