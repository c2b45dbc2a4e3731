//! Runs the workers of a plan: for each case a discarded warm-up worker, unless it needs none, then samples.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use highwater_model::{
    CaseRecord, Context, Control, ControlState, Fingerprint, Outcome, Record, SCHEMA_VERSION, Sample, Selection, Stage,
    WorkerOption,
};
use highwater_store::StoreError;
use highwater_worker::{CaseError, Layout};

use crate::{
    CpuPlan, Interrupt, IsolateError, Job, MachineError, Observed, Plan, Planned, Supervisor, context, machine_class,
};

/// Workers per case where they are cheap.
const SAMPLES: usize = 20;
/// Workers per case at least (design §4), and in quick mode.
const FEWEST_SAMPLES: usize = 5;
/// A case that has its fewest samples stops here.
const CASE_BUDGET: Duration = Duration::from_secs(1);
/// A case that goes on because its workers disagree stops here all the same.
const UNDECIDED_BUDGET: Duration = Duration::from_secs(4);
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

/// Whether a case's samples so far, and its stage that growth is measured from, need no more of them.
pub type Decided = fn(&CaseRecord, &Stage) -> bool;

/// How many workers a case gets.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// At least so many.
    pub fewest: usize,
    /// At most so many; between the two, what the case's second allows.
    pub most: usize,
    /// Stop at the fewest where this says that their gated values agree, and go on to the most where they do not.
    pub until: Option<Decided>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { fewest: FEWEST_SAMPLES, most: SAMPLES, until: None }
    }
}

impl Wanted {
    /// As few as are enough for a verdict.
    #[must_use]
    pub fn fewest() -> Self {
        Self::exactly(FEWEST_SAMPLES)
    }

    /// Just so many.
    #[must_use]
    pub fn exactly(count: usize) -> Self {
        Self { fewest: count, most: count, until: None }
    }

    /// Whether a case with these samples, begun so long ago, has enough.
    fn met(self, samples: &[Sample], job: &Job, elapsed: Duration) -> bool {
        let completed = || samples.iter().any(|sample| sample.outcome == Outcome::Completed);
        match samples.len() {
            many if many >= self.most => true,
            few if few < self.fewest => few >= DEATHS && !completed(),
            _ => match self.until {
                None => elapsed > CASE_BUDGET,
                Some(decided) => {
                    elapsed > UNDECIDED_BUDGET
                        || decided(&CaseRecord::from_samples(job.case.clone(), samples), &job.reference)
                }
            },
        }
    }
}

/// Runs the workers of one bench binary, and keeps what the system granted them.
#[derive(Debug)]
pub struct Measuring {
    supervisor: Supervisor,
    cpus: CpuPlan,
    folder: PathBuf,
    context: Context,
    controls: BTreeMap<Control, ControlState>,
    /// Number of the first sample's layout.
    first_layout: usize,
}

impl Measuring {
    /// Workers will be `program`, and have `folder` as their working directory.
    ///
    /// # Errors
    /// When the program cannot be read or the CPUs are not known.
    pub fn new(program: &Path, folder: &Path, interrupt: &Interrupt) -> Result<Self, RunError> {
        let cpus = CpuPlan::new().map_err(|source| IsolateError::System { what: "choose CPUs", source })?;
        let supervisor = Supervisor::new(program, folder, cpus.clone(), interrupt.clone())?;
        normalise_page_cache(program)?;
        Ok(Self {
            supervisor,
            cpus,
            folder: folder.to_owned(),
            context: context(),
            controls: BTreeMap::new(),
            first_layout: 0,
        })
    }

    /// Measures one case: a worker that warms up and is discarded, if the case wants one, then samples.
    ///
    /// # Errors
    /// When the harness fails or the user stops it; a worker that dies is no error.
    pub fn case(&mut self, planned: &Planned, wanted: Wanted) -> Result<CaseRecord, RunError> {
        let job = match planned {
            Planned::Job(job) => job,
            Planned::NotRun { id, reason } => return Ok(CaseRecord::not_run(id.clone(), reason.clone())),
        };
        self.ready(job)?;
        let mut samples: Vec<Sample> = Vec::new();
        let started = Instant::now();
        // A worker that warms up is observed like the others and discarded.
        let mut warm = !job.warm_up;
        loop {
            match self.worker(job, self.first_layout + samples.len())? {
                Observed::NotRun(reason) => return Ok(CaseRecord::not_run(job.case.clone(), reason)),
                Observed::Sample(sample) if warm || sample.outcome != Outcome::Completed => samples.push(sample),
                Observed::Sample(_) => {}
            }
            warm = true;
            if wanted.met(&samples, job, started.elapsed()) {
                return Ok(CaseRecord::from_samples(job.case.clone(), &samples));
            }
        }
    }

    /// Brings the page cache to what it is before every case's first worker.
    ///
    /// # Errors
    /// When a file of the case cannot be read.
    pub fn ready(&self, job: &Job) -> Result<(), RunError> {
        job.inputs.iter().try_for_each(|input| normalise_page_cache(&self.folder.join(input)))
    }

    /// Takes other layouts than the first: fresh workers that repeated those of a run would repeat what they found.
    #[must_use]
    pub fn with_fresh_layouts(self) -> Self {
        Self { first_layout: SAMPLES, ..self }
    }

    /// Runs one worker, the one of this number, which chooses its layout, on a CPU that this process keeps off meanwhile.
    ///
    /// # Errors
    /// As [`Supervisor::run`].
    pub fn worker(&mut self, job: &Job, number: usize) -> Result<Observed, RunError> {
        let parent = self.cpus.pin_parent(job.conditions.cpus);
        let every = job.options.get(WorkerOption::InjectEvery).unwrap_or(1);
        let spared = !(number as u64).is_multiple_of(every);
        let plain = spared.then(|| Job { options: job.options.without_injections(), ..job.clone() });
        let job = plain.as_ref().unwrap_or(job);
        let (observed, granted) = self.supervisor.run(job, Layout::of_worker(number))?;
        let parent = (Control::ParentElsewhere, parent.state().clone());
        for (control, state) in granted.into_iter().chain([parent]) {
            // A refusal to one worker is a refusal to the run.
            let kept = self.controls.entry(control).or_insert_with(|| state.clone());
            if kept.is_granted() {
                *kept = state;
            }
        }
        Ok(observed)
    }

    /// The record of what was measured. `aslr_off` is what was asked for, and what has to do where no
    /// worker was started at all.
    #[must_use]
    pub fn record(self, plan: Plan, selection: Selection, aslr_off: bool, mut cases: Vec<CaseRecord>) -> Record {
        cases.sort_by(|a, b| a.id.cmp(&b.id));
        let Self { mut context, controls, .. } = self;
        context.extend(plan.context);
        let aslr_off = controls.get(&Control::AslrOff).map_or(aslr_off, ControlState::is_granted);
        Record {
            schema: SCHEMA_VERSION,
            family: plan.family,
            fingerprint: Fingerprint { class: machine_class(aslr_off), controls, context },
            selection,
            unit: plan.unit,
            reference: plan.reference,
            cases,
            claims: Vec::new(),
        }
    }
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
