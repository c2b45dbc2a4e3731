//! Handmade comparisons for the exporters: one with every kind of verdict and hostile texts, one with a text in every
//! field, an empty one, and one without a baseline.

use std::{collections::BTreeMap, path::PathBuf};

use highwater_judge::{Comparison, Keep, NoBaseline, Policy, baselines, compare_family};
use highwater_model::{
    Baseline, Blessing, CaseRecord, ClaimRecord, Control, ControlState, Decision, Failure, Outcome, Record, Series,
    TimeEstimate, WorkerOption,
};
use highwater_report::export::{Exporter, Results};

use super::{add_per_unit, page_more_on_the_heap, record};

/// Input that could break a format: markup, a workflow command, an escape sequence of a terminal, and characters that
/// XML does not allow.
pub(crate) const HOSTILE: &str = "50 % | `x` <script>alert(1)</script> & \"q\" 'a' ]]>, --> @you #1 \\ *b* $c$\r\n\
    ::error title=forged::passed\u{1b}[2J\u{0}\u{202e}\u{ffff}";

/// The input of an exporter, owned.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) comparison: Comparison,
    pub(crate) runs: Vec<Record>,
    pub(crate) policy: Policy,
    pub(crate) baselines: BTreeMap<String, PathBuf>,
}

impl Given {
    pub(crate) fn export(&self, exporter: &dyn Exporter) -> String {
        let Self { comparison, runs, policy, baselines } = self;
        let mut text = Vec::new();
        exporter.write(&Results { comparison, runs, policy, files: baselines }, &mut text).expect("written");
        String::from_utf8(text).expect("UTF-8")
    }
}

/// Every kind of verdict, and hostile text where people see text from outside most.
pub(crate) fn everything() -> Given {
    of_records(HOSTILE, toy(HOSTILE), across_aslr())
}

/// Every kind of verdict, and `text` in every field of a record, a blessing and an exporter's input that may hold any
/// text.
pub(crate) fn everything_with(text: &str) -> Given {
    let filled = |(mut before, mut after): (Record, Record)| {
        for record in [&mut before, &mut after] {
            fill(record, text);
        }
        after.fingerprint.context.insert("kernel".into(), format!("6.19.0 {text}"));
        (before, after)
    };
    let mut given = of_records(text, filled(toy(text)), filled(across_aslr()));
    given.baselines = ["aslr", "toy"].map(|family| (family.to_owned(), format!("a class/{text}").into())).into();
    let class = given.runs[0].fingerprint.class.clone();
    let absent = NoBaseline { family: text.to_owned(), class: class.clone(), other_classes: vec![class] };
    given.comparison.without_baseline.push(absent);
    given
}

/// Puts `text` into every field that may hold any text.
fn fill(record: &mut Record, text: &str) {
    record.unit = text.to_owned();
    // A filter that selects no case of the baseline, whatever the text means as a regular expression.
    record.selection.filter = Some(format!("^never{}", regex::escape(text)));
    record.selection.worker_options.set(WorkerOption::Inject, 4096);
    record.fingerprint.controls.insert(Control::PinnedCpu, ControlState::Refused(text.to_owned()));
    record.fingerprint.context.insert(text.to_owned(), text.to_owned());
    let time = TimeEstimate { estimator: text.to_owned(), ns: 2.0, low_ns: 1.0, high_ns: 3.0, confidence: 0.95 };
    for case in record.cases.iter_mut().filter(|case| case.not_run.is_none()) {
        case.notes.insert(text.to_owned(), vec![text.to_owned()]);
        case.time.insert(text.to_owned(), time.clone());
        for failure in &mut case.failures {
            failure.output_tail = text.to_owned();
        }
    }
    record.claims = vec![ClaimRecord {
        id: text.to_owned(),
        statement: text.to_owned(),
        source: text.to_owned(),
        refuted_if: text.to_owned(),
        decision: Decision::Refuted,
        figures: text.to_owned(),
        rests_on: Vec::new(),
    }];
}

/// The comparisons of two families, whose baselines were blessed with a text as the reason.
fn of_records(text: &str, toy: (Record, Record), aslr: (Record, Record)) -> Given {
    let ((toy_before, toy_after), (aslr_before, aslr_after)) = (toy, aslr);
    let policy = policy();
    let families = [(&toy_before, &toy_after), (&aslr_before, &aslr_after)];
    let blessing = Blessing { reason: text.to_owned(), at: "2026-07-01T12:00:00Z".into(), cases: None };
    let of = |record| Baseline {
        blessings: vec![blessing.clone()],
        // Values that are only reported are compared too.
        ..baselines::of_run(record, &policy, Keep::Reported)
    };
    let families = families.map(|(before, after)| compare_family(&of(before), after, &policy)).to_vec();
    let baselines = ["aslr", "toy"].map(|family| (family.to_owned(), format!("baselines/a class/{family}.txt").into()));
    Given {
        comparison: Comparison { families, ..Comparison::default() },
        runs: vec![toy_after, aslr_after],
        policy,
        baselines: baselines.into(),
    }
}

