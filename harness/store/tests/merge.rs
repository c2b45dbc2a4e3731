//! The parts of a run are merged into the record of the whole run, whatever their order, and what is not a part of it is
//! refused.

use std::collections::BTreeMap;

use highwater_model::{
    CaseId, CaseRecord, Control, ControlState, Fingerprint, Outcome, Part, Partition, PartitionKind, Reading, Record,
    SCHEMA_VERSION, Sample, Selection, Snapshot, WorkerOption,
};
use highwater_store::{Absent, PartRecord, merge, write_record};
use proptest::prelude::*;

const RUN: &str = "merged-1";

fn case(number: usize) -> CaseRecord {
    let reading = Reading {
        stage: "loaded".parse().expect("a stage"),
        wall_ns: number as u64,
        cpu_ns: 1,
        snapshot: Snapshot::default(),
    };
    let sample = Sample {
        readings: vec![reading],
        timeline: None,
        outcome: Outcome::Completed,
        lifetime_ns: 1,
        notes: Vec::new(),
        output_tail: String::new(),
    };
    // The order of the ids is not that of the family.
    let id = format!("toy/case/number={}", 100 - number).parse().expect("an id");
    CaseRecord::from_samples(id, &[sample])
}

/// The record of a whole run of `count` cases.
fn whole(count: usize) -> Record {
    let context =
        [("commit", "0123456789ab"), ("kernel", "6.12"), ("started", "2026-07-01T12:00:00Z"), ("run_id", RUN)];
    let mut cases: Vec<CaseRecord> = (0..count).map(case).collect();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Record {
        schema: SCHEMA_VERSION,
        family: "toy".into(),
        fingerprint: Fingerprint {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            controls: [(Control::AslrOff, ControlState::Granted)].into(),
            context: context.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        },
        selection: Selection::default(),
        unit: "buffer".into(),
        baseline_stage: "loaded".parse().expect("a stage"),
        cases,
        claims: Vec::new(),
        questions: Vec::new(),
    }
}

/// The records of its parts, each from another run.
fn split(whole: &Record, kind: PartitionKind, count: u32) -> Vec<PartRecord> {
    let ids: Vec<CaseId> = (0..whole.cases.len()).map(|number| case(number).id).collect();
    let part = |number| {
        let partition = Partition::new(kind, number, count).expect("a part");
        let own = partition.take(ids.clone(), Clone::clone);
        let mut record = whole.clone();
        record.cases.retain(|case| own.contains(&case.id));
        record.selection.part = Some(Part { partition, samples: "5".into(), cases: ids.clone() });
        record.fingerprint.context.insert("run_id".into(), number.to_string());
        PartRecord { path: format!("part-{number}/toy.json").into(), record }
    };
    (1..=count).map(part).collect()
}

fn slices(count: u32) -> Vec<PartRecord> {
    split(&whole(7), PartitionKind::Slice, count)
}

/// Why the parts are refused.
fn refused(parts: Vec<PartRecord>) -> String {
    let problem = merge(parts, RUN, Absent::Refused).expect_err("refused").to_string();
    assert!(!problem.contains('\n'), "{problem}");
    problem
}

proptest! {
    #[test]
    fn merged_parts_are_the_record_of_the_whole_run(
        (cases, count, hashed) in (0_usize..12, 1_u32..6, any::<bool>()),
        seed in any::<[u8; 6]>(),
    ) {
        let kind = if hashed { PartitionKind::Hash } else { PartitionKind::Slice };
        let whole = whole(cases);
        let mut parts = split(&whole, kind, count);
        // Any order.
        for (from, to) in seed.into_iter().enumerate() {
            let len = parts.len();
            parts.swap(from % len, usize::from(to) % len);
        }
        prop_assert_eq!(merge(parts, RUN, Absent::Refused).expect("merged"), Some(whole));
    }
}

#[test]
fn the_file_of_a_merge_does_not_depend_on_the_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut parts = slices(3);
    for (part, kernel) in parts.iter_mut().zip(["6.12", "6.1", "6.12"]) {
        part.record.fingerprint.context.insert("kernel".into(), kernel.into());
        part.record.fingerprint.context.insert("started".into(), format!("2026-07-01T12:00:{}Z", kernel.len()));
    }
    parts[2].record.fingerprint.controls.insert(Control::AslrOff, ControlState::Refused("seccomp".into()));
    let text = |parts: Vec<PartRecord>| {
        let path = folder.path().join("toy.json");
        write_record(&path, &merge(parts, RUN, Absent::Refused).expect("merged").expect("a record")).expect("written");
        std::fs::read_to_string(path).expect("text")
    };
    let first = text(parts.clone());
    assert!(first.contains("6.1; 6.12") && first.contains("seccomp"), "{first}");
    assert!(first.contains("2026-07-01T12:00:3Z") && !first.contains("2026-07-01T12:00:4Z"), "the earliest:\n{first}");
    for _ in 0..2 {
        parts.rotate_left(1);
        assert_eq!(text(parts.clone()), first);
    }
    parts.reverse();
    assert_eq!(text(parts), first);
}

