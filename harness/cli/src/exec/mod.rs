//! `highwater exec`: measures an unmodified program, which writes a record like a bench.

mod jobs;
mod matrix;
mod stage_flag;

use std::{
    env,
    ffi::OsString,
    fs,
    num::NonZeroUsize,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use highwater_judge::{Kind, Policy, baselines, compare_family};
use highwater_model::{MAX_SAMPLES, Record, Selection, exit, is_id_part};
use highwater_report::{
    Reference, RunView, counted, escape, program_text,
    terminal::{Forecast, ProgressLine, highwater_command, next, note},
};
use highwater_runner::{CaseTimes, Interrupt, Plan, RunnerError, Sampling, Step, machine_name, measure_all, run_id};
use highwater_store::{Durations, FolderLock, LastRun, Progress, write_record};

use self::{
    jobs::Common,
    matrix::{Parameter, combinations, id_part},
    stage_flag::{StageFlag, stages},
};
use super::{
    CliError,
    confirm::command_of,
    forecast::WorkerTimes,
    paths::{BaselineOptions, RunFolder},
    print, width,
};

/// The default time limit of a worker, beyond the time that `--for` gives it.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The number of workers that most cases need, with a warm-up.
const EXPECTED_WORKERS: u32 = 6;

/// Measure a program in any language, without changes to it: all processes that it starts, at its start, at lines of its
/// output, and before it exits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The record is written to target/highwater/<name>.json, so `highwater compare` and `highwater bless` work as for a bench.
Exit status: 0 measured (also if the program failed), 1 internal error, 2 usage error, 130 interrupted.")]
pub(super) struct Arguments {
    /// The program and its arguments; `{name}` is replaced by the value of --param
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// Name of the record and its baseline [default: the file name of the program]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Number of runs per case [default: up to 20 within 1 s, at least 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_SAMPLES as i64))]
    samples: Option<u32>,
    /// Measure the program after this time and kill it, instead of waiting for its exit; for servers
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    stop_after: Option<Duration>,
    /// Measure when a line of the output matches; may be repeated
    #[arg(long = "stage", value_name = "NAME=REGEX")]
    stages: Vec<StageFlag>,
    /// Values for `{name}` in the command. Every combination is a case; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE,...")]
    parameters: Vec<Parameter>,
    /// Time limit of each run [default: 60s, or that much longer than --for]
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// Show all columns, figures and reasons
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    run: RunFolder,
    #[command(flatten)]
    baselines: BaselineOptions,
}

/// Parses `10s` or `500ms`.
fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("it must be a time with its unit, as in 10s or 500ms".to_owned()),
    }
}

impl Arguments {
    fn family(&self) -> Result<String, CliError> {
        match &self.name {
            Some(name) if !is_id_part(name) || name.contains(['=', ',']) => Err(CliError::Usage(format!(
                "--name: `{name}` is not a name: expected lower case letters, digits and - _ ."
            ))),
            Some(name) => Ok(name.clone()),
            None => {
                let program = self.command.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
                Ok(id_part(&program.to_string_lossy()))
            }
        }
    }

