//! The gate end to end with the toy family: measure, bless, measure again, compare. Runs that must fail do so with the
//! reason, and runs that must pass do. The tests edit the record on disk for changes that the toy cannot produce.

mod common;

use std::{fs, os::unix::fs::symlink, process};

use common::{Desk, Ran, add_per_unit, baseline, edit, edit_baseline, run, write_baseline};
use highwater_model::{CaseRecord, Control, ControlState, Failure, Metric, Outcome, Quantity, Record, Series, exit};
use highwater_store::write_record;

const HEAP: &str = "toy/heap/size=64k";
const MAPPED: &str = "toy/mapped/pages=4";

fn compare(desk: &Desk, status: u8) -> Ran {
    run(desk.compare(&[]), status.into())
}

fn case<'a>(record: &'a mut Record, id: &str) -> &'a mut CaseRecord {
    record.cases.iter_mut().find(|case| case.id.as_str() == id).expect("a case of the toy family")
}

fn write_policy(desk: &Desk, rules: &str) {
    fs::write(desk.baselines().join("policy.toml"), format!("schema = 1\n{rules}")).expect("written");
}

/// The number of fresh workers in a line: 20, or fewer on a busy machine.
fn fresh_workers(line: &str) -> usize {
    let (_, rest) = line.split_once("confirmed by ").expect("workers");
    rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn an_unchanged_program_passes() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    let text = compare(&desk, exit::PASSED);
    assert!(text.line("exit status 0").starts_with("passed: 2 cases"), "{}", text.stdout);
    assert!(text.stdout.contains(": first measurement"), "the reason is shown:\n{}", text.stdout);
}

#[test]
fn one_more_page_per_buffer_fails() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5", "--inject", "4096", "toy/heap"]), 0);
    let text = compare(&desk, exit::REGRESSED);
    let line = text.line("regressed      toy/heap/size=64k: heap_live per buffer at live: 64 KiB -> 68 KiB");
    assert!(line.contains("(+4 KiB per buffer); exact, n = 5 against 5, confirmed by "), "{line}");
    assert!(fresh_workers(line) >= 5, "{line}");
    // The new pages are in the arena of the case's thread.
    let pages = run(desk.compare(&["--no-confirm", "--format", "jsonl"]), exit::REGRESSED.into());
    assert!(pages.line("growth of anon_heap at live@100").contains("in arenas"), "{}", pages.stdout);
    assert!(!text.stdout.contains(MAPPED), "the filter excludes it:\n{}", text.stdout);
    text.line("1 case of the baseline left out");
    text.line("every buffer allocated 4 KiB more (--inject)");
    assert!(text.line("exit status 3").starts_with("FAILED: 1 case;"), "{}", text.stdout);
}

#[test]
fn sixteen_more_bytes_per_buffer_fail() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5", "--inject", "16", "toy/heap"]), 0);
    let text = compare(&desk, exit::REGRESSED);
    let line = text.line("regressed      toy/heap/size=64k: heap_live per buffer");
    assert!(line.contains("(+16 B per buffer); exact, n = 5 against 5"), "{line}");
}

#[test]
fn a_shifted_heap_passes() {
    let desk = Desk::measured_and_blessed();
    for shift in ["3000", "40000", "120000"] {
        run(desk.bench(&["--memory-only", "--samples", "5", "--shift-heap", shift]), 0);
        let text = compare(&desk, exit::PASSED);
        assert!(!text.stdout.contains("unconfirmed"), "{shift}:\n{}", text.stdout);
    }
}

/// With an unlimited stack the kernel reverses the order of mappings, so workers set a limit themselves.
#[test]
fn a_run_with_an_unlimited_stack_passes() {
    let desk = Desk::measured_and_blessed();
    let bench = desk.std_bench(&["--memory-only", "--samples", "5"]);
    let mut shell = process::Command::new("sh");
    shell.args(["-c", "ulimit -s unlimited || exit 99; exec \"$@\"", "sh"]);
    shell.arg(bench.get_program()).args(bench.get_args());
    shell.env("HIGHWATER_TARGET_DIR", desk.path()).env_remove("CRITERION_HOME").env_remove("TOY_ALL");
    let ran = shell.output().expect("started");
    if ran.status.code() == Some(99) {
        println!("skipped: the hard limit of the stack is not unlimited");
        return;
    }
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(desk.record().fingerprint.controls[&Control::StackLimit], ControlState::Granted);
    let text = compare(&desk, exit::PASSED);
    assert!(!text.stdout.contains("unconfirmed"), "{}", text.stdout);
}

