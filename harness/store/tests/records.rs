//! Every record that a run can produce can be read again, whatever its workers did. Others are not written.

use std::{collections::BTreeMap, path::Path};

use highwater_model::{
    CaseRecord, Fingerprint, MAX_STAGES, MAX_VALUE, Metric, Outcome, Quantity, Reading, Record, SCHEMA_VERSION, Sample,
    Series, Snapshot, Stage, TimeEstimate, Timeline,
};
use highwater_store::{StoreError, read_record, write_record};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_assert_eq, prop_oneof, proptest,
};

fn outcome() -> impl Strategy<Value = Outcome> {
    let text = ".{0,60}";
    prop_oneof![
        4 => Just(Outcome::Completed),
        1 => any::<i32>().prop_map(|status| Outcome::Exited { status }),
        1 => any::<i32>().prop_map(|signal| Outcome::Signaled { signal }),
        1 => Just(Outcome::OutOfMemory),
        1 => (0..MAX_VALUE).prop_map(|limit_ms| Outcome::TimedOut { limit_ms }),
        1 => text.prop_map(|message| Outcome::Protocol { message }),
        1 => text.prop_map(|reason| Outcome::NotPrepared { reason }),
        1 => text.prop_map(|reason| Outcome::NotStarted { reason }),
        1 => text.prop_map(|reason| Outcome::Unreadable { reason }),
    ]
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let value = || 0..=MAX_VALUE;
    (value(), value(), proptest::collection::btree_map("[a-z][a-z0-9_]{0,31}", value(), 0..5)).prop_map(
        |(anon, vmas, figures)| {
            let mut snapshot = Snapshot::default();
            snapshot.add(Metric::Anon, anon);
            snapshot.add(Metric::Vmas, vmas);
            for (name, value) in figures {
                snapshot.add(Quantity::Figure(name.parse().expect("a name")), value);
            }
            snapshot
        },
    )
}

/// The stages of one worker, each once, as the protocol requires. Few different ones, so that workers agree often.
fn readings() -> impl Strategy<Value = Vec<Reading>> {
    (0..4_usize, vec((snapshot(), 0..=MAX_VALUE, 0..=MAX_VALUE), 4)).prop_map(|(count, readings)| {
        let names = ["start", "loaded", "live@1", "live@10"];
        let stages = names.map(|name| name.parse::<Stage>().expect("a stage"));
        let readings = stages.into_iter().zip(readings).take(count);
        readings.map(|(stage, (snapshot, wall_ns, cpu_ns))| Reading { stage, wall_ns, cpu_ns, snapshot }).collect()
    })
}

/// More readings than are kept in some of them.
fn timeline() -> impl Strategy<Value = Option<Timeline>> {
    let reading = (0..=MAX_VALUE, proptest::option::weighted(0.999, 0..=MAX_VALUE));
    proptest::option::of(vec(reading, 0..3000).prop_map(|readings| {
        let mut timeline = Timeline::new(1_000_000);
        readings.into_iter().zip(0..).for_each(|((total, peak), at)| timeline.add(at, total, peak));
        timeline
    }))
}

fn sample() -> impl Strategy<Value = Sample> {
    let notes = vec(("[a-z][a-z0-9_]{0,31}", ".{0,40}"), 0..4);
    (readings(), timeline(), outcome(), 0..=MAX_VALUE, notes, "(?s).{0,80}").prop_map(
        |(readings, timeline, outcome, lifetime_ns, notes, output_tail)| Sample {
            readings,
            timeline,
            outcome,
            lifetime_ns,
            notes,
            output_tail,
        },
    )
}

fn case() -> impl Strategy<Value = CaseRecord> {
    prop_oneof![
        4 => vec(sample(), 1..6).prop_map(|samples| CaseRecord::from_samples(id(), &samples)),
        1 => ".{0,80}".prop_map(|reason| CaseRecord::not_run(id(), reason)),
    ]
}

fn id() -> highwater_model::CaseId {
    "odd/case".parse().expect("an id")
}

fn record(case: CaseRecord) -> Record {
    Record {
        schema: SCHEMA_VERSION,
        family: "odd".into(),
        fingerprint: Fingerprint {
            class: "linux-x86_64-4k-thp_madvise-glibc-aslr_off".parse().expect("a class"),
            controls: BTreeMap::new(),
            context: BTreeMap::new(),
        },
        selection: Default::default(),
        unit: "thing".into(),
        baseline_stage: "loaded".parse().expect("a stage"),
        cases: vec![case],
        claims: Vec::new(),
        questions: Vec::new(),
    }
}

proptest! {
    #[test]
    fn a_record_of_a_run_can_be_read_again(case in case()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("odd.json");
        let record = record(case);
        write_record(&path, &record).expect("written");
        prop_assert_eq!(read_record(&path).expect("read"), record);
    }
}

fn completed(readings: Vec<Reading>) -> CaseRecord {
    let sample = Sample {
        readings,
        timeline: None,
        outcome: Outcome::Completed,
        lifetime_ns: 1,
        notes: Vec::new(),
        output_tail: String::new(),
    };
    CaseRecord::from_samples(id(), &[sample])
}

fn reading(stage: String) -> Reading {
    Reading { stage: stage.parse().expect("a stage"), wall_ns: 1, cpu_ns: 1, snapshot: Snapshot::default() }
}

/// The old file is kept.
#[test]
fn a_record_that_could_not_be_read_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.json");
    let good = record(completed(vec![reading("loaded".into())]));
    write_record(&path, &good).expect("written");
    let mut negative = completed(vec![reading("loaded".into())]);
    let estimate = |ns| TimeEstimate { estimator: "mean".into(), ns, low_ns: ns, high_ns: ns, confidence: 0.95 };
    negative.time.insert("fill".into(), estimate(f64::NAN));
    let mut large = completed(vec![reading("loaded".into())]);
    large.lifetime_ns = Series::Same(MAX_VALUE + 1);
    let many = completed((0..MAX_STAGES + 2).map(|n| reading(format!("live@{n}"))).collect());
    for (case, problem) in [
        (completed(vec![reading("a".into()), reading("a".into())]), "duplicate stage a"),
        (many, "too many stages"),
        (negative, "a time that is negative or not a number"),
        (large, "above the limit of 2^53"),
    ] {
        let error = write_record(&path, &record(case)).expect_err("not valid");
        assert!(matches!(error, StoreError::Unwritable { .. }));
        let text = error.to_string();
        assert!(text.contains(problem) && !text.contains('\n'), "{text}");
        assert_eq!(read_record(&path).expect("the old record"), good);
    }
    let twice = Record { cases: vec![good.cases[0].clone(), good.cases[0].clone()], ..good };
    assert!(
        write_record(Path::new("/nonexistent/odd.json"), &twice)
            .is_err_and(|e| e.to_string().contains("duplicate case"))
    );
}
