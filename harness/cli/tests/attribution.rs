//! What attribution costs and how repeatable it is: workers of the planted regressions, with and without it.

#[path = "common/example.rs"]
mod example;
#[path = "common/programs.rs"]
mod programs;

use std::path::Path;

use highwater_explain::{Attributed, Profile, attribute, difference};
use highwater_model::{Metric, Moment, Outcome, Sample, Selection};
use highwater_runner::{Interrupt, Job, Measuring, Observed, Plan, Planned};
use tempfile::TempDir;

/// Starts workers of the planted regressions.
struct Bench {
    plan: Plan,
    measuring: Measuring,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        // One of the workers is written in Python. Without it, the others are compared.
        programs::is_installed("python3");
        let folder = tempfile::tempdir().expect("a folder");
        let plan = Plan::request(&example::build("planted"), folder.path(), &Selection::default(), true);
        let plan = plan.expect("a plan");
        let interrupt = Interrupt::install().expect("signals");
        let measuring = Measuring::new(&plan.worker, folder.path(), &interrupt).expect("it can start workers");
        Self { plan, measuring, _folder: folder }
    }

    fn jobs(&self) -> Vec<Job> {
        let job = |planned: &Planned| match planned {
            Planned::Job(job) => Some((**job).clone()),
            Planned::NotRun { .. } => None,
            Planned::NotPrepared { id, reason } => panic!("{id}: {reason}"),
        };
        self.plan.cases.iter().filter_map(job).collect()
    }

    fn attribute(&mut self, job: &Job) -> Attributed {
        attribute(&mut self.measuring, &self.plan, job, Path::new("/"), None).expect("it is explained")
    }

    fn worker(&mut self, job: &Job) -> Sample {
        match self.measuring.worker(job, 0).expect("it runs") {
            Observed::Sample(sample) if sample.outcome == Outcome::Completed => sample,
            other => panic!("{}: {other:?}", job.case),
        }
    }
}

/// The most memory that a worker had at a stage, in bytes.
fn most(sample: &Sample) -> u64 {
    sample.readings.iter().filter_map(|reading| reading.snapshot.get(Metric::Uss)).max().expect("readings")
}

#[test]
fn two_workers_of_one_revision_do_not_differ() {
    let mut bench = Bench::new();
    for job in bench.jobs() {
        let (first, second) = (bench.attribute(&job), bench.attribute(&job));
        for moment in [Moment::Reached, Moment::Peak] {
            let profile = |attributed: &Attributed| Profile::new(attributed, None, moment).expect("stages");
            let grown = difference(&profile(&first), &profile(&second)).expect("of one kind").rows;
            let is_above_a_page = |bytes: f64| bytes.abs() > 4096.0;
            let above = grown.iter().filter(|row| is_above_a_page(row.per_unit.unwrap_or(row.bytes as f64)));
            assert_eq!(above.count(), 0, "{}: {grown:?}", job.case);
        }
    }
}

/// What reading the unwind tables of a program and the pages of each stage takes, however short the worker is: measured
/// 0.12 s for one of 13 ms.
const FIXED_NS: u64 = 250_000_000;

/// Within ten times its time and 64 MiB. The time is the shortest of three, because other programs may run.
#[test]
fn a_worker_with_attribution_stays_within_its_limits() {
    let mut bench = Bench::new();
    for job in bench.jobs() {
        let plain: Vec<Sample> = (0..3).map(|_| bench.worker(&job)).collect();
        let attributed: Vec<Sample> = (0..3).map(|_| bench.attribute(&job).sample().clone()).collect();
        let shortest = |samples: &[Sample]| samples.iter().map(|sample| sample.lifetime_ns).min().expect("three");
        let (before, after) = (shortest(&plain), shortest(&attributed));
        assert!(after <= (10 * before).max(FIXED_NS), "{}: {before} ns, with attribution {after} ns", job.case);
        let more = most(&attributed[0]).saturating_sub(most(&plain[0]));
        assert!(more <= 64 << 20, "{}: {more} B more", job.case);
    }
}
