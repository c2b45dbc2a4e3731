//! Runs the example workers in `docs/protocol.md`, so that the page stays correct.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{Metric, Outcome, Sample, Scale, WorkerOptions};
use highwater_runner::{CpuPlan, Interrupt, Job, Observed, Supervisor};
use highwater_worker::{Conditions, Layout, Limits, Program};

/// The first code block of a language on the page.
fn snippet(language: &str) -> &'static str {
    let page = include_str!("../../../docs/protocol.md");
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a code block");
    rest.split_once("```").expect("its end").0
}

fn run(interpreter: &str, text: &str) -> Sample {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = CpuPlan::new().expect("CPUs");
    let supervisor =
        Supervisor::new(Path::new("/proc/self/exe"), folder.path(), plan, Interrupt::default()).expect("a supervisor");
    let job = Job {
        program: Program::Other { path: PathBuf::from(interpreter), args: vec!["-c".into(), text.into()] },
        case: "toy/heap/size=64k".parse().expect("an id"),
        warm_up: false,
        alone: true,
        ladder: [1, 10, 100].map(Scale).to_vec(),
        options: WorkerOptions::default(),
        inputs: Vec::new(),
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

fn stages(sample: &Sample) -> Vec<String> {
    sample.readings.iter().map(|reading| reading.stage.to_string()).collect()
}

#[test]
fn the_bash_worker_reports_its_stages() {
    let sample = run("/bin/bash", snippet("bash"));
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
    assert_eq!(stages(&sample), ["start", "loaded"]);
}

#[test]
fn the_python_worker_climbs_its_ladder() {
    let text = format!("exec python3 - 3<&3 <<'END'\n{}END\n", snippet("python"));
    let sample = run("/bin/bash", &text);
    assert_eq!(sample.outcome, Outcome::Completed, "{}", sample.output_tail);
    assert_eq!(stages(&sample), ["loaded", "live@1", "live@10", "live@100"]);
    let anon = |index: usize| sample.readings[index].snapshot.get(Metric::Anon).expect("read");
    let per_unit = (anon(3) - anon(2)) as f64 / 90.0;
    assert!((65_536.0..1.2 * 65_536.0).contains(&per_unit), "{per_unit} bytes per 64 KiB buffer");
}
