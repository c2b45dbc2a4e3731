//! Output for people and programs: snapshots of tables and texts from a handmade record that is the same on every
//! machine, the committed JSON schema, and the help.

mod common;

use std::collections::BTreeMap;

use common::{add_per_unit, blessed_baseline, highwater, page_more_on_the_heap, pty::marked, record, run, site};
use highwater_judge::{Ceilings, Comparison, NoBaseline, Policy, Search, capacity, compare_family};
use highwater_model::{
    Baseline, Bytes, CaseRecord, ClaimRecord, Decision, Failure, Metric, Outcome, Record, Series, TimeEstimate,
    WorkerOption, exit,
};
use highwater_report::{
    self as report, CapacityReport, CaseCapacity, FamilyCapacity, Reference, RunView, TimeChange, TimeChanges,
    Verified,
    terminal::{columns, wrapped},
};
use highwater_store::write_record;

fn blessed(record: &Record) -> Baseline {
    blessed_baseline(record, "first measurement")
}

/// A run with a failed worker, a case that was not run, an estimate of criterion and an injection.
fn eventful() -> Record {
    let mut record = record();
    record.selection.worker_options.set(WorkerOption::Inject, 4096);
    record.cases[0].time = BTreeMap::from([(
        "fill".to_owned(),
        TimeEstimate { estimator: "slope".into(), ns: 1234.5, low_ns: 1230.0, high_ns: 1240.0, confidence: 0.95 },
    )]);
    record.cases[1].failures.push(Failure {
        outcome: Outcome::TimedOut { limit_ms: 300 },
        last_stage: Some("live@1".parse().expect("a stage")),
        output_tail: "still trying\nand trying".into(),
    });
    let id = "toy/oom/limit=32m".parse().expect("an id");
    record.cases.push(CaseRecord::not_run(id, "no memory cgroup can be made here".into()));
    record
}

fn compared(baseline: &Baseline, run: &Record) -> String {
    let families = vec![compare_family(baseline, run, &Policy::default())];
    marked(&report::comparison_text(&Comparison { families, ..Comparison::default() }, false))
}

#[test]
fn the_table_of_a_run() {
    let mut runs = vec![("plain", record()), ("eventful", eventful())];
    // More groups, parameters and text than fit.
    let mut wide = eventful();
    let more = ["pooling/cow=on,guest=cpython-pre,threads=2", "pooling/cow=off,guest=image", "on-demand/guest=tiny"];
    for (index, id) in more.into_iter().enumerate() {
        let case = CaseRecord { id: format!("toy/{id}").parse().expect("an id"), ..wide.cases[index % 2].clone() };
        wide.cases.push(case);
    }
    wide.claims = [Decision::Confirmed, Decision::Refuted, Decision::Undecided].map(claim).into();
    runs.push(("wide", wide));
    for (name, run) in runs {
        let of = |width, is_verbose| {
            let text = report::run_text(&run, None, None, RunView { width: Some(width), is_verbose });
            let widest = text.lines().map(columns).max();
            assert!(is_verbose || widest <= Some(width), "{width}:\n{text}");
            format!("== {width} columns{}\n{}", if is_verbose { ", verbose" } else { "" }, marked(&text))
        };
        let texts = [of(80, false), of(100, false), of(160, false), of(80, true)];
        insta::assert_snapshot!(format!("run_{name}"), texts.join("\n"));
    }
}

/// What a run is compared with precedes its tables.
#[test]
fn the_answer_and_the_changes_come_first() {
    let (before, mut now) = (blessed(&record()), record());
    page_more_on_the_heap(&mut now.cases[0]);
    let comparison = compare_family(&before, &now, &Policy::default());
    let change = |benchmark: &str, change: f64| TimeChange {
        benchmark: benchmark.to_owned(),
        change,
        low: change - 0.01,
        high: change + 0.01,
    };
    let changes = vec![change("toy/heap/size=64k/fill", 0.25), change("toy/mapped/pages=4/fill", 0.0)];
    let times = TimeChanges { since: "the previous run".into(), noise: 0.01, changes };
    let against = Reference { name: "the baseline of 2026-07-01", comparison: &comparison };
    let view = RunView { width: Some(100), is_verbose: false };
    insta::assert_snapshot!(marked(&report::run_text(&now, Some(against), Some(&times), view)));
    let unchanged = compare_family(&before, &record(), &Policy::default());
    let against = Reference { name: "the baseline of 2026-07-01", comparison: &unchanged };
    let text = marked(&report::run_text(&record(), Some(against), None, view));
    assert!(text.contains("⟨green⟩no regression⟨/⟩ in "), "{text}");
}

