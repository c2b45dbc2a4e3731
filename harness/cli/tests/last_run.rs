//! Only the last run is compared and blessed. Unfinished runs and records of earlier runs are rejected or skipped.

mod common;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Desk, edit, record, run, within};
use highwater_model::{Record, exit};
use highwater_store::{LastRun, Progress, write_record};

/// Runs the bench in a separate shell, because runs are identified by their parent process.
fn bench_in_a_shell(desk: &Desk, args: &[&str]) {
    let bench = desk.std_bench(args);
    let mut shell = Command::new("sh");
    // `exit` keeps the shell from replacing itself with the program, so that every run has another parent.
    shell.args(["-c", "\"$@\"; exit $?", "sh"]).arg(bench.get_program()).args(bench.get_args());
    shell.env("HIGHWATER_TARGET_DIR", desk.path()).env_remove("CRITERION_HOME").env_remove("TOY_ALL");
    run(assert_cmd::Command::from_std(shell), 0);
}

fn both(desk: &Desk, status: u8, parts: &[&str]) {
    for (subcommand, flags) in [("compare", &[][..]), ("bless", &["--reason", "x"])] {
        let before = desk.contents();
        let ran = run(desk.judge(subcommand, flags), status.into());
        ran.complains_in_one_line(parts);
        assert_eq!((ran.stdout.as_str(), desk.contents()), ("", before), "{subcommand}");
    }
}

#[test]
fn a_filter_without_matches_is_a_usage_error() {
    let desk = Desk::measured_and_blessed();
    bench_in_a_shell(&desk, &["--memory-only", "--samples", "5"]);
    run(desk.compare(&[]), exit::PASSED.into());
    // The record of the previous run exists and would pass, but does not count.
    bench_in_a_shell(&desk, &["--memory-only", "--samples", "5", "no-such-case"]);
    both(&desk, exit::USAGE, &["the filter `no-such-case` matches no case of toy", "nothing was measured"]);
}

#[test]
fn records_of_earlier_runs_are_skipped() {
    let desk = Desk::measured_and_blessed();
    bench_in_a_shell(&desk, &["--memory-only", "--samples", "5", "toy/heap"]);
    // Another family from another run, with changes that would fail.
    let mut zoo = Record { family: "zoo".into(), ..record() };
    zoo.fingerprint = desk.record().fingerprint;
    zoo.fingerprint.context.insert("run_id".into(), "1-1".into());
    zoo.fingerprint.context.insert("started".into(), "2026-07-01T12:00:00Z".into());
    write_record(&desk.run_folder().join("zoo.json"), &zoo).expect("written");
    let ran = run(desk.compare(&[]), exit::PASSED.into());
    let note = "note: zoo: skipping the record of 2026-07-01T12:00:00Z, which is from an earlier run";
    assert!(ran.stderr.lines().any(|line| line == note), "{}", ran.stderr);
    assert!(!ran.stdout.contains("zoo"), "{}", ran.stdout);

    // If its run is the last one, the other record is skipped.
    LastRun::note(&desk.run_folder(), "1-1", None, "zoo", Progress::Measured).expect("noted");
    let ran = run(desk.compare(&[]), exit::NO_BASELINE.into());
    assert!(ran.stderr.contains("note: toy: skipping the record of "), "{}", ran.stderr);
    ran.line("zoo: no baseline for machine class");
}

#[test]
fn the_old_record_of_an_unselected_family_is_not_used() {
    let desk = Desk::measured_and_blessed();
    edit(&desk.record_path(), |run| drop(run.fingerprint.context.insert("run_id".into(), "2-2".into())));
    let note =
        |family, progress| LastRun::note(&desk.run_folder(), "2-2", Some("zoo"), family, progress).expect("noted");
    note("toy", Progress::NothingSelected);
    note("zoo", Progress::Measured);
    let ran = run(desk.compare(&[]), exit::USAGE.into());
    assert!(ran.stderr.contains("note: toy: ") && ran.stderr.contains("no run found"), "{}", ran.stderr);
}

#[test]
fn an_unfinished_run_is_a_usage_error() {
    let desk = Desk::measured_and_blessed();
    let mut bench = desk.std_bench(&["--memory-only", "--samples", "10000", "toy/heap"]);
    let mut bench = bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let begun = |folder: &Path| LastRun::read(folder).is_ok_and(|last| last.is_some());
    within(Duration::from_secs(30), "it has begun", || begun(&desk.run_folder()));
    bench.kill().expect("killed");
    bench.wait().expect("ended");
    both(&desk, exit::USAGE, &["toy: its last run did not finish", "measure again"]);
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(desk.compare(&[]), exit::PASSED.into());
}

#[test]
fn a_damaged_last_run_file_is_reported_and_replaced() {
    let desk = Desk::measured_and_blessed();
    let path = desk.run_folder().join("last-run");
    std::fs::write(&path, "{").expect("written");
    both(&desk, exit::INTERNAL, &[&path.display().to_string()]);
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(desk.compare(&[]), exit::PASSED.into());
}
