//! Measures plans of unmodified programs: takes the lock of the records' folder, runs the workers with a display of
//! their progress, and writes the record of each plan.

use std::{
    fs::{self, Permissions},
    num::NonZeroUsize,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use highwater_model::{Part, Partition, Record, Selection};
use highwater_report::{
    counted,
    terminal::{Forecast, ProgressLine, note},
};
use highwater_runner::{
    CaseTimes, Interrupt, Plan, RunnerError, Sampling, Step, link_program, machine_name, measure_all, run_id,
};
use highwater_store::{Durations, FolderLock, LastRun, Progress, write_record};

use crate::{CliError, forecast::WorkerTimes};

/// The number of workers that most cases need, with a warm-up.
const EXPECTED_WORKERS: u32 = 6;

/// A plan, and the options that its forecast and its number of workers depend on.
pub(super) struct Measured {
    plan: Plan,
    /// The part of a suite that the plan has.
    part: Option<Part>,
    samples: Option<u32>,
    stop_after: Option<Duration>,
}

impl Measured {
    /// The part of a plan that the partition selects.
    pub(super) fn new(
        mut plan: Plan,
        partition: Option<Partition>,
        samples: Option<u32>,
        stop_after: Option<Duration>,
    ) -> Self {
        let part = partition.map(|partition| {
            let cases = plan.cases.iter().map(|planned| planned.id().clone()).collect();
            plan.cases = partition.take(std::mem::take(&mut plan.cases), |planned| planned.id().clone());
            Part { partition, samples: sampling(samples).to_string(), cases }
        });
        Self { plan, part, samples, stop_after }
    }
}

fn sampling(samples: Option<u32>) -> Sampling {
    samples.map_or(Sampling::default(), |count| Sampling::exactly(count as usize))
}

/// Measures each plan, writes its record into `folder`, and passes it to `show`.
///
/// # Errors
/// If the harness fails or is interrupted. The records so far are written.
pub(super) fn measure(
    all: Vec<Measured>,
    folder: &Path,
    mut show: impl FnMut(&Record, &Path) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let io_error = |source| CliError::Io { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(io_error)?;
    let folder = &fs::canonicalize(folder).map_err(io_error)?;
    // Before the handler of Ctrl-C, so that Ctrl-C ends a run that waits.
    let lock = FolderLock::take(folder, |line| note(line))?;
    lock.sweep(folder);
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let conditions = all.iter().find_map(|measured| Some(format!("--partition {}", measured.part.as_ref()?.partition)));
    let progress = |family: &str, progress| LastRun::note(folder, &run_id(), conditions.as_deref(), family, progress);
    // All of them, so that a run that ends early is not taken for a run of fewer.
    for measured in &all {
        progress(&measured.plan.family, Progress::Begun)?;
    }
    for measured in all {
        let family = measured.plan.family.clone();
        if measured.plan.cases.is_empty() {
            let part = measured.part.map_or(String::new(), |part| part.partition.to_string());
            note(format_args!("{family}: no case in {part}"));
            progress(&family, Progress::NothingSelected)?;
            continue;
        }
        let record = measure_one(measured, folder, &interrupt)?;
        let path = folder.join(format!("{family}.json"));
        write_record(&path, &record)?;
        if interrupt.raised() {
            note(format_args!("written to {}: the cases so far", path.display()));
            return Err(RunnerError::Interrupted.into());
        }
        link_program(folder, &family)?;
        progress(&family, Progress::Measured)?;
        show(&record, &path)?;
    }
    Ok(())
}

/// Measures the cases of a plan, and writes it for `highwater compare`. After an interrupt, the record has the cases so
/// far.
fn measure_one(measured: Measured, folder: &Path, interrupt: &Interrupt) -> Result<Record, CliError> {
    let Measured { plan, part, samples, stop_after } = measured;
    let family = plan.family.clone();
    let sampling = sampling(samples);
    let known = WorkerTimes::read(folder, &family);
    let mut forecast = Forecast::default();
    for id in plan.cases.iter().map(|planned| planned.id()) {
        let expected = |each: Duration| match samples {
            Some(count) => each.saturating_mul(count + 1),
            None => each.saturating_mul(EXPECTED_WORKERS).max(Duration::from_secs(1)),
        };
        match stop_after {
            Some(time) => forecast.add_guess(id.as_str(), expected(time)),
            None => known.add(&mut forecast, id.as_str(), id, expected),
        }
    }
    let runs = match (sampling.min, sampling.max) {
        (min, max) if min == max => counted(max, "run"),
        (min, max) => format!("{min} to {max} runs"),
    };
    let only = part.as_ref().map_or(String::new(), |part| format!(", only {}", part.partition));
    note(format_args!("{family}: {} with {runs} each{only}; {forecast}", counted(plan.cases.len(), "case")));
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
    let path = Plan::path_of_run(folder, &family);
    path.parent().map_or(Ok(()), make_private_folder)?;
    plan.write(&path)?;
    let mut durations = Durations::read(folder, &family, &machine_name());
    durations.cases.extend(times.into_durations());
    if let Err(error) = durations.write(folder, &family) {
        note(format_args!("warning: the durations for the next forecast were not written: {error}"));
    }
    Ok(measuring.record(plan, Selection { part, ..Selection::default() }, true, cases))
}

/// Creates a folder, or changes it, so that only its owner can read what is in it: a plan has the environment.
fn make_private_folder(folder: &Path) -> Result<(), CliError> {
    let made = fs::create_dir_all(folder).and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)));
    made.map_err(|source| CliError::Io { path: folder.to_owned(), source })
}