#[test]
fn parts_of_different_runs_are_refused() {
    type Change = fn(&mut Record);
    let changes: [(Change, &str); 9] = [
        (
            |it| drop(it.fingerprint.context.insert("commit".into(), "f00".into())),
            "different revisions: 0123456789ab in part-1/toy.json, f00 in part-2/toy.json",
        ),
        (|it| drop(it.fingerprint.context.remove("commit")), ", unknown in part-2/toy.json"),
        (
            |it| drop(it.fingerprint.context.insert("rustc".into(), "1.95".into())),
            "different values of rustc: unknown in",
        ),
        (|it| it.fingerprint.class = it.fingerprint.class.with_other_aslr(), "different machine classes: linux"),
        (|it| it.schema += 1, "different schema versions: 2 in"),
        (|it| it.selection.worker_options.set(WorkerOption::Inject, 16), "different worker options: none in"),
        (|it| it.selection.filter = Some("heap".into()), "different filters: none in"),
        (|it| it.selection.part.as_mut().expect("a part").samples = "20".into(), "different numbers of workers: 5 in"),
        (|it| drop(it.selection.part.as_mut().expect("a part").cases.pop()), "different numbers of cases: 7 in"),
    ];
    for (change, part) in changes {
        let mut parts = slices(2);
        change(&mut parts[1].record);
        let problem = refused(parts);
        assert!(problem.contains(part) && problem.ends_with("merge only parts of one run"), "{problem}");
    }
    let mut mixed = slices(2);
    mixed[1] = slices(3).remove(1);
    assert!(refused(mixed).contains("different numbers of parts: 2 in part-1/toy.json, 3 in part-2/toy.json"));
}

#[test]
fn a_part_that_was_measured_twice_is_refused() {
    let mut parts = slices(2);
    let again = PartRecord { path: "again/toy.json".into(), ..parts[0].clone() };
    parts.push(again);
    assert_eq!(refused(parts), "toy: slice:1/2 is in both again/toy.json and part-1/toy.json; leave one of them out");
    let whole = PartRecord { path: "a/toy.json".into(), record: whole(2) };
    let twice = vec![whole.clone(), PartRecord { path: "b/toy.json".into(), ..whole.clone() }];
    assert!(refused(twice).contains("the whole family is in both a/toy.json and b/toy.json"));
    let with_part = [vec![whole], slices(2)].concat();
    assert!(refused(with_part).contains("different kinds of partition: a whole run in a/toy.json, slice in"));
}

#[test]
fn a_census_names_the_parts_and_cases_that_are_missing() {
    let mut parts = slices(4);
    parts.remove(2);
    parts[0].record.cases.remove(0);
    assert_eq!(
        refused(parts.clone()),
        "toy: 3 of 7 cases are in no part: slice:1/4 is incomplete, slice:3/4 is missing (toy/case/number=100, \
         toy/case/number=98, toy/case/number=94); measure them, or use --allow-missing"
    );
    let merged = merge(parts, RUN, Absent::NotRun).expect("merged").expect("a record");
    let reasons: BTreeMap<&str, &str> =
        merged.cases.iter().filter_map(|case| Some((case.id.as_str(), case.not_run.as_deref()?))).collect();
    let missing = "slice:3/4 is missing";
    let expected = [
        ("toy/case/number=94", missing),
        ("toy/case/number=98", missing),
        ("toy/case/number=100", "slice:1/4 is incomplete"),
    ];
    assert_eq!(reasons, expected.into());
    assert_eq!((merged.cases.len(), merged.validate()), (7, Ok(())));

    let mut few = split(&whole(12), PartitionKind::Slice, 2);
    few.truncate(1);
    let problem = refused(few);
    assert!(problem.contains("6 of 12 cases") && problem.contains("number=91, and 1 more)"), "{problem}");
}

#[test]
fn one_record_of_a_whole_family_is_kept_as_it_is() {
    let record = whole(2);
    let only = vec![PartRecord { path: "a/toy.json".into(), record: record.clone() }];
    assert_eq!(merge(only, RUN, Absent::Refused).expect("merged"), Some(record));
    assert_eq!(merge(Vec::new(), RUN, Absent::Refused).expect("nothing"), None);
}
