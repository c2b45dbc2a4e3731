//! Only the last run is judged: what it measured, whether it finished, and what an earlier one left behind.

mod common;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Desk, edit, record, run, within};
use highwater_model::{Record, exit};
use highwater_store::{LastRun, Progress, write_record};

/// The bench in a shell of its own: runs are distinguished by the process that started them.
fn bench_in_a_shell(desk: &Desk, args: &[&str]) {
    let bench = desk.std_bench(args);
    let mut shell = Command::new("sh");
    // Not replaced by the program, which is to have another parent in the next run.
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
fn a_filter_that_matches_nothing_is_a_usage_error_of_what_judges() {
    let desk = Desk::measured_and_blessed();
    bench_in_a_shell(&desk, &["--memory-only", "--samples", "5"]);
    run(desk.compare(&[]), exit::HELD.into());
    // The record of the run before is there and holds: it says nothing of this one.
    bench_in_a_shell(&desk, &["--memory-only", "--samples", "5", "no-such-case"]);
    both(&desk, exit::USAGE, &["the filter `no-such-case` matches no case of toy", "nothing was measured"]);
}

#[test]
fn a_record_of_an_earlier_run_is_named_and_not_judged() {
    let desk = Desk::measured_and_blessed();
    bench_in_a_shell(&desk, &["--memory-only", "--samples", "5", "toy/heap"]);
    // Another family, measured by another run; a regression that would be red.
    let mut zoo = Record { family: "zoo".into(), ..record() };
    zoo.fingerprint = desk.record().fingerprint;
    zoo.fingerprint.context.insert("run_id".into(), "1-1".into());
    zoo.fingerprint.context.insert("started".into(), "2026-07-01T12:00:00Z".into());
    write_record(&desk.run_folder().join("zoo.json"), &zoo).expect("written");
    let ran = run(desk.compare(&[]), exit::HELD.into());
    let note = "note: zoo: its record of 2026-07-01T12:00:00Z is of an earlier run and left out";
    assert!(ran.stderr.lines().any(|line| line == note), "{}", ran.stderr);
    assert!(!ran.stdout.contains("zoo"), "{}", ran.stdout);

    // Once its own run is the last one, the other is left out.
    LastRun::note(&desk.run_folder(), "1-1", None, "zoo", Progress::Measured).expect("noted");
    let ran = run(desk.compare(&[]), exit::NO_BASELINE.into());
    assert!(ran.stderr.contains("note: toy: its record of "), "{}", ran.stderr);
    ran.line("zoo: no baseline for machine class");
}

#[test]
fn a_family_that_the_filter_left_out_does_not_bring_back_its_old_record() {
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
fn a_run_that_did_not_finish_is_a_usage_error_of_what_judges() {
    let desk = Desk::measured_and_blessed();
    let mut bench = desk.std_bench(&["--memory-only", "--samples", "10000", "toy/heap"]);
    let mut bench = bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let begun = |folder: &Path| LastRun::read(folder).is_ok_and(|last| last.is_some());
    within(Duration::from_secs(30), "it has begun", || begun(&desk.run_folder()));
    bench.kill().expect("killed");
    bench.wait().expect("ended");
    both(&desk, exit::USAGE, &["toy: its last run did not finish", "measure again"]);
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(desk.compare(&[]), exit::HELD.into());
}

#[test]
fn a_damaged_note_of_the_last_run_is_named_and_the_next_run_replaces_it() {
    let desk = Desk::measured_and_blessed();
    let path = desk.run_folder().join("last-run");
    std::fs::write(&path, "{").expect("written");
    both(&desk, exit::INTERNAL, &[&path.display().to_string()]);
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(desk.compare(&[]), exit::HELD.into());
}
