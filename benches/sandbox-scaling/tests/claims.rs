//! Tests that real runs decide the claims as expected and refute every control, that CPython workers agree to
//! the page, and that programs that are not built are reported.

mod common;

use common::{case, measure, measure_programs};
use highwater_judge::exact_where_gated;
use highwater_model::{CaseRecord, Decision, Record, Series};

const CONFIRMED: Decision = Decision::Confirmed;
const REFUTED: Decision = Decision::Refuted;

/// Asserts the decisions of claims and that their controls are refuted.
fn decides(record: &Record, expected: &[(&str, Decision)]) {
    let found = |id: &str| record.claims.iter().find(|claim| claim.id == id);
    for (id, decision) in expected {
        let claim = found(id).expect("a claim");
        assert_eq!(claim.decision, *decision, "{id}: {}", claim.figures);
        if let Some(control) = found(&format!("control-{id}")) {
            assert_eq!(control.decision, REFUTED, "{}: {}", control.id, control.figures);
        }
    }
}

/// The quantities on which the workers of a case differ, except times.
fn differences(case: &CaseRecord) -> String {
    let columns = case.stages.iter().flat_map(|columns| columns.memory.iter().map(move |it| (&columns.stage, it)));
    columns
        .filter_map(|(stage, (quantity, series))| match series {
            Series::Each(values) => Some(format!("{quantity} at {stage}: {values:?}\n")),
            Series::Same(_) => None,
        })
        .collect()
}

#[test]
fn claims_about_sharing_and_reuse_are_decided_as_expected() {
    let filter = concat!(
        "on-demand/cow=on,guest=cpython-pre(,load=each)?$|session/guest=cpython-pre,code=(check|leak-8192k)$",
        "|on-demand/cow=on,guest=tiny(,load=each)?$|on-demand/cow=(on|off),guest=image$|guest=table",
    );
    let record = measure_programs(&["--samples", "1", "--ladder", "1,4,16", filter]);
    decides(
        &record,
        &[
            ("code-is-shared", CONFIRMED),
            ("instance-is-small", CONFIRMED),
            ("memory-is-own", CONFIRMED),
            ("memory-is-256-mib", REFUTED),
            ("memory-is-sparse", CONFIRMED),
            ("cow-is-on", CONFIRMED),
            ("cow-is-kept", REFUTED),
            ("dense-setting-keeps-cow", CONFIRMED),
            ("reuse-is-cheaper", CONFIRMED),
        ],
    );
}

#[test]
fn python_is_the_cost_and_pre_initialisation_saves() {
    let filter = "on-demand/cow=(on|off),guest=(cpython|cpython-pre|tiny)$";
    let record = measure_programs(&["--samples", "1", "--ladder", "1,2,4", filter]);
    decides(&record, &[("python-is-the-cost", CONFIRMED), ("pre-initialisation-saves", CONFIRMED)]);
}

#[test]
fn growth_is_linear_and_drop_gives_back() {
    let filter = "on-demand/cow=on,guest=tiny(,load=compile)?$|(on-demand|pooling-keep-64k)/cow=on,guest=toucher$";
    let record = measure(&["--samples", "1", filter]);
    decides(&record, &[("growth-is-linear", CONFIRMED), ("drop-gives-back", CONFIRMED)]);
}

#[test]
fn the_leak_test_finds_a_page_for_each_execution() {
    let windows: Vec<String> = (1..=10).map(|window| (window * 50).to_string()).collect();
    let filter = "session/guest=cpython-pre,code=leak-4k";
    let record = measure_programs(&["--samples", "1", "--ladder", &windows.join(","), filter]);
    let claim = record.claims.iter().find(|claim| claim.id == "control-reuse-leaks-nothing").expect("a claim");
    assert_eq!(claim.decision, REFUTED, "{}", claim.figures);
    // A page, the overhead of malloc and Python, and what the runtime itself keeps.
    let kib: f64 = claim.figures.split(": ").nth(1).and_then(|text| text.split(' ').next()?.parse().ok()).expect("KiB");
    assert!((4.0..6.0).contains(&kib), "{}", claim.figures);
}

#[test]
fn claims_without_their_cases_are_undecided() {
    let record = measure(&["--samples", "1", "--ladder", "1", "on-demand/cow=on,guest=toucher$"]);
    for claim in &record.claims {
        assert_eq!(claim.decision, Decision::Undecided, "{}: {}", claim.id, claim.figures);
    }
}

#[test]
fn cpython_workers_agree_on_all_gated_quantities() {
    let filter = "on-demand/cow=on,guest=cpython-pre$";
    let record = measure_programs(&["--samples", "4", "--ladder", "1,3", filter]);
    let case = case(&record, "on-demand/cow=on,guest=cpython-pre");
    assert_eq!((case.samples, case.failures.len()), (4, 0));
    assert!(exact_where_gated(case, &record.baseline_stage), "{}", differences(case));
}

#[test]
fn a_program_that_is_not_built_is_not_run() {
    let record = measure(&["--samples", "1", "guest=(numpy-pre|js-quickjs)"]);
    assert!(record.cases.len() >= 4);
    for case in &record.cases {
        let recipe = if case.id.as_str().contains("js-") { "js" } else { "numpy" };
        assert_eq!(case.not_run, Some(format!("guest not built, see just guests-{recipe}")), "{}", case.id);
    }
}

#[test]
fn each_limit_applies_at_its_number_and_is_named() {
    let record = measure(&["--samples", "1", "ceiling/by=(rlimit-as-256g|machine,alloc=pooling|cgroup)"]);
    // Reservations of 4,160 and 128 MiB in 256 GiB, minus the program's own; a pool's slots.
    for (id, sandboxes, limit) in [
        ("by=rlimit-as-256g,alloc=on-demand,cow=on,guest=tiny", 60..=63, "address space"),
        ("by=rlimit-as-256g,alloc=on-demand-64m,cow=on,guest=tiny", 2000..=2047, "address space"),
        ("by=machine,alloc=pooling,cow=on,guest=tiny", 1000..=1000, "slots of the pool"),
        ("by=cgroup-256m,alloc=on-demand,cow=off,guest=image", 20..=25, "memory of the cgroup"),
        ("by=cgroup-256m,alloc=on-demand,cow=on,guest=image", 2000..=4000, "memory of the cgroup"),
    ] {
        let case = case(&record, &format!("ceiling/{id}"));
        if let Some(reason) = &case.not_run {
            assert!(id.contains("cgroup"), "{id}: {reason}");
            eprintln!("{id} skipped: {reason}");
            continue;
        }
        let columns = case.stage(&"refused".parse().expect("a stage")).expect("reached");
        let figure = "figure.sandboxes".parse::<highwater_model::Quantity>().expect("a figure");
        let found = columns.values(figure, 1).expect("reported")[0];
        assert!(sandboxes.contains(&found), "{id}: {found}");
        assert_eq!(case.notes["limit"], [limit], "{id}: {:?}", case.notes);
    }
}