#[test]
fn a_family_with_many_answers_has_ten_lines_of_them() {
    for record in site::families() {
        for width in [80, 100, 160] {
            let text = report::run_text(&record, None, None, RunView { width: Some(width), is_verbose: false });
            let widest = text.lines().map(columns).max();
            assert!(widest <= Some(width), "{}: {widest:?} at {width}", record.family);
            let lines: Vec<&str> = text.lines().skip(1).take_while(|line| line.starts_with("  ")).collect();
            let question = &record.questions[0];
            assert!(lines.len() <= 10 && lines[0].contains(&question.title), "{}: {lines:?}", record.family);
        }
    }
}

fn claim(decision: Decision) -> ClaimRecord {
    ClaimRecord {
        id: format!("it-is-{decision}"),
        statement: "the second of two buffers costs what the first one cost, whatever the allocator does".into(),
        source: "a page".into(),
        refuted_if: "it costs more".into(),
        decision,
        figures: "64 KiB for the first one and 64 KiB for the second one, in each of 5 workers of heap/size=64k".into(),
        rests_on: Vec::new(),
    }
}

/// Figures at every rung of a ladder and many routines are rows instead of columns.
#[test]
fn figures_at_every_rung_keep_the_tables_narrow() {
    let mut run = eventful();
    for (index, name) in ["added_ns", "uncommitted_bytes", "wrong_state", "oom_kills"].into_iter().enumerate() {
        let figure = format!("figure.{name}").parse().expect("a figure");
        let rungs = run.cases[0].stages.iter_mut().filter(|columns| columns.stage.scale().is_some());
        for (rung, columns) in rungs.enumerate() {
            columns.memory.insert(figure, Series::Same(((index + 1) * (rung + 1) * 4096) as u64));
        }
    }
    for routine in ["copy", "drain", "fill-in-place", "fill-reversed"] {
        let time = run.cases[0].time["fill"].clone();
        run.cases[0].time.insert(routine.into(), time);
    }
    {
        let text = report::run_text(&run, None, None, RunView { width: Some(100), is_verbose: false });
        assert!(text.lines().all(|line| columns(line) <= 100), "{text}");
        insta::assert_snapshot!(marked(&text));
    }
}

/// The capacity of the cases of a record with fixed machine limits. The prediction of the first is verified as accurate
/// and that of the second as wrong; the third cannot run.
fn capacities() -> CapacityReport {
    let record = eventful();
    let gib = 1 << 30;
    let ceilings = Ceilings {
        memory: Bytes(gib * 8 / 10),
        max_map_count: 65_530,
        address_space: Bytes((1 << 47) - 4096),
        bytes_per_mapping: 200,
    };
    let predict = |case: &CaseRecord| capacity(case, &record.baseline_stage, 4096, &ceilings);
    let mut verified = ["out of memory", "killed\u{1b}[2J"].into_iter().enumerate().map(|(index, ended)| {
        let mut search = Search::around(12_000);
        search.found(12_000 - 3000 * index as u64, true);
        search.found(12_120 - 3000 * index as u64, false);
        Verified::Found(search.verification(Some(ended.to_owned())))
    });
    let cases = record.cases.iter().map(|case| CaseCapacity {
        id: case.id.clone(),
        prediction: predict(case),
        verified: Some(verified.next().unwrap_or_else(|| Verified::NotRun("no rights".to_owned()))),
    });
    let family = FamilyCapacity {
        family: record.family.clone(),
        class: record.fingerprint.class.clone(),
        unit: record.unit.clone(),
        cases: cases.collect(),
    };
    CapacityReport { memory: Bytes(gib), reserve_percent: 20.0, ceilings, families: vec![family] }
}

