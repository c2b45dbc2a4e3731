//! End-to-end tests of the family: every case completes, claims are decided as expected, the gate passes an unchanged
//! program and fails when an actor keeps one page more, and nothing is written to the home folder.

#[path = "../../../harness/cli/tests/common/linked.rs"]
mod linked;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use highwater_judge::{Aspect, Kind, Policy, Verdict, compare_runs};
use highwater_model::{Decision, Metric, Record, Series};
use highwater_store::read_record;

fn measure(args: &[&str]) -> Record {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), args);
    read_record(&folder.path().join("highwater/extism-actor.json")).expect("a record")
}

fn run(target: &Path, args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_extism-actor"))
        .env("HIGHWATER_TARGET_DIR", target)
        .env("HOME", target.join("home"))
        .args(["--bench", "--memory-only"])
        .args(args)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn decision(record: &Record, claim: &str) -> (Decision, String) {
    let claim = record.claims.iter().find(|decided| decided.id == claim).expect("a claim");
    (claim.decision, claim.figures.clone())
}

#[test]
fn every_case_completes_and_writes_only_to_the_target_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    // Workers run without HOME. Code that needs a home folder would fall back to the user's entry in the system.
    let home = std::env::home_dir().map(|home| [".cache", ".config"].map(|name| home.join(name)));
    let before = home.as_ref().map(listed);
    run(folder.path(), &["--samples", "1", "--ladder", "1,3"]);
    assert_eq!(home.as_ref().map(listed), before);
    assert!(!folder.path().join("home").exists());
    assert!(folder.path().join("highwater/cache/extism/modules").is_dir(), "the compilation cache is below target");

    let record = read_record(&folder.path().join("highwater/extism-actor.json")).expect("a record");
    assert_eq!(record.cases.len(), 55);
    for case in &record.cases {
        assert_eq!((case.samples, &case.not_run), (1, &None), "{}: {:?}", case.id, case.failures);
    }
    assert!(extism_actor::recommend(&record).contains("Extism minus wasmtime"));
}

/// Lists the entries of both folders.
fn listed(folders: &[PathBuf; 2]) -> BTreeSet<PathBuf> {
    folders
        .iter()
        .flat_map(|folder| folder.read_dir().into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect()
}

#[test]
fn the_leak_test_finds_real_and_injected_leaks_only() {
    let record = measure(&["--samples", "3", "leaks/"]);
    for claim in ["sources-leak", "cures-hold", "drop-frees-leaks"] {
        let (decision, figures) = decision(&record, claim);
        assert_eq!(decision, Decision::Confirmed, "{claim}: {figures}");
    }
    // The guest keeps one page per call, including malloc's eight bytes: 50 pages per window, to within a page.
    let (_, figures) = decision(&record, "sources-leak");
    assert!((leaked_kib(&figures, "keep") - 200.0).abs() <= 4.0, "{figures}");
    // The host keeps one page per call, so the fixed functions leak too.
    let injected = measure(&["--samples", "3", "--inject", "4096", "leaks/"]);
    let (decision, figures) = decision(&injected, "cures-hold");
    assert_eq!(decision, Decision::Refuted, "{figures}");
    assert!((leaked_kib(&figures, "echo") - 200.0).abs() <= 4.0, "{figures}");
}

/// The KiB per window of a function in the text of a claim: `keep 200.1 KiB per window of 50`.
fn leaked_kib(figures: &str, function: &str) -> f64 {
    let text = figures.split(", ").find_map(|figure| figure.strip_prefix(function)?.trim_start().split(' ').next());
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{function} in {figures}"))
}

#[test]
fn claims_on_limits_and_bounds_are_decided() {
    let record = measure(&["--samples", "1", "(limits|bounds)/"]);
    for (claim, expected) in [
        ("limit-is-what-was-asked", Decision::Confirmed),
        ("limit-is-survived", Decision::Confirmed),
        ("bounds-are-checked", Decision::Confirmed),
        ("default-is-16-mib", Decision::Refuted),
        ("limit-holds-a-message", Decision::Refuted),
        ("reset-frees", Decision::Undecided),
    ] {
        let (decision, figures) = decision(&record, claim);
        assert_eq!(decision, expected, "{claim}: {figures}");
    }
}

#[test]
fn reset_keeps_the_memory_of_a_large_message_and_drop_frees_it() {
    let record = measure(&["--samples", "1", "messages/format=raw,size=8m|habits/choice=(input|vec|map)"]);
    for (claim, expected) in [
        ("reset-frees", Decision::Refuted),
        ("re-creation-frees", Decision::Confirmed),
        ("streaming-saves", Decision::Confirmed),
        ("pre-allocation-saves", Decision::Confirmed),
        ("btree-takes-less", Decision::Confirmed),
    ] {
        let (decision, figures) = decision(&record, claim);
        assert_eq!(decision, expected, "{claim}: {figures}");
    }
}

/// The project's policy.
fn rules() -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../baselines/policy.toml");
    Policy::read(&path).expect("a policy")
}

