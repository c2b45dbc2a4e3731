//! Each kind of memory, judged by the default policy: a run that uses it fails against a baseline of workers that do not,
//! and passes against a baseline of its own.
//!
//! The baseline is the run itself with nothing after the baseline stage: each later stage has the values of that stage.

use highwater_judge::{FamilyComparison, Keep, Kind, Policy, Verdict, baselines, compare_family};
use highwater_model::{CaseRecord, Metric, Quantity, Record};

use super::{
    growth::runs,
    kinds::{has_cgroup, has_cgroup_peaks},
};

fn compare(baseline: &Record, run: &Record) -> FamilyComparison {
    let policy = Policy::default();
    compare_family(&baselines::of_run(baseline, &policy, Keep::Gated), run, &policy)
}

/// The run without what its cases do after the baseline stage, or reached as a peak before it.
fn without_growth(run: &Record) -> Record {
    let mut run = run.clone();
    for case in &mut run.cases {
        let Some(at) = case.stages.iter().position(|columns| columns.stage == run.baseline_stage) else { continue };
        let zero =
            case.stages.iter().flat_map(|columns| columns.memory.get(&Quantity::from(Metric::Swap)).cloned()).next();
        for before in [Metric::PeakBefore, Metric::HeapPeakBefore] {
            if let (Some(series), Some(zero)) = (case.stages[at].memory.get_mut(&before.into()), &zero) {
                series.clone_from(zero);
            }
        }
        let memory = case.stages[at].memory.clone();
        for columns in &mut case.stages[at + 1..] {
            columns.memory.clone_from(&memory);
        }
    }
    run
}

fn failing<'a>(comparison: &'a FamilyComparison, case: &CaseRecord) -> Vec<&'a Verdict> {
    comparison.verdicts.iter().filter(|verdict| verdict.case == case.id && verdict.fails()).collect()
}

#[test]
fn every_kind_of_memory_fails_the_default_policy() {
    for run in runs() {
        let comparison = compare(&without_growth(run), run);
        for (id, metric, stage) in [
            ("held/pages=64,kind=memfd", Metric::OutsideAnon, "written"),
            ("held/pages=64,kind=tmpfs", Metric::OutsideAnon, "written"),
            ("held/pages=64,kind=deleted", Metric::OutsideAnon, "written"),
            ("held/pages=64,kind=segment", Metric::OutsideAnon, "written"),
            ("huge/pages=2", Metric::OutsideAnon, "live"),
            ("memfd/pages=32", Metric::OutsideAnon, "filled"),
            ("lazy/pages=1024", Metric::AnonMapped, "freed"),
            ("child/pages=64", Metric::OutsideAnon, "forked"),
            ("daemon/pages=64", Metric::OutsideAnon, "forked"),
            ("kernel/sockets=16", Metric::Kernel, "full"),
            ("kernel/pipes=64", Metric::Kernel, "full"),
            ("passed/pages=4096,at=before", Metric::PeakBefore, "loaded"),
            ("passed/pages=4096,at=child", Metric::HiddenPeak, "passed"),
            ("passed/pages=4096,at=memfd", Metric::PeakAnon, "passed"),
            ("passed/pages=4096,at=end", Metric::PeakAnon, "end"),
            ("passed/pages=4096,at=end", Metric::HeapPeak, "end"),
            ("kept/pages=16", Metric::AnonMapped, "end"),
        ] {
            let case = run.case(&format!("ground-truth/{id}")).expect("the case");
            let is_read = match metric {
                Metric::HiddenPeak => has_cgroup_peaks(run),
                _ => !metric.needs_cgroup() || has_cgroup(run),
            };
            if case.not_run.is_some() || !is_read {
                continue;
            }
            let is_it = |verdict: &&Verdict| {
                let subject = verdict.subject.as_ref();
                subject.is_some_and(|it| it.quantity == metric.into() && it.aspect.place() == stage)
            };
            let failing = failing(&comparison, case);
            assert!(failing.iter().any(is_it), "{id} {metric} at {stage}: {failing:?}");
        }
    }
}

#[test]
fn memory_that_changes_its_kind_is_reported_as_moved() {
    for run in runs() {
        let comparison = compare(&without_growth(run), run);
        let case = run.case("ground-truth/move/pages=64").expect("the case");
        assert!(failing(&comparison, case).is_empty(), "{:?}", failing(&comparison, case));
        let of_case = || comparison.verdicts.iter().filter(|verdict| verdict.case == case.id);
        let at_moved = |verdict: &&Verdict| verdict.sentence.contains("memory moved between kinds, growth at moved");
        let moved: Vec<_> = of_case().filter(at_moved).collect();
        assert!(moved.len() >= 2 && moved.iter().all(|verdict| verdict.kind == Kind::Moved), "{moved:?}");
    }
}

/// The control: nothing is planted.
#[test]
fn a_run_passes_against_its_own_baseline() {
    for run in runs() {
        let comparison = compare(run, run);
        let findings: Vec<_> = comparison.verdicts.iter().filter(|verdict| verdict.kind != Kind::Same).collect();
        assert!(findings.iter().all(|verdict| verdict.kind == Kind::NotRun), "{findings:?}");
    }
}
