//! Runs the family as a user would and tests what its records show of the strategies, and that the gate fails
//! when a commit leaves one page uncommitted or a reset leaves one byte.

#[path = "../../../harness/cli/tests/common/linked.rs"]
mod linked;

use std::{path::Path, process::Command, sync::OnceLock};

use highwater_judge::{Kind, Policy, compare_runs};
use highwater_model::{CaseRecord, Decision, Quantity, Record, Series};
use highwater_store::read_record;

const PAGE: u64 = 4096;

/// Measures each selected case with two workers.
fn measure(filter: &str) -> Record {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_forced-commit"))
        .env("HIGHWATER_TARGET_DIR", folder.path())
        .args(["--bench", "--memory-only", "--samples", "2", filter])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read_record(&folder.path().join("highwater/forced-commit.json")).expect("a record")
}

/// Small cases of every kind, measured once for all tests.
fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| {
        measure(concat!(
            "commit/how=(static-maximum|two-pass|populate-chunks|touch-wasm-pages|will-need),host=warm,size=256m",
            "|jobs/how=(tracked|zero-all|reinstantiate),pages=4k",
            "|limit/by=.*,how=(guarded|populate|declared-minimum),limit=512m|guarded/",
        ))
    })
}

fn case(id: &str) -> &'static CaseRecord {
    record().case(&format!("forced-commit/{id}")).expect("in the record")
}

fn figure(name: &str) -> Quantity {
    format!("figure.{name}").parse().expect("a figure")
}

/// The value of a figure at a stage, which must be the same in all workers.
fn value_of(case: &CaseRecord, stage: &str, name: &str) -> u64 {
    let columns = case.stage(&stage.parse().expect("a stage")).expect("reached");
    match columns.memory.get(&figure(name)) {
        Some(Series::Same(value)) => *value,
        other => panic!("{} at {stage}: {name} is {other:?}", case.id),
    }
}

/// Whether a case could not run here. Prints the reason, since a test cannot be reported as `not run`.
fn not_run(case: &CaseRecord) -> bool {
    if let Some(reason) = &case.not_run {
        eprintln!("{} skipped: {reason}", case.id);
    }
    case.not_run.is_some()
}

/// The project's own policy.
fn rules() -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../baselines/policy.toml");
    Policy::read(&path).expect("a policy")
}

#[test]
fn no_worker_dies_even_if_its_child_is_killed() {
    for case in &record().cases {
        assert!(
            case.failures.is_empty() && (case.samples == 2 || case.not_run.is_some()),
            "{}: {:?}",
            case.id,
            case.failures
        );
    }
}

#[test]
fn commits_are_reported_to_the_page_and_wipes_to_the_byte() {
    // Strategy, uncommitted bytes, unclean bytes.
    for (how, uncommitted, unclean) in [
        ("two-pass", 0, 50),
        ("populate-chunks", 0, 0),
        ("touch-wasm-pages", (256 << 20) * 15 / 16, 0),
        ("will-need", 256 << 20, 0),
    ] {
        let case = case(&format!("commit/how={how},host=warm,size=256m"));
        if !not_run(case) {
            assert_eq!(value_of(case, "checked", "uncommitted_bytes"), uncommitted, "{how}");
            assert_eq!(value_of(case, "compared", "unclean_bytes"), unclean, "{how}");
        }
    }
}

#[test]
fn clean_resets_give_right_batches_and_zeroing_wrong_ones() {
    for (how, wrong) in [("tracked", 0), ("reinstantiate", 0), ("zero-all", 99)] {
        let case = case(&format!("jobs/how={how},pages=4k,size=256m"));
        if !not_run(case) {
            assert_eq!(value_of(case, "jobs", "wrong_batches"), wrong, "{how}");
        }
    }
}