/// Extism's timer thread moves a few pages. One more page per actor exceeds that variation.
#[test]
fn the_gate_passes_a_repeated_run_and_fails_a_page_per_actor() {
    let filter = "scaling/maker=(extism|wasmtime),source=bytes,alloc=on-demand,components=1";
    let measured = |more: &[&str]| {
        let args = ["--samples", "5", "--ladder", "1,10,100", filter];
        measure(&args.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let policy = rules();
    let baseline = measured(&[]);
    let judged = |run: &Record| compare_runs(&baseline, run, &policy).verdicts;

    let same = judged(&measured(&[]));
    assert!(same.iter().filter(|verdict| verdict.gated).count() >= 4, "{same:#?}");
    let red: Vec<_> = same.iter().filter(|verdict| verdict.fails()).collect();
    assert!(red.is_empty(), "{red:#?}");

    let injected = judged(&measured(&["--inject", "4096"]));
    for maker in ["extism", "wasmtime"] {
        let found = injected.iter().find_map(|verdict| {
            let subject = verdict.subject.as_ref()?;
            let is_it = verdict.case.as_str().contains(&format!("maker={maker},"))
                && subject.aspect == Aspect::Slope("live".into())
                && subject.quantity == Metric::HeapLive.into();
            is_it.then_some((verdict, subject))
        });
        let (verdict, subject) = found.expect("judged");
        assert_eq!((verdict.kind, verdict.fails()), (Kind::Regressed, true), "{maker}: {verdict:#?}");
        let more = subject.run - subject.baseline.expect("known");
        assert!((4000.0..4200.0).contains(&more), "{maker}: {more} bytes per actor");
    }
    // The order in which threads map memory changes the count by one or two mappings, which must pass. One more mapping
    // per actor must fail.
    let mapping = |more: fn(u64) -> u64| {
        let mut run = baseline.clone();
        let case = run.cases.iter_mut().find(|case| case.id.as_str().contains("maker=extism,")).expect("measured");
        for columns in case.stages.iter_mut().filter(|columns| columns.stage.name() == "live") {
            let mappings = columns.values(Metric::Vmas, case.samples).expect("read");
            let more = more(columns.stage.scale().expect("a rung").0.into());
            let mappings = mappings.into_iter().map(|mappings| mappings + more).collect();
            columns.memory.insert(Metric::Vmas.into(), Series::Each(mappings));
        }
        judged(&run).into_iter().filter(Verdict::fails).collect::<Vec<_>>()
    };
    assert!(mapping(|_| 2).is_empty());
    let red = mapping(|actors| actors);
    assert!(
        red.iter().any(|verdict| verdict
            .subject
            .as_ref()
            .is_some_and(|subject| subject.aspect == Aspect::Slope("live".into()))),
        "{red:#?}"
    );
}

#[test]
fn the_measured_process_links_neither_report_nor_command_line() {
    let worker = Path::new(env!("CARGO_BIN_EXE_extism-actor-worker"));
    linked::assert_measured_only(worker, Path::new(env!("CARGO_BIN_EXE_extism-actor")));
}
