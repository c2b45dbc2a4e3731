//! Runs a program in another language as a worker.

use std::{path::PathBuf, time::Duration};

use highwater_model::{Metric, Outcome, Sample, Scale, WorkerOptions};
use highwater_runner::{CpuPlan, Interrupt, Job, Observed, Supervisor};
use highwater_worker::{Conditions, Layout, Limits, Program};

/// The sample of a worker that runs a program with arguments, on the ladder 1, 10, 100.
pub(crate) fn run(program: &str, args: &[&str]) -> Sample {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = CpuPlan::new().expect("CPUs");
    let own = "/proc/self/exe".as_ref();
    let supervisor = Supervisor::new(own, folder.path(), plan, Interrupt::default()).expect("a supervisor");
    let args = args.iter().map(Into::into).collect();
    let job = Job {
        program: Program::Other { path: PathBuf::from(program), args },
        case: "toy/heap/size=64k".parse().expect("an id"),
        warm_up: false,
        alone: true,
        takes_turns: false,
        ladder: [1, 10, 100].map(Scale).to_vec(),
        options: WorkerOptions::default(),
        inputs: vec!["cache/data.bin".into()],
        baseline_stage: "loaded".parse().expect("a stage"),
        limits: Limits { time: Duration::from_secs(20), memory: None },
        conditions: Conditions::default(),
        environment: vec![("PATH".into(), std::env::var("PATH").unwrap_or_default())],
    };
    match supervisor.run(&job, Layout::of_worker(1)).expect("the harness works").0 {
        Observed::Sample(sample) => sample,
        Observed::NotRun(reason) => panic!("not run: {reason}"),
    }
}

/// Asserts that a worker completed with these stages.
pub(crate) fn assert_stages(sample: &Sample, stages: &[&str]) {
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
    let reached: Vec<String> = sample.readings.iter().map(|reading| reading.stage.to_string()).collect();
    assert_eq!(reached, stages);
}

/// Asserts that each of 90 units of 64 KiB, between the last two of the stages, takes at most a fifth more.
pub(crate) fn assert_cost_of_units(sample: &Sample) {
    let anon: Vec<u64> =
        sample.readings.iter().map(|reading| reading.snapshot.get(Metric::Anon).expect("read")).collect();
    let Some([.., before, after]) = anon.get(..).filter(|anon| anon.len() > 1) else { panic!("{anon:?}") };
    let per_unit = (after - before) as f64 / 90.0;
    assert!((65_536.0..1.2 * 65_536.0).contains(&per_unit), "{per_unit} bytes per 64 KiB buffer");
}
