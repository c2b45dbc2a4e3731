//! `--verify`: tests predictions with workers of the run's bench binary. Each worker creates about the predicted
//! number of units in a memory cgroup of the given size.

use std::{path::Path, time::Duration};

use highwater_judge::{Capacity, Search};
use highwater_model::{Bytes, Outcome, Record, Sample, Scale, Selection};
use highwater_probe::ceilings;
use highwater_report::{
    CapacityReport, CaseCapacity, Verified, counted,
    terminal::{Forecast, ProgressLine, note},
};
use highwater_runner::{Interrupt, Job, Measuring, Observed, Planned, RunnerError};
use highwater_store::FolderLock;
use highwater_worker::Limits;

use crate::{
    CliError,
    confirm::{BenchBinary, exact_filter},
    forecast::WorkerTimes,
};

/// Time limit of a worker with many thousand units, including the time to read its memory.
const TIME: Duration = Duration::from_secs(900);
/// Memory reserved for the rest of the machine.
const SPARE: u64 = 256 << 20;
/// The number of workers that most searches take.
const EXPECTED_TRIES: f64 = 3.0;
/// Maximum scale of a ladder (`--ladder`).
const MAX_UNITS: u64 = 1_000_000;

/// Tests every prediction of the report.
///
/// # Errors
/// Returns an error if the harness fails or the user interrupts it. Predictions that cannot be verified on this
/// machine are marked in the report.
pub(super) fn verify(folder: &Path, runs: &[Record], report: &mut CapacityReport) -> Result<(), CliError> {
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let _lock = FolderLock::take(folder, |line| note(line))?;
    let memory = report.ceilings.memory;
    let forecast = forecast(folder, runs, report);
    note(format_args!("filling {memory} to verify {}; {forecast}", counted(forecast.len(), "prediction")));
    let progress = ProgressLine::new("verifying", &forecast);
    for family in &mut report.families {
        let Some(run) = runs.iter().find(|run| run.family == family.family) else { continue };
        for case in &mut family.cases {
            let Ok(capacity) = &case.prediction else { continue };
            let verified = match check_available(memory) {
                Ok(()) => {
                    progress.begin(case.id.as_str());
                    verify_case(folder, run, capacity, memory, (&interrupt, &progress))?
                }
                Err(reason) => Verified::NotRun(reason),
            };
            progress.end(case.id.as_str());
            *case = CaseCapacity { verified: Some(verified), ..case.clone() };
        }
    }
    Ok(())
}

/// About how long the predictions take to verify: each with a few workers, which take as long per unit as in the run.
fn forecast(folder: &Path, runs: &[Record], report: &CapacityReport) -> Forecast {
    let mut forecast = Forecast::default();
    for family in &report.families {
        let times = WorkerTimes::read(folder, &family.family);
        let run = runs.iter().find(|run| run.family == family.family);
        for case in &family.cases {
            let Ok(capacity) = &case.prediction else { continue };
            let units = capacity.first().map_or(0, |first| first.fits.units);
            let stages = run.and_then(|run| run.case(case.id.as_str())).into_iter().flat_map(|case| &case.stages);
            let most = stages.filter_map(|columns| columns.stage.scale()).map(|scale| scale.0).max().unwrap_or(1);
            let tried = units as f64 / f64::from(most.max(1)) * EXPECTED_TRIES;
            let time = |worker: Duration| Duration::try_from_secs_f64(worker.as_secs_f64() * tried).unwrap_or(TIME);
            // How time grows with the number of units was not measured.
            forecast.add_guess(case.id.as_str(), times.of(&case.id).map_or(Duration::from_secs(10), time));
        }
    }
    forecast
}

/// Checks that the machine has enough free memory.
fn check_available(memory: Bytes) -> Result<(), String> {
    match ceilings::available() {
        Some(available) if available.0 < memory.0.saturating_add(SPARE) => {
            Err(format!("needs {memory} of free memory, but only {available} are available"))
        }
        _ => Ok(()),
    }
}

fn verify_case(
    folder: &Path,
    run: &Record,
    capacity: &Capacity,
    memory: Bytes,
    (interrupt, progress): (&Interrupt, &ProgressLine),
) -> Result<Verified, CliError> {
    let not_run = |reason: String| Ok(Verified::NotRun(reason));
    let Some(first) = capacity.first() else { return not_run("no limit was predicted".to_owned()) };
    if first.fits.units == 0 {
        return not_run("the prediction is 0 units".to_owned());
    }
    let program = match BenchBinary::find(folder, &run.family) {
        Ok(program) => program,
        Err(why) => return not_run(format!("cannot start workers of this run: {why}")),
    };
    let selection = Selection { filter: Some(exact_filter(&[&capacity.case])), ..Selection::default() };
    let plan = program.plan(&selection, run.fingerprint.class.aslr_off)?;
    let mut measuring = program.measuring(&plan, interrupt)?;
    let job = match plan.cases.into_iter().next() {
        Some(Planned::Job(job)) => job,
        Some(Planned::NotRun { reason, .. } | Planned::NotPrepared { reason, .. }) => return not_run(reason),
        None => return not_run("the bench binary does not have this case".to_owned()),
    };
    measuring.prepare_page_cache(&job)?;
    let mut search = Search::around(first.fits.units);
    let mut ended = None;
    while let Some(units) = search.next() {
        if units > MAX_UNITS {
            return not_run(format!("{units} units exceed the maximum scale of a ladder"));
        }
        progress.at(capacity.case.as_str(), format_args!("trying {units} units"), 0.5);
        match fill(&mut measuring, &job, units, memory)? {
            Filled::Completed => search.found(units, true),
            Filled::Failed(how) => {
                search.found(units, false);
                ended = Some(how);
            }
            Filled::Inconclusive(reason) => return not_run(reason),
        }
    }
    Ok(Verified::Found(search.verification(ended)))
}

/// The outcome of a worker.
enum Filled {
    Completed,
    Failed(String),
    /// The outcome is not related to memory.
    Inconclusive(String),
}

/// Runs one worker with `units` units.
fn fill(measuring: &mut Measuring, job: &Job, units: u64, memory: Bytes) -> Result<Filled, CliError> {
    let scale = Scale(units as u32);
    let limits = Limits { time: TIME, memory: Some(memory) };
    let job = Job { ladder: vec![scale], limits, ..job.clone() };
    let sample = match measuring.worker(&job, 0)? {
        Observed::Sample(sample) => sample,
        Observed::NotRun(reason) => return Ok(Filled::Inconclusive(reason)),
    };
    Ok(match &sample.outcome {
        Outcome::Completed => Filled::Completed,
        Outcome::TimedOut { .. }
        | Outcome::Protocol { .. }
        | Outcome::NotPrepared { .. }
        | Outcome::NotStarted { .. }
        | Outcome::Unreadable { .. } => Filled::Inconclusive(format!("a worker {}", sample.outcome)),
        Outcome::OutOfMemory => Filled::Failed(sample.outcome.to_string()),
        Outcome::Exited { .. } | Outcome::Signaled { .. } => Filled::Failed(outcome_with_output(&sample)),
    })
}

/// The outcome, and the last line of output.
fn outcome_with_output(sample: &Sample) -> String {
    match sample.output_tail.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!("{}: {line}", sample.outcome),
        None => sample.outcome.to_string(),
    }
}