/// Pages of the heap move, but the cost of other memory does not change.
#[test]
fn a_shifted_heap_is_reported_with_its_length() {
    const SHIFT: u64 = 200_000;
    let desk = Desk::measured_and_blessed();
    let in_use = "heap_in_use".parse::<Quantity>().expect("a quantity");
    let at_start = || case(&mut desk.record(), MAPPED).stages[0].memory[&in_use].at(0);
    let before = at_start();
    let bench = run(desk.bench(&["--memory-only", "--samples", "5", "--shift-heap", "200000", "toy/mapped"]), 0);
    bench.line("every worker's heap was shifted by 195.3 KiB (--shift-heap)");
    let taken = at_start().zip(before).map(|(now, before)| now - before);
    assert!(taken.is_some_and(|taken| (SHIFT..SHIFT + 256).contains(&taken)), "{taken:?} bytes of heap taken");
    compare(&desk, exit::PASSED).line("in this run, every worker's heap was shifted by 195.3 KiB (--shift-heap)");
}

#[test]
fn an_improvement_passes_and_is_reported() {
    let desk = Desk::measured_and_blessed();
    edit_baseline(&desk, |blessed| {
        add_per_unit(case(blessed, MAPPED), "anon_mapped", 4096);
        add_per_unit(case(blessed, MAPPED), "anon.linear_memory", 4096);
    });
    let text = compare(&desk, exit::PASSED);
    let line = text.finding("improved");
    assert!(line.contains(MAPPED) && line.contains("-4 KiB per buffer, 1 page, in linear_memory"), "{line}");
}

#[test]
fn more_mappings_or_page_tables_fail() {
    for (quantity, more) in [("vmas", 1), ("page_tables", 4096)] {
        let desk = Desk::measured_and_blessed();
        edit(&desk.record_path(), |run| add_per_unit(case(run, MAPPED), quantity, more));
        let text = compare(&desk, exit::REGRESSED);
        text.line(&format!("regressed      {MAPPED}: {quantity} per buffer"));
    }
}

#[test]
fn metrics_that_are_only_reported_do_not_fail() {
    for quantity in ["rss", "anon"] {
        let desk = Desk::measured_and_blessed();
        edit(&desk.record_path(), |run| add_per_unit(case(run, HEAP), quantity, 1 << 20));
        compare(&desk, exit::PASSED);
    }
}

#[test]
fn a_budget_fails_regardless_of_mode_and_baseline() {
    let desk = Desk::measured_and_blessed();
    write_policy(
        &desk,
        "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"anon\"\naspect = \"slope\"\nbudget = \"32 KiB\"\n",
    );
    let text = compare(&desk, exit::REGRESSED);
    let line = text.finding("over budget");
    assert!(line.contains(HEAP) && line.contains("anon per buffer at live"), "{line}");
    assert!(line.contains("over its budget of 32 KiB"), "{line}");
    // A value within its budget passes.
    write_policy(
        &desk,
        "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"anon\"\naspect = \"slope\"\nbudget = \"80 KiB\"\n",
    );
    compare(&desk, exit::PASSED);
}

#[test]
fn a_rise_passes_up_to_the_tolerance() {
    let desk = Desk::measured_and_blessed();
    edit(&desk.record_path(), |run| add_per_unit(case(run, HEAP), "heap_live", 4096));
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"heap_live\"\ntolerance = \"400 KiB\"\n");
    compare(&desk, exit::PASSED);
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"heap_live\"\ntolerance = \"399 KiB\"\n");
    compare(&desk, exit::REGRESSED);
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"heap_live\"\nmode = \"report\"\n");
    compare(&desk, exit::PASSED);
}

