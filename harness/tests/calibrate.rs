//! Calibrating from end to end, with the toy family: few workers here, many where the figures of
//! `docs/calibration.md` were made.

mod common;

use common::{Desk, edit, highwater, run};
use highwater::{
    exit,
    model::{Noise, NoiseClass, read_calibration, read_record},
};

fn calibrate(desk: &Desk, args: &[&str]) -> assert_cmd::Command {
    let mut command = highwater(&["calibrate", "--batches", "2", "--workers", "25", "--comparisons", "200"]);
    command.args(args).arg("--run").arg(desk.run_folder()).arg("--baselines").arg(desk.baselines());
    command
}

#[test]
fn without_a_change_nothing_is_found_and_one_page_is_found_every_time() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    for aslr in [&[][..], &["--aslr-on"]] {
        let text = run(calibrate(&desk, aslr), exit::HELD.into());
        let all: Vec<&str> = text.line("| all ").split('|').map(str::trim).collect();
        assert_eq!(all[2], "200", "{}", text.stdout);
        assert!(all[3].starts_with("0 (<"), "false alarms: {}", text.stdout);
        assert!(all[5..8].iter().all(|power| power.starts_with("100.00 %")), "power: {}", text.stdout);
    }
}

/// The envelope comes into the baseline with the next blessing, stays there, and is what a change has
/// to leave.
#[test]
fn what_is_noisy_is_blessed_and_tolerated() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(calibrate(&desk, &["toy/heap"]), exit::HELD.into());
    let class = desk.record().fingerprint.class.to_string();
    let path = desk.run_folder().join("calibration").join(class).join("toy.json");
    let mut calibration = read_calibration(&path).expect("written");
    let (heap, noise) = calibration.cases.iter_mut().next().expect("a case");
    assert_eq!(heap.as_str(), "toy/heap/size=64k");
    // As a machine would find it on which the heap's slope moves by 2 pages.
    let noisy = Noise { class: NoiseClass::Spread, workers: 50, batches: 2, envelope: 8192.0 };
    noise.insert("anon, slope of live".into(), noisy.clone());
    std::fs::write(&path, serde_json::to_string(&calibration).expect("JSON")).expect("written");

    for _ in ["calibrated", "kept from the baseline before"] {
        run(desk.bless("calibrated"), exit::HELD.into());
        let baseline = read_record(&desk.baseline_path()).expect("a baseline");
        let heap = baseline.case("toy/heap/size=64k").expect("blessed");
        assert_eq!(heap.noise["anon, slope of live"], noisy);
        let _ = std::fs::remove_file(&path);
    }
    edit(&desk.record_path(), |run| common::add_per_unit(&mut run.cases[0], "anon", 4096));
    let text = run(desk.compare(&["--no-confirm", "--format", "jsonl"]), exit::REGRESSED.into());
    let kind = |aspect: &str| {
        let lines = text.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let found =
            lines.into_iter().find(|line| line.to_string().contains(aspect) && line.to_string().contains("\"anon\""));
        found.unwrap_or_else(|| panic!("no {aspect}:\n{}", text.stdout))["kind"].clone()
    };
    assert_eq!((kind("slope of live"), kind("growth at live@100")), ("same".into(), "regressed".into()));
}

#[test]
fn without_a_program_or_a_case_there_is_nothing_to_calibrate() {
    let desk = Desk::measured_and_blessed();
    run(calibrate(&desk, &[]), exit::USAGE.into()).complains_in_one_line(&["nothing to calibrate", "programs/toy"]);
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    run(calibrate(&desk, &["no-such-case"]), exit::USAGE.into()).complains_in_one_line(&["no case matches"]);
}
