//! What the baseline has and the run has not, on records built in memory: cases, units, stages, and workers that reach
//! none. Also the ladders that are too short for their tolerance.

mod common;

use std::fs;

use common::record;
use highwater_judge::{FamilyComparison, Keep, Kind, Policy, Verdict, baselines, compare_family, unresolved};
use highwater_model::{CaseRecord, Part, Record, Scale, Selection, Series, StageColumns};
use proptest::prelude::*;

fn case(id: &str, stages: &[&str]) -> CaseRecord {
    let stage = |name: &&str| StageColumns {
        stage: name.parse().expect("a stage"),
        wall_ns: Series::Same(1),
        cpu_ns: Series::Same(1),
        memory: ["anon_mapped", "vmas", "page_tables", "threads"]
            .map(|name| (name.parse().expect("a quantity"), Series::Same(2)))
            .into(),
    };
    CaseRecord {
        samples: 5,
        lifetime_ns: Series::Same(1),
        stages: stages.iter().map(stage).collect(),
        ..CaseRecord::from_samples(id.parse().expect("an id"), &[])
    }
}

const STAGES: [&str; 4] = ["loaded", "live@1", "live@50", "dropped"];

fn family(count: usize) -> Record {
    record((0..count).map(|number| case(&format!("toy/case/number={number:02}"), &STAGES)).collect())
}

fn compare(before: &Record, run: &Record, policy: &Policy) -> FamilyComparison {
    compare_family(&baselines::of_run(before, policy, Keep::Gated), run, policy)
}

fn policy(rules: &str) -> Policy {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.toml");
    fs::write(&path, format!("schema = 1\n{rules}")).expect("written");
    Policy::read(&path).expect("valid")
}

fn failing(comparison: &FamilyComparison) -> Vec<(&str, Kind)> {
    let failing = comparison.verdicts.iter().filter(|verdict| verdict.fails());
    failing.map(|verdict| (verdict.case.as_str(), verdict.kind)).collect()
}

fn not_run(case: &CaseRecord, reason: &str) -> CaseRecord {
    CaseRecord::not_run(case.id.clone(), reason.to_owned())
}

#[test]
fn eighty_two_of_eighty_three_cases_gone_fail() {
    let before = family(83);
    let run = record(before.cases[..1].to_vec());
    assert_eq!(failing(&compare(&before, &run, &Policy::default())).len(), 82);
    // A filter excuses only what it does not match.
    for (filter, gone) in [("number=0[0-9]", 9), ("^toy/case/number=00$", 0), ("toy/", 82), ("number=8", 3)] {
        let selection = Selection { filter: Some(filter.to_owned()), ..Selection::default() };
        let comparison = compare(&before, &Record { selection, ..run.clone() }, &Policy::default());
        assert_eq!((failing(&comparison).len(), comparison.not_selected), (gone, 82 - gone), "{filter}");
    }
}

/// A part excuses the cases that other parts have, and no case that the family has lost.
#[test]
fn cases_of_other_parts_are_not_missing() {
    let before = family(9);
    let ids: Vec<_> = before.cases.iter().map(|case| case.id.clone()).collect();
    let partition = "slice:2/4".parse().expect("a partition");
    let part = |cases: &[_]| Part { partition, samples: "5".into(), cases: cases.to_vec() };
    let run = |part: Part, numbers: &[usize]| Record {
        selection: Selection { part: Some(part), ..Selection::default() },
        ..record(numbers.iter().map(|number| before.cases[*number].clone()).collect())
    };
    let compared = |run: &Record| compare(&before, run, &Policy::default());

    let comparison = compared(&run(part(&ids), &[1, 5]));
    assert_eq!((failing(&comparison), comparison.not_selected), (Vec::new(), 0));
    let judged = comparison.part.expect("a part");
    assert_eq!((judged.partition, judged.cases, judged.of), (partition, 2, 9));

    // The part lacks one of its own cases.
    assert_eq!(failing(&compared(&run(part(&ids), &[1]))), [("toy/case/number=05", Kind::Missing)]);
    // The family has lost a case: no part can have it.
    assert_eq!(failing(&compared(&run(part(&ids[..8]), &[1, 5]))), [("toy/case/number=08", Kind::Missing)]);
    // The filter left four cases out, and the parts have the others.
    let mut filtered = run(part(&ids[..5]), &[1]);
    filtered.selection.filter = Some("number=0[0-4]".into());
    let comparison = compared(&filtered);
    assert_eq!((failing(&comparison), comparison.not_selected), (Vec::new(), 4));
}

#[test]
fn a_case_that_ran_in_the_baseline_fails_if_it_is_not_run() {
    let before = family(3);
    let mut run = before.clone();
    run.cases[1] = not_run(&before.cases[1], "no memory cgroup can be made here: read-only");
    let rule = "[[rule]]\ncase = \"toy/case/number=01\"\nnot_run = \"no memory cgroup*\"\n";
    let of = |run: &Record, policy: &Policy| {
        let comparison = compare(&before, run, policy);
        let verdict = comparison.verdicts.iter().find(|verdict| verdict.kind == Kind::NotRun).cloned();
        verdict.map(|Verdict { gated, sentence, .. }| (gated, sentence)).expect("a verdict")
    };
    let reason = "no memory cgroup can be made here: read-only";
    assert_eq!(of(&run, &Policy::default()), (true, format!("{reason}; it ran in the baseline")));
    assert_eq!(of(&run, &policy(rule)), (false, format!("{reason}; allowed by the policy")));
    assert!(of(&run, &policy(&rule.replace("=01", "=02"))).0, "another case");
    assert!(of(&run, &policy(&rule.replace("no memory cgroup", "no swap"))).0, "another reason");

    // A case that no machine ran before has nothing to compare with.
    let comparison = compare(&record(before.cases[..1].to_vec()), &record(run.cases[..2].to_vec()), &Policy::default());
    assert_eq!(failing(&comparison), []);
    // A heavy case that `--quick` left out is no finding either.
    run.cases[1] = CaseRecord::left_out(before.cases[1].id.clone(), "heavy: left out of --quick".to_owned());
    assert_eq!(of(&run, &Policy::default()), (false, "heavy: left out of --quick".to_owned()));
}