/// A glob that matches more than was meant would otherwise switch the gate off unseen.
#[test]
fn values_that_the_policy_no_longer_gates_are_noted() {
    let desk = Desk::measured_and_blessed();
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"heap_live\"\nmode = \"report\"\n");
    let note = compare(&desk, exit::PASSED).stderr;
    assert!(note.contains("note: toy: the policy no longer gates ") && note.contains(HEAP), "{note}");
    // Values of 0, which have no line, count too.
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\nmetric = \"outside_anon\"\nmode = \"ignore\"\n");
    let note = compare(&desk, exit::PASSED).stderr;
    assert!(note.contains(" of outside_anon in toy/heap/size=64k; if that is intended, bless"), "{note}");
    run(desk.bless("not gated any more"), 0);
    assert!(!compare(&desk, exit::PASSED).stderr.contains("no longer"));
}

#[test]
fn watched_values_are_in_the_baseline_and_do_not_fail() {
    let desk = Desk::measured_and_blessed();
    write_policy(
        &desk,
        "[[rule]]\ncase = \"toy/heap/*\"\nmode = \"report\"\n\
         [[rule]]\ncase = \"toy/heap/*\"\nmetric = \"anon\"\naspect = \"slope\"\nmode = \"watch\"\n",
    );
    run(desk.bless("watched"), 0);
    let baseline = fs::read_to_string(desk.baseline_path()).expect("a baseline");
    let heap = baseline.split("case ").find(|case| case.starts_with(HEAP)).expect("the case");
    let values = heap.lines().filter(|line| line.starts_with("slope ") || line.starts_with("growth "));
    assert_eq!(values.collect::<Vec<_>>().len(), 1, "{heap}");
    edit(&desk.record_path(), |run| add_per_unit(case(run, HEAP), "anon", 4096));
    let text = compare(&desk, exit::PASSED);
    let line = text.line("regressed      toy/heap/size=64k: anon per buffer at live");
    assert!(line.ends_with("; watched, fails nothing"), "{line}");
}

#[test]
fn a_failed_worker_fails_the_gate() {
    let desk = Desk::measured_and_blessed();
    edit(&desk.record_path(), |run| {
        case(run, HEAP).failures.push(Failure {
            outcome: Outcome::OutOfMemory,
            last_stage: Some("live@10".parse().expect("a stage")),
            output_tail: String::new(),
        });
    });
    let text = compare(&desk, exit::REGRESSED);
    let line = text.line("workers failed");
    assert!(
        line.starts_with("  failed ")
            && line.contains("toy/heap/size=64k: 1 of 6 workers failed: out of memory after live@10"),
        "{line}"
    );
}

#[test]
fn a_case_that_could_never_run_is_reported_and_passes() {
    let desk = Desk::measured_and_blessed();
    edit_baseline(&desk, |blessed| blessed.cases.retain(|case| case.id.as_str() != HEAP));
    edit(&desk.record_path(), |run| {
        let heap = case(run, HEAP);
        *heap = CaseRecord::not_run(heap.id.clone(), "no memory cgroup".into());
    });
    let text = compare(&desk, exit::PASSED);
    text.line("not run        toy/heap/size=64k: no memory cgroup");
    assert!(!text.line("exit status 0").contains("not run"), "it is not gated:\n{}", text.stdout);
}

#[test]
fn missing_cases_fail_unless_allowed_and_new_cases_pass() {
    let desk = Desk::measured_and_blessed();
    edit_baseline(&desk, |blessed| blessed.cases.retain(|case| case.id.as_str() != HEAP));
    edit(&desk.record_path(), |run| run.cases.retain(|case| case.id.as_str() == HEAP));
    let names_both = |text: &Ran, outcome: &str| {
        text.line("new            toy/heap/size=64k: no baseline yet");
        text.line("missing        toy/mapped/pages=4: in the baseline but not in the run");
        assert!(text.line("exit status").starts_with(outcome), "{}", text.stdout);
    };
    let text = compare(&desk, exit::REGRESSED);
    names_both(&text, "FAILED");
    let summary = text.line("exit status 3");
    assert!(summary.contains("1 new") && summary.contains("1 missing"), "{summary}");
    names_both(&run(desk.compare(&["--allow-missing"]), exit::PASSED.into()), "passed");
    write_policy(&desk, "[[rule]]\ncase = \"toy/mapped/*\"\ngone = true\n");
    names_both(&compare(&desk, exit::PASSED), "passed");
    write_policy(&desk, "[[rule]]\ncase = \"toy/heap/*\"\ngone = true\n");
    names_both(&compare(&desk, exit::REGRESSED), "FAILED");
}