/// A run with an estimate of criterion, but without a baseline.
pub(crate) fn without_baseline() -> Given {
    let run = timed(record());
    let others = vec!["linux-aarch64-16k-thp_always-musl-aslr_on".parse().expect("a class")];
    let absent = NoBaseline { family: run.family.clone(), class: run.fingerprint.class.clone(), other_classes: others };
    Given {
        comparison: Comparison { without_baseline: vec![absent], ..Comparison::default() },
        runs: vec![run],
        ..Given::default()
    }
}

fn policy() -> Policy {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.toml");
    let rules = r#"
        schema = 1
        [[rule]]
        case = "toy/young"
        metric = "anon"
        aspect = "slope"
        budget = "8 KiB"
        [[rule]]
        metric = "{pss,uss,peak}"
        mode = "ignore"
    "#;
    std::fs::write(&path, rules).expect("written");
    Policy::read(&path).expect("a policy")
}

fn timed(mut record: Record) -> Record {
    let time =
        TimeEstimate { estimator: "slope".into(), ns: 1234.5, low_ns: 1230.0, high_ns: 1240.0, confidence: 0.95 };
    record.cases[0].time = BTreeMap::from([("fill".to_owned(), time)]);
    record
}

/// `toy/heap` regressed, `toy/mapped` improved but one of its workers failed, `toy/some` is unconfirmed, `toy/gone` is
/// missing, `toy/young` is new and over its budget, `toy/oom` was not run, and memory of `toy/shared` moved.
fn toy(text: &str) -> (Record, Record) {
    let (mut before, mut after) = (record(), timed(record()));
    after.fingerprint.context.insert("kernel".into(), format!("6.19.0 {text}"));
    page_more_on_the_heap(&mut after.cases[0]);
    for quantity in ["anon", "anon_mapped", "anon.linear_memory"] {
        add_per_unit(&mut before.cases[1], quantity, 65_536);
    }
    after.cases[1].failures.push(Failure {
        outcome: Outcome::Protocol { message: text.to_owned() },
        last_stage: Some("live@1".parse().expect("a stage")),
        output_tail: format!("still trying\n{text}\nand trying"),
    });
    before.cases.push(renamed(&record().cases[0], "toy/gone"));
    before.cases.push(with_outliers("toy/some", 0));
    after.cases.push(with_outliers("toy/some", 3));
    before.cases.push(in_kinds("toy/shared", "anon_mapped"));
    after.cases.push(in_kinds("toy/shared", "outside_anon"));
    after.cases.push(renamed(&record().cases[0], "toy/young"));
    let id = "toy/oom/limit=32m".parse().expect("an id");
    after.cases.push(CaseRecord::not_run(id, format!("no memory cgroup can be made here: {text}")));
    (before, after)
}

/// A case with ASLR off in the baseline and on in the run: only growth of mapped memory and heap bytes is comparable.
fn across_aslr() -> (Record, Record) {
    let mut before = record();
    before.family = "aslr".into();
    before.cases = vec![renamed(&record().cases[0], "aslr/heap")];
    let mut after = before.clone();
    after.fingerprint.class = after.fingerprint.class.with_other_aslr();
    (before, after)
}

fn renamed(case: &CaseRecord, id: &str) -> CaseRecord {
    CaseRecord { id: id.parse().expect("an id"), ..case.clone() }
}

/// A case that has one page more per unit in one of two kinds of memory.
fn in_kinds(id: &str, kind: &str) -> CaseRecord {
    let mut case = renamed(&record().cases[0], id);
    for columns in &mut case.stages {
        columns.memory.insert("outside_anon".parse().expect("a quantity"), Series::Same(0));
    }
    add_per_unit(&mut case, kind, 4096);
    case
}

/// Twenty workers, some of which have one more live heap page at the top of the ladder.
fn with_outliers(id: &str, outliers: usize) -> CaseRecord {
    let mut case = CaseRecord { samples: 20, ..renamed(&record().cases[0], id) };
    let top = case.stages.last_mut().expect("stages");
    let pages = (0..20).map(|worker| 740 + u64::from(worker < outliers));
    let live = Series::Each(pages.map(|pages| pages * 4096 - 48).collect());
    top.memory.insert("heap_live".parse().expect("a quantity"), live);
    case
}
