//! Time measurement: runs this program as a criterion benchmark in a separate process, and reads criterion's estimates
//! from its folder.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, SystemTime},
};

use criterion::{Bencher, Criterion};
use highwater_model::{ParameterFilter, TimeEstimate};
use highwater_report::terminal::note;
use highwater_runner::{Interrupt, RunError, RunnerError, end_on_closed_pipe};
use highwater_worker::{Case, CaseResult, Dirs, Family, NotRun, Timer};
use serde::Deserialize;

use crate::{matcher::Matcher, options::Options};

/// The environment variable of the process that is the criterion benchmark.
const TIMING_VAR: &str = "HIGHWATER_TIMING";
/// The environment variable of this process with the conditions on parameters, one per line. Criterion, which reads the
/// command line, does not know the flag.
const PARAMETERS_VAR: &str = "HIGHWATER_TIMING_PARAMETERS";
/// How often the parent checks whether criterion has exited; long enough not to disturb it.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Criterion's environment variable for its folder.
const HOME_VAR: &str = "CRITERION_HOME";

/// [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)
const SIGPIPE: i32 = 13;

/// Whether this process is the criterion benchmark.
pub(super) fn is_timing_process() -> bool {
    env::var_os(TIMING_VAR).is_some()
}

/// The conditions on parameters that the parent passed to this process.
pub(super) fn parameters() -> Vec<ParameterFilter> {
    let text = env::var(PARAMETERS_VAR).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Runs criterion in a separate process, with the flags of the user.
pub(super) fn spawn(
    args: &[String],
    parameters: &[ParameterFilter],
    target: &Path,
    interrupt: &Interrupt,
) -> Result<CriterionRun, RunError> {
    let home = env::var_os(HOME_VAR).map_or_else(|| target.join("criterion"), PathBuf::from);
    let exe = PathBuf::from("/proc/self/exe");
    let started = SystemTime::now();
    let mut child = Command::new(&exe)
        .args(args)
        .env(TIMING_VAR, "1")
        .env(PARAMETERS_VAR, parameters.iter().map(|filter| format!("{filter}\n")).collect::<String>())
        .env(HOME_VAR, &home)
        .spawn()
        .map_err(|source| RunError::Io { path: exe, source })?;
    let status = wait(&mut child, interrupt)?;
    // If the reader of the output has gone, the estimates so far are complete.
    let closed_pipe = status.signal() == Some(SIGPIPE);
    if status.success() || closed_pipe { Ok(CriterionRun { home, started }) } else { Err(RunError::Criterion(status)) }
}

/// Waits for the child, and kills it if the user interrupts the run.
fn wait(child: &mut Child, interrupt: &Interrupt) -> Result<ExitStatus, RunnerError> {
    let system = |source| RunnerError::System { what: "wait for criterion", source };
    loop {
        let status = child.try_wait().map_err(system)?;
        if interrupt.raised() {
            // On a terminal the child gets the signal of Ctrl-C itself.
            if status.is_none() {
                child.kill().and_then(|()| child.wait()).map_err(system)?;
            }
            return Err(RunnerError::Interrupted);
        }
        match status {
            Some(status) => return Ok(status),
            None => std::thread::sleep(POLL_INTERVAL),
        }
    }
}

/// A finished run of criterion: the folder of its estimates, and when it was started.
pub(super) struct CriterionRun {
    home: PathBuf,
    started: SystemTime,
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

impl CriterionRun {
    /// The estimates of this run by case id and routine. Criterion stores them as
    /// `GROUP/FUNCTION/new/{benchmark,estimates}.json`; those of earlier runs are ignored.
    pub(super) fn estimates(&self) -> BTreeMap<(String, String), TimeEstimate> {
        let folders = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        folders(self.home.clone()).flat_map(folders).filter_map(|function| self.read(&function.join("new"))).collect()
    }

    fn read(&self, folder: &Path) -> Option<((String, String), TimeEstimate)> {
        let path = folder.join("estimates.json");
        if fs::metadata(&path).ok()?.modified().ok()? < self.started {
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
        // JSON has no infinite numbers and no NaN, so a record with one could not be read.
        let numbers = [time.ns, time.low_ns, time.high_ns, time.confidence];
        numbers.iter().all(|number| number.is_finite()).then_some(((id.group_id, id.function_id?), time))
    }
}

/// The criterion benchmark itself: one group per case, one function per routine.
pub(super) fn run(family: &Family, options: &Options, matcher: &Matcher, dirs: Dirs<'_>) -> CaseResult {
    end_on_closed_pipe();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        // The default of 100,000 would take longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    for case in &family.cases {
        let too_heavy = options.criterion.quick && case.is_heavy();
        if case.routines().is_empty() || too_heavy || !matcher.selects(case.as_ref()) {
            continue;
        }
        // A list does not need the files.
        let inputs = if options.criterion.list { Ok(Vec::new()) } else { case.prepare(dirs) };
        let inputs = match inputs {
            Ok(inputs) => inputs,
            // The other cases are timed. The record of memory has this error as the failure of the case.
            Err(error) => {
                note(format_args!("{}: not timed: {error}", case.id()));
                continue;
            }
        };
        match time_case(&mut criterion, case.as_ref(), &inputs) {
            Err(error) if error.is::<NotRun>() => note(format_args!("{}: {error}", case.id())),
            Err(error) => return Err(format!("{}: {error}", case.id()).into()),
            Ok(()) => {}
        }
    }
    criterion.final_summary();
    Ok(())
}

/// A timer that uses criterion.
struct CriterionTimer<'a, 'b>(&'a mut Bencher<'b>);

impl Timer for CriterionTimer<'_, '_> {
    fn measure(&mut self, measure: &mut dyn FnMut(u64) -> Duration) {
        self.0.iter_custom(measure);
    }
}

fn time_case(criterion: &mut Criterion, case: &dyn Case, inputs: &[PathBuf]) -> CaseResult {
    let mut failure = None;
    let mut group = criterion.benchmark_group(case.id().as_str());
    for routine in case.routines() {
        group.bench_function(*routine, |bencher| {
            if let Err(error) = case.time(routine, inputs, &mut CriterionTimer(bencher)) {
                failure.get_or_insert(error);
                // Criterion panics if a routine is never iterated.
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
