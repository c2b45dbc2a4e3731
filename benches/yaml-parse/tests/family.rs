//! End-to-end tests of the family: the memory targets of the tape, the expected results of the strategies, and a gate
//! that fails when a node of the tape grows.

#[path = "../../../harness/cli/tests/common/linked.rs"]
mod linked;

use std::{path::Path, process::Command, sync::OnceLock};

use highwater_judge::{Aspect, CaseView, Kind, Policy, compare_runs};
use highwater_model::{CaseId, CaseRecord, Metric, Quantity, Record};
use highwater_store::read_record;

const FILE: f64 = yaml_parse::generate::SIZE as f64;

/// Measures each case that the filter selects with five workers.
fn measure(filter: &str) -> Record {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_yaml-parse"))
        .env("HIGHWATER_TARGET_DIR", folder.path())
        .args(["--bench", "--memory-only", "--samples", "5", filter])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read_record(&folder.path().join("highwater/yaml-parse.json")).expect("a record")
}

/// The cases that these tests use, measured once.
fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| measure("^yaml-parse/(tape-|tree-|events|live|again)"))
}

fn case<'a>(record: &'a Record, id: &str) -> &'a CaseRecord {
    record.case(&format!("yaml-parse/{id}")).unwrap_or_else(|| panic!("{id} is not in the record"))
}

/// Returns the largest growth up to a stage, as a multiple of the file size.
fn growth(id: &str, metric: Metric, stage: &str) -> f64 {
    let view = CaseView::new(case(record(), id), &record().baseline_stage);
    let stage = Aspect::Growth(stage.parse().expect("a stage"));
    let values = view.values(Quantity::from(metric), &stage).expect("measured");
    values.into_iter().fold(f64::MIN, f64::max) / FILE
}

#[test]
fn all_workers_of_every_case_complete() {
    for case in &record().cases {
        assert_eq!(
            (case.samples, case.failures.len(), &case.not_run),
            (5, 0, &None),
            "{}: {:?}",
            case.id,
            case.failures
        );
    }
}

#[test]
fn lazy_and_eager_tapes_stay_within_their_memory_targets() {
    let lazy = growth("tape-lazy/input=map", Metric::HeapLive, "walked");
    let eager = growth("tape-eager/input=map", Metric::HeapLive, "walked");
    assert!(lazy <= 0.45, "{lazy:.3}x");
    assert!(eager <= 0.65, "{eager:.3}x");
}

#[test]
fn a_sliding_window_never_keeps_the_whole_file_in_memory() {
    for input in ["read-window", "map-window"] {
        let peak = growth(&format!("tape-lazy/input={input}"), Metric::Peak, "walked");
        assert!(peak <= 0.55, "{input}: {peak:.3}x");
    }
    let whole = growth("tape-lazy/input=map", Metric::Peak, "walked");
    assert!(whole > 1.3, "a mapping without a window counts: {whole:.3}x");
}

/// The file of the libfyaml report has 290,689 scalars at the same size. With longer texts, a file takes less memory.
#[test]
fn repeat_has_at_least_as_many_scalars_as_the_reported_file() {
    let view = CaseView::new(case(record(), "tape-lazy/input=map"), &record().baseline_stage);
    let walked = Aspect::Level("walked".parse().expect("a stage"));
    let scalars = view.values("figure.scalars".parse::<Quantity>().expect("a figure"), &walked).expect("counted");
    assert!(scalars.iter().all(|scalars| (290_689.0..330_000.0).contains(scalars)), "{scalars:?}");
}

#[test]
fn the_tape_survives_every_hostile_input() {
    let record = measure("^yaml-parse/hostile/parser=tape-");
    assert_eq!(record.cases.len(), 3);
    for case in &record.cases {
        assert_eq!(case.notes.len(), 18, "{}", case.id);
        for (input, outcomes) in &case.notes {
            let fine = |outcome: &String| !outcome.starts_with("crash") && !outcome.starts_with("timeout");
            assert!(outcomes.iter().all(fine), "{} {input}: {outcomes:?}", case.id);
        }
    }
}

#[test]
fn repeated_parsing_does_not_leak() {
    let view = CaseView::new(case(record(), "again/parser=tape-lazy"), &record().baseline_stage);
    for metric in [Metric::AnonMapped, Metric::HeapLive] {
        let slopes = view.values(Quantity::from(metric), &Aspect::Slope("done".to_owned())).expect("measured");
        assert!(slopes.iter().all(|slope| *slope == 0.0), "{metric} per document: {slopes:?}");
    }
}

/// Compares the lazy tape with its variant of sixteen-byte words.
#[test]
fn the_gate_fails_when_a_node_grows_from_8_to_16_bytes() {
    let id: CaseId = "yaml-parse/tape-lazy/input=map".parse().expect("an id");
    let narrow = Record { cases: vec![case(record(), "tape-lazy/input=map").clone()], ..record().clone() };
    let wide = CaseRecord { id: id.clone(), ..case(record(), "tape-lazy-wide/input=map").clone() };
    let wide = Record { cases: vec![wide], ..record().clone() };

    let same = compare_runs(&narrow, &narrow, &Policy::default());
    assert!(same.verdicts.iter().all(|verdict| !verdict.fails()), "an unchanged run passes");

    let verdicts = compare_runs(&narrow, &wide, &Policy::default()).verdicts;
    let red = verdicts.iter().filter(|verdict| verdict.kind == Kind::Regressed && verdict.fails());
    let heap = red.filter_map(|verdict| verdict.subject.as_ref()).find(|subject| {
        subject.quantity == Metric::HeapLive.into()
            && subject.aspect == Aspect::Growth("walked".parse().expect("a stage"))
    });
    let heap = heap.expect("the growth of heap bytes is gated");
    let more = (heap.run - heap.baseline.expect("known")) / FILE;
    assert!((0.35..0.5).contains(&more), "{more:.3}x more");
}

#[test]
fn the_measured_process_links_neither_report_nor_command_line() {
    let worker = Path::new(env!("CARGO_BIN_EXE_yaml-parse-worker"));
    linked::assert_measured_only(worker, Path::new(env!("CARGO_BIN_EXE_yaml-parse")));
}
