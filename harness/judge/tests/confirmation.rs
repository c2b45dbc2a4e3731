//! The gate over whole sequences of workers, on records built in memory: the rate of false findings, the power to find
//! a change in a minority of the workers, and the number of workers that it costs. `docs/judging.md` has the table that
//! `the_power_for_minorities` prints.

mod common;

use common::record;
use fastrand::Rng;
use highwater_judge::{
    FRESH_WORKERS, FamilyComparison, Keep, Kind, Policy, baselines, compare_family, confirm_family, needs_more_workers,
};
use highwater_model::{Baseline, CaseRecord, Failure, Outcome, Series, StageColumns};

const CASE: &str = "toy/case";
const PAGE: u64 = 4096;

/// A case whose workers grow by these numbers of pages up to the last rung, in which `threads` threads run.
fn case(threads: u64, pages: &[u64]) -> CaseRecord {
    let stage = |name: &str, scale: u64| StageColumns {
        stage: name.parse().expect("a stage"),
        wall_ns: Series::Same(1),
        cpu_ns: Series::Same(1),
        memory: [
            ("anon_mapped", Series::Each(pages.iter().map(|pages| (100 + pages * scale / 10) * PAGE).collect())),
            ("threads", Series::Same(threads)),
        ]
        .map(|(name, series)| (name.parse().expect("a quantity"), series))
        .into(),
    };
    let stages = [("loaded", 0), ("live@1", 1), ("live@10", 10)].map(|(name, scale)| stage(name, scale));
    let samples = pages.len();
    CaseRecord {
        samples,
        stages: if samples > 0 { stages.to_vec() } else { Vec::new() },
        ..CaseRecord::from_samples(CASE.parse().expect("an id"), &[])
    }
}

fn baseline(case: CaseRecord) -> Baseline {
    baselines::of_run(&record(vec![case]), &Policy::default(), Keep::Gated)
}

/// The gate on a case: `draw` creates the given number of workers. Returns the verdicts and the number of fresh workers.
fn gate(baseline: &Baseline, run: CaseRecord, mut draw: impl FnMut(usize) -> CaseRecord) -> (FamilyComparison, usize) {
    let (policy, run) = (Policy::default(), record(vec![run]));
    let first = compare_family(baseline, &run, &policy);
    if first.flagged().is_empty() {
        return (first, 0);
    }
    let mut fresh = draw(0);
    for look in FRESH_WORKERS.looks() {
        fresh = draw(*look);
        if !needs_more_workers(baseline, &run, &fresh, &policy) {
            break;
        }
    }
    let drawn = fresh.samples + fresh.failures.len();
    (confirm_family(baseline, &run, &record(vec![fresh]), &policy), drawn)
}

fn fails(comparison: &FamilyComparison) -> bool {
    comparison.verdicts.iter().any(highwater_judge::Verdict::fails)
}

/// Workers that are a page larger with a probability.
struct Workers<'a> {
    threads: u64,
    rate: f64,
    random: &'a mut Rng,
}

impl Workers<'_> {
    fn pages(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| 40 + 10 * u64::from(self.random.f64() < self.rate)).collect()
    }

    /// As many first workers as a run with `--until-decided` has.
    fn run(&mut self) -> CaseRecord {
        let few = self.pages(5);
        if self.threads <= 2 && few.iter().all(|pages| *pages == few[0]) {
            return case(self.threads, &few);
        }
        let more = self.pages(15);
        case(self.threads, &[few, more].concat())
    }

    /// One pass through the gate: whether it flags, whether it fails, and the number of fresh workers.
    fn judge(&mut self, baseline: &Baseline, run: CaseRecord) -> (bool, bool, usize) {
        let mut pages = Vec::new();
        let (comparison, drawn) = gate(baseline, run, |count| {
            let more = self.pages(count - pages.len());
            pages.extend(more);
            case(self.threads, &pages)
        });
        (drawn > 0, fails(&comparison), drawn)
    }
}

/// At most 0.5 % of the sequences, whatever the rate of outliers in an unchanged program: with 1,000 sequences at a
/// true rate of 0.5 %, more than 13 have a probability below 0.1 %.
#[test]
fn an_unchanged_program_fails_in_at_most_half_a_percent() {
    let mut random = Rng::with_seed(1);
    for (threads, workers, rate) in
        [(2, 5, 0.001), (2, 20, 0.001), (4, 5, 0.05), (4, 20, 0.05), (4, 20, 0.2), (4, 5, 0.4), (4, 20, 0.02)]
    {
        let mut found = 0;
        for _ in 0..1000 {
            let mut program = Workers { threads, rate, random: &mut random };
            let before = baseline(case(threads, &program.pages(workers)));
            let run = program.run();
            found += usize::from(program.judge(&before, run).1);
        }
        assert!(found <= 13, "{found} of 1000 with {threads} threads, n = {workers}, outliers at {rate}");
    }
}