/// Otherwise a typo in the name of the baseline stage would disable the gate.
#[test]
fn a_missing_stage_fails() {
    for (stage, kind, allowed) in [
        ("loaded", "failed", exit::REGRESSED),
        ("live@100", "missing", exit::PASSED),
        ("dropped", "missing", exit::PASSED),
    ] {
        let desk = Desk::measured_and_blessed();
        edit(&desk.record_path(), |run| case(run, HEAP).stages.retain(|columns| columns.stage.to_string() != stage));
        let text = compare(&desk, exit::REGRESSED);
        assert!(text.line("exit status 3").contains(kind), "without {stage}:\n{}", text.stdout);
        run(desk.compare(&["--allow-missing"]), allowed.into());
    }
}

/// If ASLR cannot be turned off (because of seccomp, for example), both runs have the same class and everything is
/// comparable.
#[test]
fn across_aslr_only_mapped_and_heap_growth_is_judged() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5", "--aslr", "on"]), 0);
    assert!(!desk.record().fingerprint.class.aslr_off);
    let text = compare(&desk, exit::PASSED);
    if !desk.baselines().join(desk.record().fingerprint.class.to_string()).exists() {
        text.line("only growth of anon_mapped and of heap bytes is judged");
        text.line("not comparable");
    }
    // Growth of VMAs is not judged, but growth of mapped memory and heap bytes is.
    edit(&desk.record_path(), |run| add_per_unit(case(run, MAPPED), "vmas", 1));
    compare(&desk, exit::PASSED);
    for (quantity, bytes) in [("anon_mapped", 4096), ("heap_live", 16)] {
        edit(&desk.record_path(), |run| add_per_unit(case(run, MAPPED), quantity, bytes));
        let text = run(desk.compare(&["--no-confirm"]), exit::REGRESSED.into());
        text.line(&format!("regressed      toy/mapped/pages=4: {quantity} per buffer"));
    }
}

#[test]
fn varying_workers_fail_only_beyond_the_baselines_range() {
    let desk = Desk::measured_and_blessed();
    let clean = desk.record();
    // The baseline's range is 3 pages: a worker is above it if it exceeds the maximum by more than 3 pages.
    let blessed = baseline(&spread(&clean, [0, 1, 0, 3, 0]));
    for (pages, status, kind) in [
        ([2, 4, 3, 3, 5], exit::PASSED, None),
        ([4, 4, 6, 4, 5], exit::PASSED, None),
        ([7, 9, 7, 8, 5], exit::PASSED, Some("unconfirmed")),
        ([7, 9, 7, 8, 7], exit::REGRESSED, Some("regressed")),
    ] {
        write_baseline(&desk.baseline_path(), &blessed);
        write_record(&desk.record_path(), &spread(&clean, pages)).expect("written");
        let text = compare(&desk, status);
        match kind {
            Some(kind) => assert!(text.finding(kind).contains("n = 5 against 5"), "{}", text.stdout),
            None => assert!(!text.stdout.contains("heap_live"), "{}", text.stdout),
        }
    }
}

/// Adds these numbers of pages to the workers of the heap case at the top of the ladder.
fn spread(record: &Record, pages: [u64; 5]) -> Record {
    let mut record = record.clone();
    let top = case(&mut record, HEAP).stages.iter_mut().find(|columns| columns.stage.to_string() == "live@100");
    let live = top.and_then(|columns| columns.memory.get_mut(&Metric::HeapLive.into())).expect("read");
    let more = |(worker, pages): (usize, u64)| live.at(worker).expect("a worker") + pages * 4096;
    *live = Series::Each(pages.into_iter().enumerate().map(more).collect());
    record
}

