//! Tests that real runs decide what a store's limiter bounds, and that workers agree on what a guest causes.

mod common;

use std::sync::OnceLock;

use common::{case, measure};
use highwater_judge::{CaseView, exact_where_gated};
use highwater_model::{Decision, Record};
use sandbox_scaling::{LIMITER, NOTHING, Route};

/// Three workers of each case, measured once for all tests.
fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| measure(&["--samples", "3", "^sandbox-scaling/host/"]))
}

fn decision(id: &str) -> (Decision, &'static str) {
    let claim = record().claims.iter().find(|claim| claim.id == id).expect("a claim");
    (claim.decision, &claim.figures)
}

#[test]
fn the_limiter_bounds_a_memory_and_nothing_else() {
    for route in Route::ALL {
        let (found, figures) = decision(&format!("limiter-bounds-{}", route.name()));
        let expected = if route == Route::Memory { Decision::Confirmed } else { Decision::Refuted };
        assert_eq!(found, expected, "{}: {figures}", route.name());
    }
}

#[test]
fn a_host_with_limits_of_its_own_bounds_every_route() {
    for route in Route::ALL.into_iter().filter(|route| *route != Route::Memory) {
        let (found, figures) = decision(&format!("control-limiter-bounds-{}", route.name()));
        assert_eq!(found, Decision::Confirmed, "{}: {figures}", route.name());
    }
}

#[test]
fn what_stops_a_guest_is_what_the_route_has() {
    let stopped = |id: &str| {
        let view = CaseView::of(record(), case(record(), &format!("host/route={id}")));
        (view.note("stopped").expect("one text").to_owned(), view.figure("refused", "units").expect("reported"))
    };
    // The memory has one wasm page of the sixteen from the start.
    assert_eq!(stopped("memory,limit=store"), (LIMITER.to_owned(), 15.0));
    for unbounded in ["stdout", "files", "strings", "returned", "table"] {
        assert_eq!(stopped(&format!("{unbounded},limit=store")), (NOTHING.to_owned(), 512.0));
    }
    assert_eq!(stopped("table,limit=host").0, LIMITER);
    // 100,000 handles are wasmtime's default. 1,024 files are the limit that the worker sets itself.
    let (text, units) = stopped("resources,limit=store");
    assert!(text.contains("handle limit") && (99_000.0..=100_000.0).contains(&units), "{units}: {text}");
    let (text, units) = stopped("descriptors,limit=store");
    assert!((900.0..1024.0).contains(&units), "{units}: {text}");
}

#[test]
fn workers_agree_on_what_a_guest_causes() {
    for case in &record().cases {
        assert_eq!((case.samples, case.failures.len(), &case.not_run), (3, 0, &None), "{}", case.id);
        assert!(exact_where_gated(case, &record().baseline_stage), "{}", case.id);
    }
}

/// Descriptors that the bench has inherited, from a batch system for example, are not those of its workers.
#[test]
fn how_many_files_a_guest_can_open_does_not_depend_on_inherited_descriptors() {
    let units = |redirections: &str| {
        let target = tempfile::tempdir().expect("a folder");
        let ran = std::process::Command::new("sh")
            .args(["-c", &format!("exec {redirections}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_sandbox-scaling")])
            .args(["--bench", "--memory-only", "--samples", "1", "host/route=descriptors,limit=store"])
            .env("HIGHWATER_TARGET_DIR", target.path())
            .output()
            .expect("started");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let record = highwater_store::read_record(&target.path().join("highwater/sandbox-scaling.json"));
        let record = record.expect("a record");
        let view = CaseView::of(&record, &record.cases[0]);
        view.figure("refused", "units").expect("a figure")
    };
    assert_eq!(units("7</dev/null 8</dev/null 9</dev/null"), units("9>&-"));
}
