//! The memory half of a run: for each selected case a discarded warm-up worker, then samples.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Case, CaseError, Dirs, Family, NotRun,
    options::{Matcher, Options, Switch},
    progress,
};
use crate::{
    isolate::{self, Conditions, CpuPlan, Interrupt, IsolateError, Job, MachineError, Observed, Supervisor},
    model::{
        Bytes, CaseRecord, Context, Control, ControlState, Fingerprint, Outcome, Record, SCHEMA_VERSION, Sample,
        Selection, Stage, StoreError,
    },
};

/// Workers per case where they are cheap.
const SAMPLES: usize = 20;
/// Workers per case at least (design §4), and in quick mode.
const FEWEST_SAMPLES: usize = 5;
/// A case that has its fewest samples stops here.
const CASE_BUDGET: Duration = Duration::from_secs(1);
/// A case none of whose workers completes is given up after this many.
const DEATHS: usize = 3;

/// A bench run could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The harness failed.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// The machine could not be told.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A record could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A case could not make its files.
    #[error("{case}: {source}")]
    Prepare {
        /// The case.
        case: String,
        /// The family's error.
        source: CaseError,
    },
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Criterion failed or was not pleased.
    #[error("criterion's half of the run failed ({0}); its message stands above")]
    Criterion(std::process::ExitStatus),
    /// In test mode, workers died.
    #[error("{0} of the cases did not run through; see above")]
    TestsFailed(usize),
}

/// Measures the selected cases.
pub(super) fn measure(
    family: &Family,
    options: &Options,
    matcher: &Matcher,
    dirs: Dirs<'_>,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Record, RunError> {
    let plan = CpuPlan::new().map_err(|source| IsolateError::System { what: "choose CPUs", source })?;
    let supervisor = Supervisor::new(folder, plan.clone(), interrupt.clone())?;
    let mut context = isolate::context();
    let mut controls = BTreeMap::new();
    normalise_page_cache(Path::new("/proc/self/exe"))?;

    let selected: Vec<&dyn Case> =
        family.cases.iter().map(AsRef::as_ref).filter(|case| matcher.selects(*case)).collect();
    let bar = progress::bar(selected.len());
    let mut cases = Vec::new();
    for case in selected {
        bar.set_message(case.id().to_string());
        let job = |inputs| job(family, case, options, folder, inputs);
        let prepared = match options.criterion.quick && case.is_heavy() {
            true => Err(NotRun("heavy: left out of --quick".into()).into()),
            false => case.prepare(dirs),
        };
        let record = match prepared {
            Ok(inputs) => {
                for input in &inputs {
                    normalise_page_cache(input)?;
                }
                let parent = plan.pin_parent(case.conditions().cpus);
                controls.insert(Control::ParentElsewhere, parent.state().clone());
                sample(&supervisor, &job(inputs), wanted(options), &mut controls)?
            }
            Err(error) => match error.downcast::<NotRun>() {
                Ok(not_run) => CaseRecord::not_run(case.id(), not_run.0),
                Err(source) => return Err(RunError::Prepare { case: case.id().to_string(), source }),
            },
        };
        cases.push(record);
        bar.inc(1);
    }
    bar.finish_and_clear();
    cases.sort_by(|a, b| a.id.cmp(&b.id));

    context.extend(family.context.clone());
    Ok(Record {
        schema: SCHEMA_VERSION,
        family: family.name.to_owned(),
        blessed: None,
        fingerprint: fingerprint(options, controls, context),
        selection: Selection { filter: options.filter.clone(), inject: options.inject, ladder: options.ladder.clone() },
        unit: family.unit.to_owned(),
        reference: stage(family.reference),
        cases,
        claims: Vec::new(),
    })
}

fn fingerprint(options: &Options, controls: BTreeMap<Control, ControlState>, context: Context) -> Fingerprint {
    // Where no worker was started at all, what was asked for has to do.
    let aslr_off = controls.get(&Control::AslrOff).map_or(options.aslr == Switch::Off, ControlState::is_granted);
    Fingerprint { class: isolate::machine_class(aslr_off), controls, context }
}

/// A family's own stage name.
///
/// # Panics
/// When it is not in the form of one: a mistake in the family's source, found by its first run.
fn stage(name: &str) -> Stage {
    name.parse().unwrap_or_else(|error| panic!("in the family's source: {error}"))
}