/// Sequences whose baseline has no such worker. `met` counts those in which a worker of the run shows the change: the
/// others cannot be found.
#[test]
fn the_power_for_minorities() {
    let mut random = Rng::with_seed(2);
    println!("| threads | baseline | changed workers | run shows it | found | of all | fresh workers, mean |");
    for (threads, workers, every, at_least, at_most) in [
        (2, 5, 1, 1.0, 1.0),
        (2, 5, 2, 0.99, 1.0),
        (2, 5, 3, 0.99, 1.0),
        (2, 5, 10, 0.9, 1.0),
        (4, 5, 1, 1.0, 1.0),
        (4, 5, 2, 0.0, 0.1),
        (4, 20, 1, 1.0, 1.0),
        (4, 20, 2, 0.99, 1.0),
        (4, 20, 3, 0.6, 0.95),
        (4, 20, 10, 0.0, 0.02),
        (4, 100, 3, 0.99, 1.0),
        (4, 100, 10, 0.4, 0.9),
    ] {
        let before = baseline(case(threads, &vec![40; workers]));
        let (mut met, mut found, mut fresh) = (0, 0, 0);
        let sequences = 400;
        for _ in 0..sequences {
            let mut program = Workers { threads, rate: 1.0 / f64::from(every), random: &mut random };
            let run = program.run();
            let (flagged, failed, drawn) = program.judge(&before, run);
            met += usize::from(flagged);
            found += usize::from(failed);
            fresh += drawn;
        }
        let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
        let power = share(found, met);
        println!(
            "| {threads} | {workers} | 1 in {every} | {:.0} % | {:.1} % | {:.1} % | {:.1} |",
            100.0 * share(met, sequences),
            100.0 * power,
            100.0 * share(found, sequences),
            share(fresh, met)
        );
        assert!((at_least..=at_most).contains(&power), "{power} with {threads} threads, n = {workers}, 1 in {every}");
    }
}

/// A page in every worker is decided by the first five.
#[test]
fn a_change_in_every_worker_takes_five_fresh_ones() {
    for threads in [2, 4] {
        let before = baseline(case(threads, &[40; 20]));
        let (comparison, drawn) = gate(&before, case(threads, &[50; 20]), |count| case(threads, &vec![50; count]));
        assert!(fails(&comparison) && drawn == 5, "{drawn} with {threads} threads");
    }
}

/// What only the first workers showed is not confirmed, and ends before the largest number.
#[test]
fn a_change_that_fresh_workers_do_not_show_is_unconfirmed() {
    let before = baseline(case(4, &[40; 20]));
    let (comparison, drawn) = gate(&before, case(4, &[50; 20]), |count| case(4, &vec![40; count]));
    assert!(!fails(&comparison) && drawn == 40, "{drawn}");
    let slope = comparison.verdicts.iter().find(|verdict| verdict.kind == Kind::Unconfirmed).expect("a finding");
    assert!(slope.sentence.contains("not confirmed by 40 fresh workers"), "{}", slope.sentence);
}

/// A case of which some workers run out of memory.
fn failing(failed: usize, completed: usize) -> CaseRecord {
    let failure = Failure {
        outcome: Outcome::OutOfMemory,
        last_stage: Some("live@10".parse().expect("a stage")),
        output_tail: String::new(),
    };
    CaseRecord { failures: vec![failure; failed], ..case(2, &vec![40; completed]) }
}

fn failed_verdict(comparison: &FamilyComparison) -> &highwater_judge::Verdict {
    comparison.verdicts.iter().find(|verdict| verdict.subject.is_none()).expect("a verdict on the case")
}

/// Three of three workers failed, where four of twenty did in the baseline.
#[test]
fn failures_that_become_more_frequent_are_a_finding() {
    let before = baseline(failing(4, 16));
    let first = compare_family(&before, &record(vec![failing(3, 0)]), &Policy::default());
    assert!(fails(&first), "nothing can be judged");
    let (comparison, drawn) = gate(&before, failing(3, 0), |count| failing(count, 0));
    let verdict = failed_verdict(&comparison);
    assert_eq!((verdict.kind, verdict.gated, drawn), (Kind::Failed, true, 5));
    assert_eq!(verdict.sentence, "8 of 8 workers failed: out of memory after live@10; 4 of 20 in the baseline");
    // A rise from 20 % to 80 % of the workers takes more of them.
    let (comparison, drawn) = gate(&before, failing(4, 1), |count| failing(count * 4 / 5, count - count * 4 / 5));
    assert!(fails(&comparison) && (10..=20).contains(&drawn), "{drawn}: {}", failed_verdict(&comparison).sentence);
}

#[test]
fn failures_as_frequent_as_in_the_baseline_pass() {
    let before = baseline(failing(4, 16));
    for (failed, completed) in [(4, 16), (1, 4), (0, 20), (6, 14)] {
        let (comparison, drawn) =
            gate(&before, failing(failed, completed), |count| failing(count / 5, count - count / 5));
        assert!(!fails(&comparison) && drawn == 0, "{failed} of {}", failed + completed);
    }
    // Three of three by chance: the fresh workers that complete are judged.
    let (comparison, drawn) = gate(&before, failing(3, 0), |count| failing(count / 5, count - count / 5));
    assert!(!fails(&comparison) && drawn <= 10, "{drawn}");
    assert!(comparison.verdicts.iter().any(|verdict| verdict.subject.is_some()), "values were judged");
    let (grown, _) = gate(&before, failing(3, 0), |count| CaseRecord {
        failures: failing(count / 5, 0).failures,
        ..case(2, &vec![50; count - count / 5])
    });
    assert!(fails(&grown), "a page more in the workers that complete");
    // A case that always fails is expected to.
    let always = baseline(failing(3, 0));
    assert!(!fails(&gate(&always, failing(3, 0), |count| failing(count, 0)).0));
}

#[test]
fn another_kind_of_failure_fails_at_once() {
    let before = baseline(failing(4, 16));
    let mut run = failing(1, 19);
    run.failures.push(Failure { outcome: Outcome::Signaled { signal: 9 }, ..run.failures[0].clone() });
    let comparison = compare_family(&before, &record(vec![run]), &Policy::default());
    let verdict = failed_verdict(&comparison);
    assert!(verdict.fails() && verdict.sentence.starts_with("2 of 21 workers failed: "), "{}", verdict.sentence);
    assert!(!verdict.sentence.contains("out of memory"), "the new kind is named: {}", verdict.sentence);
}