#[test]
fn all_cases_not_run_fail() {
    let before = family(83);
    let run = record(before.cases.iter().map(|case| not_run(case, "skipped")).collect());
    let comparison = compare(&before, &run, &Policy::default());
    assert_eq!(failing(&comparison).len(), 83);
}

#[test]
fn units_that_vanish_from_the_ladder_fail() {
    let before = family(1);
    for kept in
        [&["loaded", "live@1", "dropped"][..], &["loaded", "live@50", "dropped"], &["loaded", "dropped"], &["loaded"]]
    {
        let run = record(vec![case("toy/case/number=00", kept)]);
        let comparison = compare(&before, &run, &Policy::default());
        assert_eq!(failing(&comparison), [("toy/case/number=00", Kind::Missing)], "{kept:?}");
    }
    // A ladder given on the command line leaves rungs out on purpose.
    let mut run = record(vec![case("toy/case/number=00", &["loaded", "live@1", "dropped"])]);
    run.selection.ladder = Some(vec![Scale(1)]);
    assert_eq!(failing(&compare(&before, &run, &Policy::default())), []);
}

#[test]
fn workers_that_never_reach_the_baseline_stage_are_a_failure() {
    let before = family(1);
    for (stages, ladder) in [(&["start"][..], None), (&["live@1", "live@50"], None), (&["start"], Some(vec![Scale(1)]))]
    {
        let mut run = record(vec![case("toy/case/number=00", stages)]);
        run.selection.ladder = ladder;
        for before in [&before, &record(Vec::new()), &run] {
            let comparison = compare(before, &run, &Policy::default());
            assert_eq!(failing(&comparison), [("toy/case/number=00", Kind::Failed)], "{stages:?}");
            let sentence = "no worker reached loaded, so nothing can be judged";
            assert!(comparison.verdicts.iter().any(|verdict| verdict.sentence == sentence));
        }
    }
}

#[test]
fn a_ladder_too_short_for_its_tolerance_is_reported() {
    let mut run = family(1);
    let short = unresolved(&run, &Policy::default());
    assert_eq!(
        short.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "toy/case/number=00: live@50 is the last rung, so one page or mapping in more than 50 (unit: buffer) is not seen \
          (anon_mapped, vmas); a rung live@100 would show one in 100, or state a larger tolerance of the slope"
        ]
    );
    // A page in 50 buffers is 82 bytes for each.
    let stated = "[[rule]]\nmetric = \"anon_mapped\"\naspect = \"slope\"\ntolerance = 82\n\
                  [[rule]]\nmetric = \"vmas\"\naspect = \"slope\"\ntolerance = 0.02\n";
    assert_eq!(unresolved(&run, &policy(stated)), []);
    assert_eq!(unresolved(&run, &policy("[[rule]]\nmode = \"report\"\n")), []);
    run.cases = vec![case("toy/long", &["loaded", "live@1", "live@100"]), case("toy/none", &["loaded", "dropped"])];
    assert_eq!(unresolved(&run, &Policy::default()), []);
    // A page of page tables in 4 buffers is 1 KiB for each, above the tolerance of 256 bytes.
    run.cases = vec![case("toy/tiny", &["loaded", "live@1", "live@4"])];
    let names =
        |quantities: &[highwater_model::Quantity]| quantities.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&unresolved(&run, &Policy::default())[0].quantities), ["anon_mapped", "page_tables", "vmas"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a run leaves out of its baseline fails, case by case.
    #[test]
    fn every_case_that_is_not_measured_fails(fates in prop::collection::vec(0_u8..4, 1..30)) {
        let before = family(fates.len());
        let mut run = before.clone();
        for (case, fate) in run.cases.iter_mut().zip(&fates) {
            match fate {
                1 => *case = not_run(case, "skipped"),
                2 => case.stages.truncate(2),
                _ => {}
            }
        }
        let mut kept = fates.iter().map(|fate| *fate != 3);
        run.cases.retain(|_| kept.next().unwrap_or(true));
        let comparison = compare(&before, &run, &Policy::default());
        let mut expected: Vec<(String, Kind)> = Vec::new();
        for (case, fate) in before.cases.iter().zip(&fates) {
            let kind = [None, Some(Kind::NotRun), Some(Kind::Missing), Some(Kind::Missing)][usize::from(*fate)];
            expected.extend(kind.map(|kind| (case.id.to_string(), kind)));
        }
        expected.sort();
        let mut found: Vec<(String, Kind)> =
            failing(&comparison).into_iter().map(|(case, kind)| (case.to_owned(), kind)).collect();
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
