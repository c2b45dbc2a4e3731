//! `--verify`: the bench binary of the run is asked for workers with about as many units as were
//! predicted, each in a memory cgroup of the size that was asked about.

use std::{path::Path, time::Duration};

use highwater_judge::{Capacity, Search};
use highwater_model::{Bytes, Outcome, Record, Sample, Scale, Selection};
use highwater_probe::ceilings;
use highwater_report::{CapacityReport, CaseCapacity, Verified};
use highwater_runner::{Interrupt, Job, Measuring, Observed, Planned, RunnerError};
use highwater_store::FolderLock;
use highwater_worker::Limits;

use crate::{
    CliError,
    again::{Program, filter_of},
};

/// What a worker with many thousand units may take, our reading of it included.
const TIME: Duration = Duration::from_secs(900);
/// Memory that is left to the rest of the machine.
const SPARE: u64 = 256 << 20;
/// The most units that a ladder may have (`--ladder`).
const MOST_UNITS: u64 = 1_000_000;

/// Puts every prediction of the report to the test.
///
/// # Errors
/// When the harness fails or the user stops it; what cannot be verified here is in the report.
pub(super) fn verify(folder: &Path, runs: &[Record], report: &mut CapacityReport) -> Result<(), CliError> {
    let interrupt = Interrupt::install().map_err(|source| RunnerError::System { what: "watch for Ctrl-C", source })?;
    let _lock = FolderLock::take(folder, |line| eprintln!("{line}"))?;
    let memory = report.ceilings.memory;
    for family in &mut report.families {
        let Some(run) = runs.iter().find(|run| run.family == family.family) else { continue };
        for case in &mut family.cases {
            let Ok(capacity) = &case.told else { continue };
            let verified = match room_for(memory) {
                Ok(()) => one(folder, run, capacity, memory, &interrupt)?,
                Err(reason) => Verified::NotRun(reason),
            };
            *case = CaseCapacity { verified: Some(verified), ..case.clone() };
        }
    }
    Ok(())
}

/// Whether the machine has the memory that is to be filled.
fn room_for(memory: Bytes) -> Result<(), String> {
    match ceilings::available() {
        Some(available) if available.0 < memory.0.saturating_add(SPARE) => {
            Err(format!("{memory} are to be filled and {available} are free here"))
        }
        _ => Ok(()),
    }
}

fn one(
    folder: &Path,
    run: &Record,
    capacity: &Capacity,
    memory: Bytes,
    interrupt: &Interrupt,
) -> Result<Verified, CliError> {
    let not_run = |reason: String| Ok(Verified::NotRun(reason));
    let Some(first) = capacity.first() else { return not_run("no limit was predicted".to_owned()) };
    if first.fits.units == 0 {
        return not_run("not even one is predicted to fit".to_owned());
    }
    let program = match Program::of(folder, &run.family) {
        Ok(program) => program,
        Err(why) => return not_run(format!("no workers of this run can be had: {why}")),
    };
    let selection = Selection { filter: Some(filter_of(&[&capacity.case])), ..Selection::default() };
    let plan = program.plan(&selection, run.fingerprint.class.aslr_off)?;
    let job = match plan.cases.into_iter().next() {
        Some(Planned::Job(job)) => job,
        Some(Planned::NotRun { reason, .. }) => return not_run(reason),
        None => return not_run("the bench binary knows no such case".to_owned()),
    };
    let mut measuring = program.measuring(interrupt)?;
    measuring.prepare_page_cache(&job)?;
    let mut search = Search::around(first.fits.units);
    let mut ended = None;
    while let Some(units) = search.next() {
        if units > MOST_UNITS {
            return not_run(format!("{units} units are more than a ladder may have"));
        }
        eprintln!("{}: trying {units} in {memory}", capacity.case);
        match filled(&mut measuring, &job, units, memory)? {
            Filled::Lived => search.found(units, true),
            Filled::Refused(how) => {
                search.found(units, false);
                ended = Some(how);
            }
            Filled::Unclear(reason) => return not_run(reason),
        }
    }
    Ok(Verified::Found(search.verification(ended)))
}

/// What became of a worker.
enum Filled {
    Lived,
    Refused(String),
    /// It says nothing about memory.
    Unclear(String),
}

/// One worker with so many units.
fn filled(measuring: &mut Measuring, job: &Job, units: u64, memory: Bytes) -> Result<Filled, CliError> {
    let scale = Scale(units as u32);
    let limits = Limits { time: TIME, memory: Some(memory) };
    let job = Job { ladder: vec![scale], limits, ..job.clone() };
    let sample = match measuring.worker(&job, 0)? {
        Observed::Sample(sample) => sample,
        Observed::NotRun(reason) => return Ok(Filled::Unclear(reason)),
    };
    Ok(match &sample.outcome {
        Outcome::Completed => Filled::Lived,
        Outcome::TimedOut { .. } | Outcome::Protocol { .. } => Filled::Unclear(format!("a worker {}", sample.outcome)),
        Outcome::OutOfMemory => Filled::Refused(sample.outcome.to_string()),
        Outcome::Exited { .. } | Outcome::Signaled { .. } => Filled::Refused(last_words(&sample)),
    })
}

/// How it ended, and the last line that it wrote.
fn last_words(sample: &Sample) -> String {
    match sample.output_tail.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!("{}: {line}", sample.outcome),
        None => sample.outcome.to_string(),
    }
}
