//! The time half of a run: this program once more, as a plain criterion benchmark in a process of
//! its own, and criterion's estimates read back from its folder.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, SystemTime},
};

use criterion::{Bencher, Criterion};
use highwater_model::TimeEstimate;
use highwater_runner::{Interrupt, IsolateError, RunError};
use highwater_worker::{Case, CaseResult, Dirs, Family, NotRun, Timer};
use serde::Deserialize;

use crate::options::{Matcher, Options};

/// Marks the process that is to be the criterion benchmark.
const MARK: &str = "HIGHWATER_TIMING";
/// How often the parent looks whether criterion has ended: seldom, to leave it the machine.
const GLANCE: Duration = Duration::from_millis(100);
/// Criterion's own variable for its folder.
const HOME: &str = "CRITERION_HOME";

/// Whether this process is to be the criterion benchmark.
pub(super) fn is_wanted() -> bool {
    env::var_os(MARK).is_some()
}

/// Runs criterion in a process of its own, with its flags as the user gave them.
pub(super) fn spawn(args: &[String], target: &Path, interrupt: &Interrupt) -> Result<Timed, RunError> {
    let home = env::var_os(HOME).map_or_else(|| target.join("criterion"), PathBuf::from);
    let exe = PathBuf::from("/proc/self/exe");
    let before = SystemTime::now();
    let mut child = Command::new(&exe)
        .args(args)
        .env(MARK, "1")
        .env(HOME, &home)
        .spawn()
        .map_err(|source| RunError::Io { path: exe, source })?;
    let status = wait(&mut child, interrupt)?;
    if status.success() { Ok(Timed { home, before }) } else { Err(RunError::Criterion(status)) }
}

/// Waits for the child, which ends when the user wants to stop.
fn wait(child: &mut Child, interrupt: &Interrupt) -> Result<ExitStatus, IsolateError> {
    let system = |source| IsolateError::System { what: "wait for criterion", source };
    loop {
        // From a terminal Ctrl-C reaches the child by itself.
        let ended = child.try_wait().map_err(system)?;
        if interrupt.raised() {
            if ended.is_none() {
                child.kill().and_then(|()| child.wait()).map_err(system)?;
            }
            return Err(IsolateError::Interrupted);
        }
        match ended {
            Some(status) => return Ok(status),
            None => std::thread::sleep(GLANCE),
        }
    }
}

/// Where criterion left its estimates, and since when.
pub(super) struct Timed {
    home: PathBuf,
    before: SystemTime,
}

#[derive(Deserialize)]
struct BenchmarkFile {
    group_id: String,
    function_id: Option<String>,
}

#[derive(Deserialize)]
struct EstimatesFile {
    mean: EstimateFile,
    slope: Option<EstimateFile>,
}

#[derive(Deserialize)]
struct EstimateFile {
    confidence_interval: IntervalFile,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct IntervalFile {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

impl Timed {
    /// The estimates of this run by case id and routine. Criterion keeps them as
    /// `GROUP/FUNCTION/new/{benchmark,estimates}.json`; what this run did not write is left out.
    pub(super) fn estimates(&self) -> BTreeMap<(String, String), TimeEstimate> {
        let folders = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        folders(self.home.clone()).flat_map(folders).filter_map(|function| self.read(&function.join("new"))).collect()
    }

    fn read(&self, folder: &Path) -> Option<((String, String), TimeEstimate)> {
        let path = folder.join("estimates.json");
        if fs::metadata(&path).ok()?.modified().ok()? < self.before {
            return None;
        }
        let id: BenchmarkFile = serde_json::from_slice(&fs::read(folder.join("benchmark.json")).ok()?).ok()?;
        let estimates: EstimatesFile = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let (estimator, estimate) = match estimates.slope {
            Some(slope) => ("slope", slope),
            None => ("mean", estimates.mean),
        };
        let time = TimeEstimate {
            estimator: estimator.to_owned(),
            ns: estimate.point_estimate,
            low_ns: estimate.confidence_interval.lower_bound,
            high_ns: estimate.confidence_interval.upper_bound,
            confidence: estimate.confidence_interval.confidence_level,
        };
        Some(((id.group_id, id.function_id?), time))
    }
}

/// The criterion benchmark itself: one group per case, one function per routine.
pub(super) fn run(family: &Family, options: &Options, matcher: &Matcher, dirs: Dirs<'_>) -> CaseResult {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        // Its default of 100,000 takes longer to draw than the routine to measure.
        .nresamples(10_000)
        .configure_from_args();
    for case in &family.cases {
        let too_heavy = options.criterion.quick && case.is_heavy();
        if case.routines().is_empty() || too_heavy || !matcher.selects(case.as_ref()) {
            continue;
        }
        // A list needs no files.
        let inputs = if options.criterion.list { Ok(Vec::new()) } else { case.prepare(dirs) };
        match inputs.and_then(|inputs| time_case(&mut criterion, case.as_ref(), &inputs)) {
            Err(error) if error.is::<NotRun>() => eprintln!("{}: {error}", case.id()),
            Err(error) => return Err(format!("{}: {error}", case.id()).into()),
            Ok(()) => {}
        }
    }
    criterion.final_summary();
    Ok(())
}

/// Criterion's clock.
struct ByCriterion<'a, 'b>(&'a mut Bencher<'b>);

impl Timer for ByCriterion<'_, '_> {
    fn measure(&mut self, measure: &mut dyn FnMut(u64) -> Duration) {
        self.0.iter_custom(measure);
    }
}

fn time_case(criterion: &mut Criterion, case: &dyn Case, inputs: &[PathBuf]) -> CaseResult {
    let mut failure = None;
    let mut group = criterion.benchmark_group(case.id().as_str());
    for routine in case.routines() {
        group.bench_function(*routine, |bencher| {
            if let Err(error) = case.time(routine, inputs, &mut ByCriterion(bencher)) {
                failure.get_or_insert(error);
                // Criterion panics over a routine that was never iterated.
                bencher.iter(|| ());
            }
        });
        if failure.is_some() {
            break;
        }
    }
    group.finish();
    failure.map_or(Ok(()), Err)
}