#[test]
fn the_capacity_table() {
    let texts = [80, 100, 160].map(|width| {
        let text = report::capacity_table(&capacities(), Some(width));
        format!("== {width} columns\n{}", marked(&wrapped(&text, Some(width))))
    });
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn the_capacity_as_json() {
    insta::assert_snapshot!(report::capacity_json(&capacities()));
}

#[test]
fn the_table_of_exactness() {
    let metrics = [Metric::Anon, Metric::Vmas, Metric::Swap];
    insta::assert_snapshot!(marked(&report::exactness_table(&record(), &metrics, None)));
}

#[test]
fn the_text_of_a_comparison_that_passes() {
    insta::assert_snapshot!(compared(&blessed(&record()), &record()));
}

#[test]
fn the_text_of_a_comparison_with_findings() {
    let (mut before, mut after) = (record(), eventful());
    after.fingerprint.context.insert("kernel".into(), "6.19.0".into());
    page_more_on_the_heap(&mut after.cases[0]);
    for quantity in ["anon_mapped", "anon.linear_memory"] {
        add_per_unit(&mut before.cases[1], quantity, 65_536);
    }
    before.cases.push(CaseRecord { id: "toy/gone".parse().expect("an id"), ..before.cases[0].clone() });
    after.cases.push(CaseRecord { id: "toy/young".parse().expect("an id"), ..after.cases[0].clone() });
    // Cases that were not run for the same reason share a line.
    let reason = after.cases[2].not_run.clone().expect("not run");
    after.cases.push(CaseRecord::not_run("toy/oom/limit=64m".parse().expect("an id"), reason));
    insta::assert_snapshot!(compared(&blessed(&before), &after));
}

#[test]
fn the_text_of_a_comparison_across_aslr() {
    let (before, mut after) = (blessed(&record()), record());
    after.fingerprint.class = after.fingerprint.class.with_other_aslr();
    insta::assert_snapshot!(compared(&before, &after));
}

#[test]
fn the_text_of_a_comparison_without_a_baseline() {
    let record = record();
    let class = record.fingerprint.class;
    let others = vec!["linux-aarch64-16k-thp_always-musl-aslr_on".parse().expect("a class")];
    let absent = NoBaseline { family: record.family, class, other_classes: others };
    let comparison = Comparison { without_baseline: vec![absent], ..Comparison::default() };
    insta::assert_snapshot!(marked(&report::comparison_text(&comparison, false)));
}

#[test]
fn the_committed_schema_of_records_is_current() {
    let text = run(highwater(&["schema"]), exit::PASSED.into());
    let committed = include_str!("../schema/record-v2.json");
    assert_eq!(text.stdout, committed, "to accept: highwater schema > harness/cli/schema/record-v2.json");
}

#[test]
fn written_records_are_valid_by_the_schema() {
    let schema = serde_json::from_str(include_str!("../schema/record-v2.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let folder = tempfile::tempdir().expect("a folder");
    for record in [record(), eventful()] {
        let path = folder.path().join("toy.json");
        write_record(&path, &record).expect("written");
        assert_eq!(highwater_store::read_record(&path).expect("a record"), record);

        let text = std::fs::read_to_string(&path).expect("read");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());

        json["cases"][0]["samples"] = "five".into();
        assert!(!validator.is_valid(&json));
    }
}

#[test]
fn a_measured_record_is_valid_by_the_schema() {
    let schema = serde_json::from_str(include_str!("../schema/record-v2.json")).expect("JSON");
    let desk = common::Desk::new();
    let mut bench = desk.bench(&["--memory-only", "--samples", "2", "heap|how=(exit|hang|skips)"]);
    bench.env("TOY_ALL", "1");
    run(bench, 0);
    let text = std::fs::read_to_string(desk.record_path()).expect("a record");
    let json = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_help_lists_the_subcommands_and_exit_statuses() {
    let text = run(highwater(&["--help"]), exit::PASSED.into());
    for subcommand in ["compare", "bless", "exactness", "exec", "run", "doctor", "report", "schema"] {
        assert!(text.stdout.lines().any(|line| line.trim_start().starts_with(subcommand)), "{}", text.stdout);
    }
    let words = text.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for status in ["0 passed", "1 internal error", "2 usage error", "3 regression", "4 no baseline"] {
        assert!(words.contains(status), "{status}");
    }
}

#[test]
fn the_version_is_that_of_the_crate() {
    let text = run(highwater(&["--version"]), exit::PASSED.into());
    assert_eq!(text.stdout, concat!("highwater ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn an_unknown_subcommand_is_refused() {
    for args in [&[][..], &["measure"], &["compare", "--nope"]] {
        let text = run(highwater(args), exit::USAGE.into());
        assert_eq!(text.stdout, "");
    }
}