#[test]
fn too_little_memory_is_an_error_only_with_the_guard() {
    for (how, killed, noticed) in [
        ("guarded", 0, "while committing"),
        ("populate", 1, "while committing"),
        ("declared-minimum", 1, "in the first job"),
    ] {
        let case = case(&format!("limit/by=cgroup,how={how},limit=512m,size=1g"));
        if !not_run(case) {
            assert_eq!(
                (value_of(case, "tried", "killed"), value_of(case, "tried", "refused")),
                (killed, 1 - killed),
                "{how}"
            );
            assert_eq!(value_of(case, "tried", "oom_kills"), killed, "{how}");
            assert_eq!(case.notes["noticed"], [noticed], "{how}");
        }
    }
    let case = case("limit/by=rlimit-data,how=guarded,limit=512m,size=1g");
    assert_eq!((value_of(case, "tried", "refused"), case.notes["noticed"][0].as_str()), (1, "at instantiation"));
}

/// Runs in a cgroup of 512 MiB; without the rights to create one, the case is `not run`.
#[test]
fn twenty_refusals_keep_nothing_and_a_smaller_request_succeeds() {
    let case = case("guarded/limit=512m,size=1g");
    if !not_run(case) {
        let at_refused = ["refusals", "kept_bytes", "oom_kills"].map(|name| value_of(case, "refused", name));
        assert_eq!(at_refused, [20, 0, 0]);
        assert_eq!(value_of(case, "served", "uncommitted_bytes"), 0);
        let columns = case.stage(&"refused".parse().expect("a stage")).expect("reached");
        let slowest = columns.values(figure("slowest_ns"), case.samples).expect("reported");
        assert!(slowest.iter().all(|ns| *ns < 1_000_000_000), "{slowest:?}");
    }
}

#[test]
fn one_uncommitted_page_or_unclean_byte_fails_the_gate() {
    let policy = rules();
    // Case, stage, figure, and the amount added to it. tests/commit.rs and tests/reset.rs check that the
    // figures themselves are right.
    for (id, stage, name, more) in [
        ("commit/how=populate-chunks,host=warm,size=256m", "checked", "uncommitted_bytes", PAGE),
        ("commit/how=populate-chunks,host=warm,size=256m", "compared", "unclean_bytes", 1),
        ("jobs/how=tracked,pages=4k,size=256m", "jobs", "uncommitted_bytes", PAGE),
        ("jobs/how=tracked,pages=4k,size=256m", "jobs", "wrong_batches", 1),
    ] {
        let id = format!("forced-commit/{id}");
        if not_run(record().case(&id).expect("in the record")) {
            continue;
        }
        let mut run = record().clone();
        let case = run.cases.iter_mut().find(|case| case.id.as_str() == id).expect("in the record");
        let columns = case.stages.iter_mut().find(|columns| columns.stage.to_string() == stage).expect("reached");
        columns.memory.insert(figure(name), Series::Same(more));
        let comparison = compare_runs(record(), &run, &policy);
        let red: Vec<_> = comparison.verdicts.iter().filter(|verdict| verdict.fails()).collect();
        let [verdict] = red.as_slice() else { panic!("{id}: {name}: {red:#?}") };
        assert_eq!((verdict.kind, verdict.case.as_str()), (Kind::Regressed, id.as_str()));
    }
    let same = compare_runs(record(), record(), &policy);
    assert!(same.verdicts.iter().all(|verdict| !verdict.fails()));
}

#[test]
fn claims_are_undecided_without_their_cases() {
    let decision = |id: &str| record().claims.iter().find(|claim| claim.id == id).expect("a claim").decision;
    for id in
        ["static-maximum-pre-allocates", "first-pass-forces-pages", "willneed-helps", "reset-is-50-to-500-times-faster"]
    {
        assert_eq!(decision(id), Decision::Refuted, "{id}");
    }
    assert_eq!(decision("commits-at-the-limit"), Decision::Undecided);
}

#[test]
fn the_measured_process_links_neither_report_nor_command_line() {
    let worker = Path::new(env!("CARGO_BIN_EXE_forced-commit-worker"));
    linked::assert_measured_only(worker, Path::new(env!("CARGO_BIN_EXE_forced-commit")));
}
