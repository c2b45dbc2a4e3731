//! The family without any engine: what is not built is not run, and a worker with a fake engine completes.

#[path = "../../../harness/cli/tests/common/example.rs"]
mod example;
#[path = "../../../harness/cli/tests/common/linked.rs"]
mod linked;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use engine_worker::BUILDS;
use highwater_judge::CaseView;
use highwater_model::{CaseRecord, Decision, Metric, Record};
use highwater_store::read_record;

/// The builds whose place the engine of the example takes: one that precompiles, and two versions of one engine.
const STAND_INS: [&str; 3] = ["tinywasm", "wasmtime-47", "wasmtime-48"];

/// Runs the program with these arguments and reads the record.
fn run(target: &Path, args: &[&str]) -> Record {
    let output = Command::new(env!("CARGO_BIN_EXE_engines"))
        .env("HIGHWATER_TARGET_DIR", target)
        .args(["--bench", "--memory-only", "--samples", "3", "--ladder", "1,4,16"])
        .args(args)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read_record(&target.join("highwater/engines.json")).expect("a record")
}

/// The worker with the fake engine.
fn fake() -> &'static Path {
    static FAKE: OnceLock<PathBuf> = OnceLock::new();
    FAKE.get_or_init(|| example::build("fake-engine"))
}

/// The cases of engines of which all but wasmi are there, measured once for all tests.
fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| {
        let target = tempfile::tempdir().expect("a folder");
        for name in STAND_INS {
            let folder = target.path().join("highwater/engines").join(name);
            fs::create_dir_all(&folder).expect("made");
            fs::copy(fake(), folder.join(format!("{name}-worker"))).expect("copied");
        }
        run(target.path(), &["engine=(tinywasm|wasmi|wasmtime,version=4[78],compiler=cranelift),"])
    })
}

fn case(id: &str) -> &'static CaseRecord {
    record().case(&format!("engines/{id}")).unwrap_or_else(|| panic!("{id} is not in the record"))
}

/// The names of the stages that all workers of a case reached.
fn stages(id: &str) -> Vec<String> {
    case(id).stages.iter().map(|columns| columns.stage.to_string()).collect()
}

#[test]
fn ids_are_unique_and_ladders_ascend() {
    let cases = engines::family().cases;
    let ids: BTreeSet<String> = cases.iter().map(|case| case.id().to_string()).collect();
    assert_eq!(ids.len(), cases.len());
    for case in &cases {
        assert!(case.ladder().windows(2).all(|pair| pair[0] < pair[1]), "{}", case.id());
    }
}

#[test]
fn the_build_script_knows_the_engines_of_the_table() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.sh");
    let output = Command::new("bash").arg(script).output().expect("bash runs");
    let usage = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, names) = usage.split_once("the names are ").unwrap_or_else(|| panic!("{usage}"));
    let names: BTreeSet<&str> = names.split_whitespace().collect();
    assert_eq!(names, BUILDS.iter().map(|build| build.name).collect());
}

#[test]
fn without_its_worker_a_case_names_the_command_that_builds_it() {
    let target = tempfile::tempdir().expect("a folder");
    let record = run(target.path(), &[]);
    assert_eq!(record.cases.len(), engines::family().cases.len());
    for case in &record.cases {
        let reason = case.not_run.as_deref().unwrap_or_else(|| panic!("{} ran", case.id));
        assert!(reason.contains("is not built; run `bash benches/engines/build.sh "), "{reason}");
        assert_eq!((case.samples, case.failures.len()), (0, 0));
    }
    let named = |name: &str| record.cases.iter().any(|case| case.not_run.as_ref().is_some_and(|it| it.contains(name)));
    assert!(BUILDS.iter().all(|build| named(&format!("build.sh {}`", build.name))));
    assert!(record.claims.iter().all(|claim| claim.decision == Decision::Undecided));
}

