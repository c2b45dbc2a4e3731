//! Comparisons made by hand for the exporters: one with every kind of verdict and hostile texts in it,
//! one of nothing, one without a baseline.

use std::{collections::BTreeMap, path::PathBuf};

use highwater_judge::{Comparison, Keep, NoBaseline, Policy, baselines, compare_family};
use highwater_model::{Baseline, Blessing, CaseRecord, Death, Outcome, Record, Series, TimeEstimate};
use highwater_report::export::{Exporter, Results};

use super::{add_per_unit, page_more_on_the_heap, record};

/// What a worker, a person or a machine could write to break a format: markup, a workflow command of
/// its own, a terminal's escape sequence, characters that XML does not allow.
pub(crate) const HOSTILE: &str = "50 % | `x` <script>alert(1)</script> & \"q\" 'a' ]]>, --> @you #1 \\ *b* $c$\r\n\
    ::error title=forged::held\u{1b}[2J\u{0}\u{202e}\u{ffff}";

/// All that an exporter is given, owned.
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

/// Every kind of verdict, and hostile texts wherever others write them.
pub(crate) fn everything() -> Given {
    let (toy_before, toy_now) = toy();
    let (aslr_before, aslr_now) = across_aslr();
    let policy = policy();
    let families = [(&toy_before, &toy_now), (&aslr_before, &aslr_now)];
    let blessing = Blessing { reason: HOSTILE.into(), at: "2026-07-01T12:00:00Z".into(), cases: None };
    let of = |record| Baseline {
        blessings: vec![blessing.clone()],
        // What is only reported is compared here too.
        ..baselines::of_run(record, &policy, Keep::Reported)
    };
    let families = families.map(|(before, now)| compare_family(&of(before), now, &policy)).to_vec();
    let baselines = ["aslr", "toy"].map(|family| (family.to_owned(), format!("baselines/a class/{family}.txt").into()));
    Given {
        comparison: Comparison { families, ..Comparison::default() },
        runs: vec![toy_now, aslr_now],
        policy,
        baselines: baselines.into(),
    }
}

/// A run with an estimate of criterion's and nothing to compare it with.
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

/// `toy/heap` regressed, `toy/mapped` improved and one of its workers died, `toy/some` is unconfirmed,
/// `toy/gone` is missing, `toy/young` new and over its budget, `toy/oom` not run.
fn toy() -> (Record, Record) {
    let (mut before, mut now) = (record(), timed(record()));
    now.fingerprint.context.insert("kernel".into(), format!("6.19.0 {HOSTILE}"));
    page_more_on_the_heap(&mut now.cases[0]);
    for quantity in ["anon", "anon_mapped", "anon.linear_memory"] {
        add_per_unit(&mut before.cases[1], quantity, 65_536);
    }
    now.cases[1].died.push(Death {
        outcome: Outcome::Protocol { message: HOSTILE.into() },
        last_stage: Some("live@1".parse().expect("a stage")),
        output_tail: format!("still trying\n{HOSTILE}\nand trying"),
    });
    before.cases.push(renamed(&record().cases[0], "toy/gone"));
    before.cases.push(with_straying_workers("toy/some", 0));
    now.cases.push(with_straying_workers("toy/some", 3));
    now.cases.push(renamed(&record().cases[0], "toy/young"));
    let id = "toy/oom/limit=32m".parse().expect("an id");
    now.cases.push(CaseRecord::not_run(id, format!("no memory cgroup can be made here: {HOSTILE}")));
    (before, now)
}

/// The same case with ASLR off before and on now: only growth of mapped memory and heap bytes compares.
fn across_aslr() -> (Record, Record) {
    let mut before = record();
    before.family = "aslr".into();
    before.cases = vec![renamed(&record().cases[0], "aslr/heap")];
    let mut now = before.clone();
    now.fingerprint.class = now.fingerprint.class.with_other_aslr();
    (before, now)
}

fn renamed(case: &CaseRecord, id: &str) -> CaseRecord {
    CaseRecord { id: id.parse().expect("an id"), ..case.clone() }
}

/// Twenty workers, of which some have a page more live on the heap at the top of the ladder.
fn with_straying_workers(id: &str, straying: usize) -> CaseRecord {
    let mut case = CaseRecord { samples: 20, ..renamed(&record().cases[0], id) };
    let top = case.stages.last_mut().expect("stages");
    let pages = (0..20).map(|worker| 740 + u64::from(worker < straying));
    let live = Series::Each(pages.map(|pages| pages * 4096 - 48).collect());
    top.memory.insert("heap_live".parse().expect("a quantity"), live);
    case
}