fn job(family: &Family, case: &dyn Case, options: &Options, folder: &Path, inputs: Vec<PathBuf>) -> Job {
    // Relative to the worker's folder where they lie below it, so that the length of the checkout's
    // path never reaches the worker's heap.
    let relative = |path: PathBuf| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
    let own_ladder = case.ladder();
    let mut ladder = match &options.ladder {
        Some(ladder) if !own_ladder.is_empty() => ladder.clone(),
        _ => own_ladder,
    };
    ladder.sort_unstable();
    ladder.dedup();
    Job {
        program: case.program(),
        case: case.id(),
        ladder,
        inject: options.inject.unwrap_or(Bytes(0)),
        inputs: inputs.into_iter().map(relative).collect(),
        reference: stage(family.reference),
        limits: case.limits(),
        conditions: Conditions { aslr_off: options.aslr == Switch::Off, ..case.conditions() },
        environment: case.environment(),
    }
}

/// How many workers a case gets.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    fewest: usize,
    most: usize,
}

fn wanted(options: &Options) -> Wanted {
    match options.samples {
        Some(exactly) => Wanted { fewest: exactly as usize, most: exactly as usize },
        None if options.criterion.quick => Wanted { fewest: FEWEST_SAMPLES, most: FEWEST_SAMPLES },
        None => Wanted { fewest: FEWEST_SAMPLES, most: SAMPLES },
    }
}

fn sample(
    supervisor: &Supervisor,
    job: &Job,
    wanted: Wanted,
    controls: &mut BTreeMap<Control, ControlState>,
) -> Result<CaseRecord, RunError> {
    let mut samples: Vec<Sample> = Vec::new();
    let started = Instant::now();
    // The first worker warms up: it is observed like the others and discarded.
    let mut warm = false;
    loop {
        let (observed, granted) = supervisor.run(job)?;
        for (control, state) in granted {
            // A refusal to one worker is a refusal to the run.
            let kept = controls.entry(control).or_insert_with(|| state.clone());
            if kept.is_granted() {
                *kept = state;
            }
        }
        match observed {
            Observed::NotRun(reason) => return Ok(CaseRecord::not_run(job.case.clone(), reason)),
            Observed::Sample(sample) if warm || sample.outcome != Outcome::Completed => samples.push(sample),
            Observed::Sample(_) => {}
        }
        warm = true;
        let completed = samples.iter().any(|sample| sample.outcome == Outcome::Completed);
        let enough = samples.len() >= wanted.most
            || (samples.len() >= wanted.fewest && started.elapsed() > CASE_BUDGET)
            || (!completed && samples.len() >= DEATHS);
        if enough {
            return Ok(CaseRecord::from_samples(job.case.clone(), &samples));
        }
    }
}

/// Runs every selected case once and reports those that do not run through.
pub(super) fn test(
    family: &Family,
    options: &Options,
    matcher: &Matcher,
    dirs: Dirs<'_>,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<(), RunError> {
    let once = Options { samples: Some(1), ..options.clone() };
    let record = measure(family, &once, matcher, dirs, folder, interrupt)?;
    let mut failed = 0;
    for case in &record.cases {
        match (&case.not_run, case.died.first()) {
            (Some(reason), _) => println!("Testing memory of {}: not run: {reason}", case.id),
            (None, None) => println!("Testing memory of {}: ok", case.id),
            (None, Some(death)) => {
                failed += 1;
                println!("Testing memory of {}: {}\n{}", case.id, death.outcome, death.output_tail);
            }
        }
    }
    if failed > 0 { Err(RunError::TestsFailed(failed)) } else { Ok(()) }
}

/// Writes a file back, drops it from the page cache where nobody maps it, and reads it once: fresh
/// from the linker its pages count as private dirty, evicted ones as missing, and the size of the
/// folios that hold it depends on how it came there.
fn normalise_page_cache(path: &Path) -> Result<(), RunError> {
    let error = |source| RunError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(error)?.is_file() {
        let mut file = File::open(path).map_err(error)?;
        file.sync_all().map_err(error)?;
        // Advice: where it is not taken, the pages stay as they are.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        io::copy(&mut file, &mut io::sink()).map_err(error)?;
    }
    Ok(())
}