#[test]
fn a_worker_takes_each_kind_of_case_through_its_stages() {
    let (absent, present): (Vec<_>, Vec<_>) =
        record().cases.iter().partition(|case| case.id.parameter("engine") == Some("wasmi"));
    for case in &present {
        assert_eq!((case.samples, case.failures.len(), &case.not_run), (3, 0, &None), "{}", case.id);
    }
    assert!(absent.iter().all(|case| case.not_run.is_some()));
    assert_eq!((present.len(), absent.len()), (37, 12));
    let ends = ["dropped", "trimmed", "end"];
    let live = ["live@1", "live@4", "live@16"];
    let called = ["called@1", "called@4", "called@16"];
    assert_eq!(
        stages("instance/engine=tinywasm,load=precompiled,guest=toucher"),
        [&["start", "engine", "loaded"][..], &live, &called, &ends].concat()
    );
    assert_eq!(
        stages("module/engine=tinywasm,load=compile,guest=actor"),
        [&["start", "loaded"][..], &live, &ends].concat()
    );
    assert_eq!(
        stages("call/engine=tinywasm,load=precompiled,guest=keeper"),
        [&["start", "engine", "loaded", "live"][..], &called, &ends].concat()
    );
}

#[test]
fn a_limit_of_memories_alone_refutes_that_the_host_is_bounded() {
    let case = "host/engine=tinywasm,route=table,limit=";
    let view = CaseView::of(record(), self::case(&format!("{case}engine")));
    assert_eq!((view.note("stopped"), view.figure("refused", "units")), (Some("nothing"), Some(1024.0)));
    let limited = CaseView::of(record(), self::case(&format!("{case}host")));
    assert_eq!(
        (limited.note("stopped"), limited.figure("refused", "units")),
        (Some("the engine's limiter"), Some(16.0))
    );
    let decision = |id: &str| record().claims.iter().find(|claim| claim.id == id).expect("a claim").decision;
    assert_eq!(decision("limiter-bounds-memory"), Decision::Confirmed);
    assert_eq!(decision("limiter-bounds-host-memory"), Decision::Refuted);
    assert_eq!(decision("control-limiter-bounds-host-memory"), Decision::Confirmed);
}

#[test]
fn an_instance_costs_its_blocks_and_has_times() {
    let view = CaseView::of(record(), case("instance/engine=tinywasm,load=precompiled,guest=tiny"));
    let live = view.slope(Metric::HeapLive, "live").expect("measured");
    // A block of 64 KiB in a list of one.
    assert!((65_536.0..65_700.0).contains(&live), "{live}");
    assert_eq!(view.slope(Metric::HeapLive, "called"), Some(0.0));
    let figures =
        [("loaded", "load_ns"), ("live@16", "instantiate_ns"), ("called@16", "call_ns"), ("dropped", "drop_ns")];
    for (stage, figure) in figures {
        assert!(view.figure(stage, figure).is_some(), "{figure}");
    }
}

#[test]
fn the_guest_that_keeps_pages_confirms_a_claim_and_refutes_its_controls() {
    let decision = |id: &str| record().claims.iter().find(|claim| claim.id == id).expect("a claim").decision;
    assert_eq!(decision("kept-pages-are-seen"), Decision::Confirmed);
    assert_eq!(decision("control-kept-pages-are-seen"), Decision::Refuted);
    assert_eq!(decision("calls-keep-nothing"), Decision::Confirmed);
    assert_eq!(decision("control-calls-keep-nothing"), Decision::Refuted);
}

#[test]
fn versions_of_the_same_cost_refute_that_one_costs_more() {
    let claim = record().claims.iter().find(|claim| claim.id == "wasmtime-48-adds-40-percent").expect("a claim");
    assert_eq!(claim.decision, Decision::Refuted);
    // Each case of one version with the same case of the other: 4 of `instance` and 1 of `module` with files, and one
    // of each that compile.
    assert_eq!(claim.figures.matches("(+0.0 %)").count(), 7, "{}", claim.figures);
    assert_eq!(claim.rests_on.len(), 14);
}

#[test]
fn what_all_workers_share_links_neither_report_nor_command_line() {
    linked::assert_measured_only(fake(), Path::new(env!("CARGO_BIN_EXE_engines")));
}