#[test]
fn json_has_the_verdicts_and_the_exit_status() {
    let desk = Desk::measured_and_blessed();
    write_policy(&desk, "[[rule]]\nmetric = \"vmas\"\nmode = \"report\"\n");
    for (quantity, status) in [("vmas", exit::PASSED), ("heap_live", exit::REGRESSED)] {
        edit(&desk.record_path(), |run| add_per_unit(case(run, HEAP), quantity, 4096));
        let text = run(desk.compare(&["--format", "json"]), status.into());
        let json: serde_json::Value = serde_json::from_str(&text.stdout).expect("JSON");
        assert_eq!(json["exit_status"], status);
        assert_eq!(json["comparison"]["families"][0]["family"], "toy");
        let verdicts = json["comparison"]["families"][0]["verdicts"].as_array().expect("a list");
        let slope = verdicts.iter().find(|verdict| {
            let subject = &verdict["subject"];
            verdict["case"] == HEAP && subject["quantity"] == quantity && subject["aspect"] == "slope of live"
        });
        let slope = slope.expect("judged");
        assert_eq!((&slope["kind"], &slope["gated"]), (&"regressed".into(), &(quantity == "heap_live").into()));
    }
}

/// One of ten workers rose by a page, which is not significant.
#[test]
fn a_rise_in_one_worker_is_unconfirmed() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "10"]), 0);
    edit(&desk.record_path(), |run| {
        for columns in &mut case(run, HEAP).stages {
            let live = columns.memory.get_mut(&Metric::HeapLive.into()).expect("read");
            let rise = columns.stage.scale().map_or(0, |_| 4096);
            let risen = |worker| live.at(worker).expect("a sample") + if worker == 3 { rise } else { 0 };
            *live = Series::Each((0..10).map(risen).collect());
        }
    });
    let text = run(desk.compare(&["--no-confirm"]), exit::PASSED.into());
    let line = text.finding("unconfirmed");
    assert!(line.contains("1 of 10 above the baseline's range, not significant"), "{line}");
    assert!(text.line("exit status 0").contains("3 unconfirmed"), "{}", text.stdout);
    run(desk.compare(&["--no-confirm", "--strict"]), exit::UNCONFIRMED.into());
}

/// Fresh workers of the program have to show the rise that the record has.
#[test]
fn a_rise_that_is_not_reproduced_is_unconfirmed() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5"]), 0);
    edit(&desk.record_path(), |run| add_per_unit(case(run, HEAP), "heap_live", 4096));
    let text = compare(&desk, exit::PASSED);
    let line = text.finding("unconfirmed");
    assert!(line.contains(HEAP) && line.contains(" fresh workers (64 KiB)"), "{line}");
    assert!(line.contains("not confirmed by ") && fresh_workers(line) >= 5, "{line}");
    assert!(text.stderr.contains("toy: measuring 1 case again"), "{}", text.stderr);
    run(desk.compare(&["--strict"]), exit::UNCONFIRMED.into());
    run(desk.compare(&["--no-confirm"]), exit::REGRESSED.into());
}

/// A new build may behave differently from the program that was measured.
#[test]
fn a_rebuilt_program_is_not_used_for_confirmation() {
    let desk = Desk::measured_and_blessed();
    run(desk.bench(&["--memory-only", "--samples", "5", "--inject", "4096", "toy/heap"]), 0);
    let program = desk.run_folder().join("programs/toy");
    let copy = desk.path().join("toy");
    fs::copy(&program, &copy).expect("copied");
    fs::remove_file(&program).expect("removed");
    symlink(&copy, &program).expect("linked");
    let text = compare(&desk, exit::REGRESSED);
    assert!(text.stderr.contains("was rebuilt after the run"), "{}", text.stderr);
    fs::remove_file(&program).expect("removed");
    let text = compare(&desk, exit::REGRESSED);
    assert!(text.stderr.contains("programs/toy does not exist"), "{}", text.stderr);
}
