//! `highwater exec --every`: readings between the stages, which change neither what is judged nor the program.

mod common;

use std::fs;

use common::{
    Desk, baseline,
    exec::{stages, value},
    programs::is_installed,
    run,
};
use highwater_model::{Control, exit};

const MIB: u64 = 1 << 20;

/// Holds 100 MiB for three readings. The program knows of a reading by the SIGCONT that ends it.
const SCRIPT: &str = "
import signal, time
readings = 0
def count(*_):
    global readings
    readings += 1
signal.signal(signal.SIGCONT, count)
def wait(number):
    until = readings + number
    while readings < until: time.sleep(0.001)
wait(2)
held = b'x' * (100 << 20)
wait(3)
del held
wait(2)";

#[test]
fn a_program_is_read_at_every_interval() {
    if !is_installed("python3") {
        return;
    }
    let desk = Desk::new();
    let case = desk.python(&["--every", "5ms"], SCRIPT, &[]);
    assert_eq!(stages(&case), ["start", "exit"]);
    let timeline = case.timeline.as_ref().expect("it was asked for");
    let readings = &timeline.readings;
    assert!(readings.at_ns.is_sorted() && readings.at_ns.len() >= 7, "{readings:?}");
    assert!(readings.at_ns[0] >= 5_000_000, "{readings:?}");
    let full: Vec<usize> = (0..readings.total.len()).filter(|index| readings.total[*index] > 100 * MIB).collect();
    assert!(full.len() >= 2 && full[0] >= 1 && full[full.len() - 1] < readings.total.len() - 1, "{readings:?}");
    assert_eq!(timeline.highest.at(0), readings.total.iter().copied().max());
    // What the readings between the stages must not reset.
    assert!(value(&case, "exit", "total") < 50 * MIB);
    assert!(value(&case, "exit", "peak_anon") > 100 * MIB);
    let record = desk.record_of("script");
    if record.fingerprint.controls[&Control::MemoryCgroup].is_granted() {
        assert!(value(&case, "exit", "cgroup_peak") > 100 * MIB);
        assert_eq!(readings.cgroup_peak.len(), readings.total.len());
        assert!(readings.cgroup_peak[0] < 50 * MIB && readings.cgroup_peak.is_sorted(), "{readings:?}");
    }
    let mut without = record.clone();
    without.cases[0].timeline = None;
    assert_eq!(baseline(&record).cases, baseline(&without).cases, "it is no part of a baseline");
}

#[test]
fn the_terminal_and_the_report_show_the_memory_over_time() {
    if !is_installed("python3") {
        return;
    }
    let desk = Desk::new();
    let command = ["/usr/bin/env", "python3", "-I", "-S", "-c", SCRIPT];
    let ran = desk.exec(&["--name", "held", "--samples", "2", "--every", "5ms"], &command, exit::PASSED);
    let line = ran.line("command over time: highest ");
    assert!(line.contains(", after start; ") && line.contains(" every 5.000 ms; n = 2, "), "{line}");
    let site = desk.file("site");
    run(desk.judge("report", &["--out", site.to_str().expect("text")]), exit::PASSED.into());
    let page = common::files_below(&desk.file("site/case")).remove(0);
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.contains("<h2>Memory over time</h2>") && page.contains("id=\"over-time\""));
}

#[test]
fn an_interval_is_at_least_a_millisecond() {
    let desk = Desk::new();
    let ran = desk.exec(&["--every", "100us"], &["true"], exit::USAGE);
    assert!(ran.stderr.contains("it must be at least 1ms"), "{}", ran.stderr);
}
