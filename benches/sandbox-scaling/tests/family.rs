//! Runs the family as a user would and tests what its records show of wasmtime, and that the gate fails when
//! each sandbox takes 16 bytes more.

mod common;

#[path = "../../../harness/cli/tests/common/linked.rs"]
mod linked;

use std::{collections::BTreeSet, path::Path, sync::OnceLock};

use common::case;
use highwater_judge::{Aspect, CaseView, Kind, Policy, compare_runs};
use highwater_model::{Baseline, Category, Metric, Quantity, Record};
use highwater_store::read_baseline;

const PAGE: f64 = 4096.0;

/// Five workers of each selected case, with a short ladder.
const SHORT: [&str; 4] = ["--samples", "5", "--ladder", "1,4,16"];

fn measure(args: &[&str]) -> Record {
    common::measure(&[&SHORT, args].concat())
}

/// The four strategies with the three core guests, measured once for all tests.
fn whole() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| measure(&["/(on-demand|pooling)/cow=(on|off),guest=(tiny|toucher|image)$"]))
}

/// The slope over a ladder, which must be the same in all workers.
fn slope(record: &Record, id: &str, quantity: impl Into<Quantity>, ladder: &str) -> f64 {
    let view = CaseView::new(case(record, id), &record.baseline_stage);
    let slopes = view.values(quantity, &Aspect::Slope(ladder.to_owned())).expect("measured");
    assert!(slopes.iter().all(|slope| slope == &slopes[0]), "{id}: {slopes:?}");
    slopes[0]
}

#[test]
fn ids_are_unique_and_include_those_of_the_baselines() {
    let ids: Vec<String> = sandbox_scaling::family().cases.iter().map(|case| case.id().to_string()).collect();
    let unique: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), ids.len());
    let baselines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../baselines");
    let classes = baselines.read_dir().expect("there").flatten().map(|class| class.path().join("sandbox-scaling.txt"));
    let blessed: Vec<Baseline> =
        classes.filter(|path| path.is_file()).map(|path| read_baseline(&path).expect("a baseline")).collect();
    assert!(!blessed.is_empty());
    for id in blessed.iter().flat_map(|baseline| baseline.cases.keys()) {
        assert!(unique.contains(id.as_str()), "{id} has a baseline and is no longer a case");
    }
}

#[test]
fn every_case_completes_with_all_workers() {
    assert_eq!(whole().cases.len(), 12);
    for case in &whole().cases {
        assert_eq!((case.samples, case.failures.len(), &case.not_run), (5, 0, &None), "{}", case.id);
        let stages: Vec<String> = case.stages.iter().map(|columns| columns.stage.to_string()).collect();
        let expected = [
            "start",
            "engine",
            "loaded",
            "live@1",
            "live@4",
            "live@16",
            "called@1",
            "called@4",
            "called@16",
            "dropped",
            "trimmed",
            "end",
        ];
        assert_eq!(stages, expected);
    }
}

#[test]
fn a_call_costs_only_the_pages_that_the_guest_writes() {
    for strategy in ["on-demand/cow=on", "on-demand/cow=off", "pooling/cow=on", "pooling/cow=off"] {
        assert_eq!(slope(whole(), &format!("{strategy},guest=tiny"), Metric::AnonMapped, "called"), 0.0);
        let toucher = format!("{strategy},guest=toucher");
        assert_eq!(slope(whole(), &toucher, Metric::AnonMapped, "called"), 16.0 * PAGE);
    }
}

#[test]
fn copy_on_write_charges_only_the_pages_written() {
    for allocation in ["on-demand", "pooling"] {
        let on = format!("{allocation}/cow=on,guest=image");
        let off = format!("{allocation}/cow=off,guest=image");
        let live = [Metric::AnonMapped, Metric::HeapLive].map(|metric| slope(whole(), &on, metric, "live"));
        assert!(live.iter().sum::<f64>() < 2.0 * PAGE, "{live:?}");
        let written = Quantity::Within(Metric::Anon, Category::CowImage);
        assert_eq!(slope(whole(), &on, written, "called"), 16.0 * PAGE);
        // Without copy-on-write every sandbox has its own 10 MiB before it has run at all.
        let own = Quantity::Within(Metric::Anon, Category::LinearMemory);
        assert_eq!(slope(whole(), &off, own, "live"), (10 << 20) as f64);
        assert_eq!(slope(whole(), &off, Metric::AnonMapped, "called"), 0.0);
    }
}

#[test]
fn dropping_on_demand_sandboxes_unmaps_their_memory() {
    for guest in ["tiny", "toucher", "image"] {
        let case = case(whole(), &format!("on-demand/cow=on,guest={guest}"));
        let at = |stage: &str| {
            let columns = case.stage(&stage.parse().expect("a stage")).expect("reached");
            columns.values(Quantity::Within(Metric::Vmas, Category::LinearMemory), 5).expect("read")[0]
        };
        assert_eq!((at("live@16"), at("dropped")), (16, 0), "{guest}");
    }
}

#[test]
fn the_gate_passes_a_rerun_and_fails_16_bytes_per_sandbox() {
    let filter = "on-demand/cow=on,guest=tiny$";
    let judged = |args: &[&str]| compare_runs(whole(), &measure(args), &Policy::default()).verdicts;

    let same = judged(&[filter]);
    let moved: Vec<_> = same.iter().filter(|verdict| verdict.gated && verdict.kind != Kind::Same).collect();
    assert!(moved.is_empty(), "{moved:#?}");

    let injected = judged(&[filter, "--inject", "16"]);
    let slope = injected.iter().find_map(|verdict| {
        let subject = verdict.subject.as_ref()?;
        let is_slope = subject.aspect == Aspect::Slope("live".into()) && subject.quantity == Metric::HeapLive.into();
        is_slope.then_some((verdict, subject))
    });
    let (verdict, subject) = slope.expect("judged");
    assert_eq!((verdict.kind, verdict.fails()), (Kind::Regressed, true));
    assert!(verdict.sentence.contains("(+16 B per sandbox)"), "{}", verdict.sentence);
    assert_eq!(subject.run - subject.baseline.expect("known"), 16.0);
}

/// A truncated or altered precompiled guest is compiled again, not mapped.
#[test]
fn a_broken_cache_entry_is_rebuilt_before_it_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = || common::run(folder.path(), &[&SHORT[..], &["on-demand/cow=on,guest=tiny$"]].concat());
    run();
    let cache = folder.path().join("highwater/cache");
    let entries = cache.read_dir().expect("made").flatten().map(|entry| entry.path());
    let path = entries.into_iter().find(|path| path.extension().is_some_and(|e| e == "cwasm")).expect("one entry");
    let whole = std::fs::read(&path).expect("readable");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
    run();
    assert_eq!(std::fs::read(&path).expect("readable"), whole);
}

#[test]
fn the_measured_process_links_neither_report_nor_command_line() {
    let worker = Path::new(env!("CARGO_BIN_EXE_sandbox-scaling-worker"));
    linked::assert_measured_only(worker, Path::new(env!("CARGO_BIN_EXE_sandbox-scaling")));
}