    fn plan(&self) -> Result<Plan, CliError> {
        if self.command.iter().any(|word| word.as_bytes().contains(&0)) || self.command[0].is_empty() {
            return Err(CliError::Usage("the program has no name".to_owned()));
        }
        let family = self.family()?;
        let cases = combinations(&family, &self.parameters, &self.command)?;
        let time_limit = self.timeout.unwrap_or(TIME_LIMIT + self.stop_after.unwrap_or_default());
        if self.stop_after.is_some_and(|time| time >= time_limit) {
            return Err(CliError::Usage("--timeout: it must be longer than --for".to_owned()));
        }
        let stages = stages(&self.stages)?;
        let common = Common { family: &family, stages: &stages, stop_after: self.stop_after, time_limit };
        jobs::plan(&common, &self.command, cases)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let plan = arguments.plan()?;
    let policy = arguments.baselines.policy()?;
    let folder = arguments.run.path();
    let io_error = |source| CliError::Io { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(io_error)?;
    let folder = fs::canonicalize(&folder).map_err(io_error)?;
    // Before the handler of Ctrl-C, so that Ctrl-C ends a run that waits.
    let lock = FolderLock::take(&folder, |line| note(line))?;
    lock.sweep(&folder);
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let family = plan.family.clone();
    let progress = |progress| LastRun::note(&folder, &run_id(), None, &family, progress);
    progress(Progress::Begun)?;
    let record = measure(arguments, plan, &folder, &interrupt)?;
    let path = path_of(&folder, &family);
    write_record(&path, &record)?;
    if interrupt.raised() {
        note(format_args!("written to {}: the cases so far", path.display()));
        return Err(RunnerError::Interrupted.into());
    }
    link(&folder.join("programs").join(&family))?;
    progress(Progress::Measured)?;
    show(&record, arguments, &folder, &policy)?;
    Ok(exit::PASSED)
}

/// The record of a name.
fn path_of(folder: &Path, family: &str) -> PathBuf {
    folder.join(format!("{family}.json"))
}

/// Measures the cases of the plan, and writes it for `highwater compare`. After an interrupt, the record has the cases so
/// far.
fn measure(arguments: &Arguments, plan: Plan, folder: &Path, interrupt: &Interrupt) -> Result<Record, CliError> {
    let family = plan.family.clone();
    let sampling = arguments.samples.map_or(Sampling::default(), |count| Sampling::exactly(count as usize));
    let known = WorkerTimes::read(folder, &family);
    let mut forecast = Forecast::default();
    for id in plan.cases.iter().map(|planned| planned.id()) {
        let expected = |each: Duration| match arguments.samples {
            Some(count) => each * (count + 1),
            None => (each * EXPECTED_WORKERS).max(Duration::from_secs(1)),
        };
        match arguments.stop_after {
            Some(time) => forecast.add_guess(id.as_str(), expected(time)),
            None => known.add(&mut forecast, id.as_str(), id, expected),
        }
    }
    let runs = match (sampling.min, sampling.max) {
        (min, max) if min == max => counted(max, "run"),
        (min, max) => format!("{min} to {max} runs"),
    };
    note(format_args!("{family}: {} with {runs} each; {forecast}", counted(plan.cases.len(), "case")));
    let progress = ProgressLine::new(&family, &forecast);
    let times = CaseTimes::default();
    let watch = |step: Step<'_>| {
        times.see(step);
        match step {
            Step::Begun(case) => progress.begin(case.as_str()),
            Step::Worker { case, number, most } => progress.at_worker(case.as_str(), number, most),
            Step::Done { case, .. } => progress.end(case.as_str()),
        }
    };
    let (measuring, cases) = measure_all(&plan, folder, interrupt, NonZeroUsize::MIN, sampling, &watch)?;
    drop(progress);
    if interrupt.raised() && cases.iter().all(|case| case.samples == 0 && case.failures.is_empty()) {
        // The record of an earlier run is worth more than an empty one.
        return Err(RunnerError::Interrupted.into());
    }
    plan.write(&Plan::path_of_run(folder, &family))?;
    let mut durations = Durations::read(folder, &family, &machine_name());
    durations.cases.extend(times.into_durations());
    if let Err(error) = durations.write(folder, &family) {
        note(format_args!("warning: the durations for the next forecast were not written: {error}"));
    }
    Ok(measuring.record(plan, Selection::default(), true, cases))
}

/// Links this program, so that `highwater compare` knows what measured the record.
fn link(path: &Path) -> Result<(), CliError> {
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::Io { path, source }
    };
    let own = env::current_exe().map_err(io_error(Path::new("/proc/self/exe")))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    let new: PathBuf = path.with_extension(format!("{}.new", process::id()));
    symlink(own, &new).map_err(io_error(&new))?;
    fs::rename(&new, path).map_err(io_error(path))
}

/// Prints the result, compared with its baseline if there is one, and what to do next.
fn show(record: &Record, arguments: &Arguments, folder: &Path, policy: &Policy) -> Result<(), CliError> {
    let baseline = baselines::find(&arguments.baselines.folder, record)?;
    let comparison = baseline.as_ref().map(|baseline| compare_family(baseline, record, policy));
    let against = comparison.as_ref().map(|comparison| Reference { name: "its baseline", comparison });
    print(&program_text(record, against, RunView { width: width(), is_verbose: arguments.verbose }));
    print(&escape::line(&format!("written to {}", path_of(folder, &record.family).display())));
    let failed = record.cases.iter().find(|case| !case.failures.is_empty());
    let folders = format!("{}{}", arguments.run.as_arguments(), arguments.baselines.as_arguments());
    let is_finding = |kind: Kind| kind.is_flagged() || kind == Kind::Failed;
    if let (None, Some(command)) = (&comparison, failed.and_then(|case| command_of(folder, &case.id))) {
        next(&command, "run the failed command");
        return Ok(());
    }
    match &comparison {
        None => next(
            &highwater_command(&format!("bless --reason 'first baseline'{folders}")),
            "compare later runs with this one",
        ),
        Some(family) if family.verdicts.iter().any(|verdict| verdict.gated && is_finding(verdict.kind)) => {
            next(&highwater_command(&format!("compare{folders}")), "confirm the findings with fresh workers");
        }
        Some(_) => {
            next(&highwater_command(&format!("compare{folders}")), "the gate: exit status 3 if memory grew");
        }
    }
    Ok(())
}
