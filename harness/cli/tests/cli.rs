//! What people and machines read: the tables and texts as snapshots, from a record made by hand that
//! is the same on every machine; the JSON schema as committed; the help page.

mod common;

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    process::{Command, Stdio},
};

use common::{add_per_unit, blessed_baseline, highwater, page_more_on_the_heap, record, run};
use highwater_judge::{Ceilings, Comparison, NoBaseline, Policy, Search, capacity, compare_family};
use highwater_model::{
    Baseline, Bytes, CaseRecord, Death, Metric, Outcome, Record, Series, TimeEstimate, WorkerOption, exit,
};
use highwater_report::{self as report, CapacityReport, CaseCapacity, FamilyCapacity, Verified};
use highwater_store::write_record;

/// Tables wrap to the terminal. On one, the test runs itself again with its output elsewhere.
fn away_from_terminals(name: &str, test: impl FnOnce()) {
    if std::io::stdout().is_terminal() {
        let own = std::env::current_exe().expect("this test");
        let status = Command::new(own).args(["--exact", name]).stdout(Stdio::null()).status();
        assert!(status.expect("started").success(), "see above");
    } else {
        test();
    }
}

fn blessed(record: &Record) -> Baseline {
    blessed_baseline(record, "first measurement")
}

/// A run with a death, a refusal, an estimate of criterion's and an injection in it.
fn eventful() -> Record {
    let mut record = record();
    record.selection.worker_options.set(WorkerOption::Inject, 4096);
    record.cases[0].time = BTreeMap::from([(
        "fill".to_owned(),
        TimeEstimate { estimator: "slope".into(), ns: 1234.5, low_ns: 1230.0, high_ns: 1240.0, confidence: 0.95 },
    )]);
    record.cases[1].died.push(Death {
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
    report::comparison_text(&Comparison { families, ..Comparison::default() })
}

#[test]
fn the_table_of_a_run() {
    away_from_terminals("the_table_of_a_run", || insta::assert_snapshot!(report::run_table(&record())));
}

#[test]
fn the_table_of_a_run_in_which_something_happened() {
    away_from_terminals("the_table_of_a_run_in_which_something_happened", || {
        insta::assert_snapshot!(report::run_table(&eventful()));
    });
}

/// Figures at every rung of a ladder, and many routines: rows, not columns.
#[test]
fn what_is_reported_rung_by_rung_keeps_the_tables_narrow() {
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
    away_from_terminals("what_is_reported_rung_by_rung_keeps_the_tables_narrow", || {
        let text = report::run_table(&run);
        assert!(text.lines().all(|line| line.chars().count() <= 160), "{text}");
        insta::assert_snapshot!(text);
    });
}

/// The cases of a record as `capacity` tells them, on a machine that is the same everywhere: the first is
/// put to the test and holds, the second is not, the third cannot be.
fn capacities() -> CapacityReport {
    let record = eventful();
    let gib = 1 << 30;
    let ceilings = Ceilings {
        memory: Bytes(gib * 8 / 10),
        max_map_count: 65_530,
        address_space: Bytes((1 << 47) - 4096),
        bytes_per_mapping: 200,
    };
    let told = |case: &CaseRecord| capacity(case, &record.reference, 4096, &ceilings);
    let mut verified = ["out of memory", "killed\u{1b}[2J"].into_iter().enumerate().map(|(index, ended)| {
        let mut search = Search::around(12_000);
        search.found(12_000 - 3000 * index as u64, true);
        search.found(12_120 - 3000 * index as u64, false);
        Verified::Found(search.verification(Some(ended.to_owned())))
    });
    let cases = record.cases.iter().map(|case| CaseCapacity {
        id: case.id.clone(),
        told: told(case),
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
fn the_table_of_what_fits() {
    away_from_terminals("the_table_of_what_fits", || insta::assert_snapshot!(report::capacity_table(&capacities())));
}

#[test]
fn what_fits_as_json() {
    insta::assert_snapshot!(report::capacity_json(&capacities()));
}

#[test]
fn the_table_of_exactness() {
    away_from_terminals("the_table_of_exactness", || {
        insta::assert_snapshot!(report::exactness_table(&record(), &[Metric::Anon, Metric::Vmas, Metric::Swap]));
    });
}

#[test]
fn the_text_of_a_comparison_that_holds() {
    insta::assert_snapshot!(compared(&blessed(&record()), &record()));
}

#[test]
fn the_text_of_a_comparison_with_a_regression_an_improvement_a_death_and_new_and_missing_cases() {
    let (mut before, mut now) = (record(), eventful());
    now.fingerprint.context.insert("kernel".into(), "6.19.0".into());
    page_more_on_the_heap(&mut now.cases[0]);
    for quantity in ["anon_mapped", "anon.linear_memory"] {
        add_per_unit(&mut before.cases[1], quantity, 65_536);
    }
    before.cases.push(CaseRecord { id: "toy/gone".parse().expect("an id"), ..before.cases[0].clone() });
    now.cases.push(CaseRecord { id: "toy/young".parse().expect("an id"), ..now.cases[0].clone() });
    // What was not run for the reason of another case is told with it.
    let reason = now.cases[2].not_run.clone().expect("not run");
    now.cases.push(CaseRecord::not_run("toy/oom/limit=64m".parse().expect("an id"), reason));
    insta::assert_snapshot!(compared(&blessed(&before), &now));
}

#[test]
fn the_text_of_a_comparison_across_aslr() {
    let (before, mut now) = (blessed(&record()), record());
    now.fingerprint.class = now.fingerprint.class.with_other_aslr();
    insta::assert_snapshot!(compared(&before, &now));
}

#[test]
fn the_text_of_a_comparison_without_a_baseline() {
    let record = record();
    let class = record.fingerprint.class;
    let others = vec!["linux-aarch64-16k-thp_always-musl-aslr_on".parse().expect("a class")];
    let absent = NoBaseline { family: record.family, class, other_classes: others };
    let comparison = Comparison { without_baseline: vec![absent], ..Comparison::default() };
    insta::assert_snapshot!(report::comparison_text(&comparison));
}

#[test]
fn the_schema_of_records_is_the_committed_one() {
    let text = run(highwater(&["schema"]), exit::HELD.into());
    let committed = include_str!("../schema/record-v1.json");
    assert_eq!(text.stdout, committed, "to accept: highwater schema > harness/cli/schema/record-v1.json");
}

#[test]
fn written_records_are_valid_by_the_schema_and_damaged_ones_are_not() {
    let schema = serde_json::from_str(include_str!("../schema/record-v1.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let folder = tempfile::tempdir().expect("a folder");
    for record in [record(), eventful()] {
        let path = folder.path().join("toy.json");
        write_record(&path, &record).expect("written");
        assert_eq!(highwater_store::read_record(&path).expect("a record"), record);

        let text = std::fs::read_to_string(&path).expect("read");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let complaints: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert_eq!(complaints, Vec::<String>::new());

        json["cases"][0]["samples"] = "five".into();
        assert!(!validator.is_valid(&json));
    }
}

#[test]
fn what_is_measured_is_valid_by_the_schema() {
    let schema = serde_json::from_str(include_str!("../schema/record-v1.json")).expect("JSON");
    let desk = common::Desk::new();
    let mut bench = desk.bench(&["--memory-only", "--samples", "2", "heap|how=(exit|hang|skips)"]);
    bench.env("TOY_ALL", "1");
    run(bench, 0);
    let text = std::fs::read_to_string(desk.record_path()).expect("a record");
    let json = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let complaints: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn the_help_page_lists_the_subcommands_and_the_exit_statuses() {
    let text = run(highwater(&["--help"]), exit::HELD.into());
    for subcommand in ["compare", "bless", "exactness", "doctor", "report", "schema"] {
        assert!(text.stdout.lines().any(|line| line.trim_start().starts_with(subcommand)), "{}", text.stdout);
    }
    let words = text.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for status in ["0 passed", "1 internal error", "2 usage error", "3 regression", "4 no baseline"] {
        assert!(words.contains(status), "{status}");
    }
}

#[test]
fn the_version_is_the_crates() {
    let text = run(highwater(&["--version"]), exit::HELD.into());
    assert_eq!(text.stdout, concat!("highwater ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_subcommand_that_is_none_is_refused() {
    for args in [&[][..], &["measure"], &["compare", "--nope"]] {
        let text = run(highwater(args), exit::USAGE.into());
        assert_eq!(text.stdout, "");
    }
}
