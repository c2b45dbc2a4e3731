//! End-to-end tests of `highwater calibrate` with the toy family and few workers. The figures in
//! `docs/calibration.md` were measured with many.

mod common;

use common::{Desk, highwater, run};
use highwater_model::exit;

fn calibrate(desk: &Desk, args: &[&str]) -> assert_cmd::Command {
    let mut command = highwater(&["calibrate", "--batches", "2", "--workers", "25", "--comparisons", "200"]);
    command.args(args).arg("--run").arg(desk.run_folder()).arg("--baselines").arg(desk.baselines());
    command
}

#[test]
fn there_are_no_false_alarms_and_one_page_is_always_found() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    for aslr in [&[][..], &["--aslr-on"]] {
        let text = run(calibrate(&desk, aslr), exit::PASSED.into());
        let all: Vec<&str> = text.line("| all ").split('|').map(str::trim).collect();
        assert_eq!(all[2], "200", "{}", text.stdout);
        assert!(all[3].starts_with("0 (<"), "false alarms: {}", text.stdout);
        assert!(all[5..8].iter().all(|power| power.starts_with("100.00 %")), "power: {}", text.stdout);
    }
}

#[test]
fn a_bench_binary_and_a_matching_case_are_required() {
    let desk = Desk::measured_and_blessed();
    run(calibrate(&desk, &[]), exit::USAGE.into()).complains_in_one_line(&["nothing to calibrate", "programs/toy"]);
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(calibrate(&desk, &["no-such-case"]), exit::USAGE.into()).complains_in_one_line(&["no case matches"]);
}
