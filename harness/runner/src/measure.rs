//! Runs the workers of a plan: for each case a discarded warm-up worker, unless the case opts out, then the samples.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use highwater_model::{
    CaseId, CaseRecord, Context, Control, ControlState, Fingerprint, Outcome, Record, SCHEMA_VERSION, Sample,
    Selection, WorkerOption,
};
use highwater_store::{StoreError, one_line};
use highwater_worker::{CaseError, Layout};

use crate::{
    CpuPlan, Interrupt, Job, MachineError, Observed, Observer, Plan, PlanError, Planned, RunnerError, Sampling, Step,
    StepListener, Supervisor, context, machine_class, observer::Nobody, sampling::DEFAULT_MAX,
    supervise::failed_before_start, turn::Turn, watch::watched,
};

/// The reason in the record of a case that an interrupted run did not measure.
const INTERRUPTED: &str = "the run was interrupted";

/// Why a bench run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The harness failed.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The machine or the target folder could not be determined.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A record could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A family has two cases of the same name, which a record could not tell apart.
    #[error("{family}: two cases have the id {case}; give each case its own id")]
    DuplicateCase {
        /// The family.
        family: String,
        /// The id.
        case: CaseId,
    },
    /// Criterion's process could not time the cases.
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
        /// The error.
        source: io::Error,
    },
    /// The plan could not be written.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Criterion failed.
    #[error("criterion failed ({0}); see its message above")]
    Criterion(std::process::ExitStatus),
    /// In test mode, workers failed.
    #[error("{count} of the cases failed; see above")]
    TestsFailed {
        /// How many.
        count: usize,
        /// The first of them.
        first: CaseId,
    },
}

/// Runs the workers of one bench binary, and collects the controls that the system granted.
#[derive(Debug)]
pub struct Measuring {
    supervisor: Supervisor,
    cpus: CpuPlan,
    folder: PathBuf,
    context: Context,
    controls: BTreeMap<Control, ControlState>,
    /// The number of the layout of the first sample.
    first_layout: usize,
    /// Whether the files of the cases are left as they are in the page cache.
    inputs_prepared: bool,
}

impl Measuring {
    /// Prepares to run `program` as workers, with `folder` as their working directory.
    ///
    /// # Errors
    /// If the program cannot be read or the available CPUs are unknown.
    pub fn new(program: &Path, folder: &Path, interrupt: &Interrupt) -> Result<Self, RunError> {
        let cpus = CpuPlan::new().map_err(|source| RunnerError::System { what: "choose CPUs", source })?;
        normalise_page_cache(program)?;
        Self::on(program, folder, interrupt, cpus)
    }

    /// Like [`Measuring::new`], in a lane beside others. The program and the files of all cases have been prepared.
    pub(super) fn in_lane(
        program: &Path,
        folder: &Path,
        interrupt: &Interrupt,
        (cpus, turn): (CpuPlan, Turn),
    ) -> Result<Self, RunError> {
        let lane = Self::on(program, folder, interrupt, cpus)?;
        Ok(Self { inputs_prepared: true, supervisor: lane.supervisor.with_turn(turn), ..lane })
    }

    fn on(program: &Path, folder: &Path, interrupt: &Interrupt, cpus: CpuPlan) -> Result<Self, RunError> {
        Ok(Self {
            supervisor: Supervisor::new(program, folder, cpus.clone(), interrupt.clone())?,
            cpus,
            folder: folder.to_owned(),
            context: context(),
            controls: BTreeMap::new(),
            first_layout: 0,
            inputs_prepared: false,
        })
    }

    /// Measures one case: a discarded warm-up worker, unless the case opts out, then the samples.
    ///
    /// # Errors
    /// If the harness fails or is interrupted. A failing worker is not an error, nor is a case that was not prepared.
    pub fn case(&mut self, planned: &Planned, sampling: Sampling) -> Result<CaseRecord, RunError> {
        self.watched_case(planned, sampling, &|_| ())
    }

    /// Like [`Measuring::case`], with something that displays the progress.
    ///
    /// # Errors
    /// As for [`Measuring::case`].
    pub fn watched_case(
        &mut self,
        planned: &Planned,
        sampling: Sampling,
        watch: &StepListener<'_>,
    ) -> Result<CaseRecord, RunError> {
        let turn = self.supervisor.turn().same_lane();
        watched(watch, planned.id(), &turn, || self.sample(planned, sampling, &mut Vec::new(), watch))
    }

    /// Like [`Measuring::watched_case`], but after an interrupt, the case has the samples so far. Without samples, and for all
    /// cases after the interrupt, it is recorded as not run.
    ///
    /// # Errors
    /// If the harness fails.
    pub fn case_until_interrupt(
        &mut self,
        planned: &Planned,
        sampling: Sampling,
        watch: &StepListener<'_>,
    ) -> Result<CaseRecord, RunError> {
        let mut samples = Vec::new();
        let turn = self.supervisor.turn().same_lane();
        match watched(watch, planned.id(), &turn, || self.sample(planned, sampling, &mut samples, watch)) {
            Err(RunError::Runner(RunnerError::Interrupted)) => Ok(match samples.is_empty() {
                true => CaseRecord::not_run(planned.id().clone(), INTERRUPTED.to_owned()),
                false => CaseRecord::from_samples(planned.id().clone(), &samples),
            }),
            result => result,
        }
    }

    /// Measures one case. `samples` has the samples so far, also after an error.
    fn sample(
        &mut self,
        planned: &Planned,
        sampling: Sampling,
        samples: &mut Vec<Sample>,
        watch: &StepListener<'_>,
    ) -> Result<CaseRecord, RunError> {
        let job = match planned {
            Planned::Job(job) => job,
            Planned::NotRun { id, reason, left_out: false } => {
                return Ok(CaseRecord::not_run(id.clone(), reason.clone()));
            }
            Planned::NotRun { id, reason, left_out: true } => {
                return Ok(CaseRecord::left_out(id.clone(), reason.clone()));
            }
            Planned::NotPrepared { id, reason } => return Ok(not_prepared(id, reason.clone())),
        };
        if !self.inputs_prepared
            && let Err(error) = self.prepare_page_cache(job)
        {
            return Ok(not_prepared(&job.case, one_line(&error.to_string())));
        }
        let started = Instant::now();
        let waited = self.supervisor.turn().waited();
        let mut warm = !job.warm_up;
        let most = sampling.max + usize::from(job.warm_up);
        for number in 1.. {
            watch(Step::Worker { case: &job.case, number, most });
            match self.worker(job, self.first_layout + samples.len())? {
                Observed::NotRun(reason) => return Ok(CaseRecord::not_run(job.case.clone(), reason)),
                // A warm-up worker is discarded only if it completes.
                Observed::Sample(sample) if warm || sample.outcome != Outcome::Completed => samples.push(sample),
                Observed::Sample(_) => {}
            }
            warm = true;
            // The time of other workers does not count.
            let elapsed = started.elapsed().saturating_sub(self.supervisor.turn().waited() - waited);
            if sampling.is_complete(samples, job, elapsed) {
                break;
            }
        }
        Ok(CaseRecord::from_samples(job.case.clone(), samples))
    }

    /// Brings the page cache of a case's files into a defined state, before its first worker.
    ///
    /// # Errors
    /// If a file of the case cannot be read.
    pub fn prepare_page_cache(&self, job: &Job) -> Result<(), RunError> {
        job.inputs.iter().try_for_each(|input| normalise_page_cache(&self.folder.join(input)))
    }

    /// Uses other layouts than a first run, so that the samples are independent of that run.
    #[must_use]
    pub fn with_fresh_layouts(self) -> Self {
        Self { first_layout: DEFAULT_MAX, ..self }
    }

    /// Runs one worker, on a CPU that this process does not use meanwhile. `number` is its number within the case,
    /// which decides its layout.
    ///
    /// # Errors
    /// As for [`Supervisor::run`].
    pub fn worker(&mut self, job: &Job, number: usize) -> Result<Observed, RunError> {
        self.observed_worker(job, number, &mut Nobody)
    }

    /// Runs one worker as [`Self::worker`] does, with an observer of each stage. Its figures are not for judging.
    ///
    /// # Errors
    /// As for [`Supervisor::run`].
    pub fn observed_worker(
        &mut self,
        job: &Job,
        number: usize,
        observer: &mut dyn Observer,
    ) -> Result<Observed, RunError> {
        let turn = self.supervisor.turn().same_lane();
        let _held = turn.take();
        let parent = self.cpus.pin_parent(job.conditions.cpus);
        let every = job.options.get(WorkerOption::InjectEvery).unwrap_or(1);
        let without_injection = !(number as u64).is_multiple_of(every);
        let plain = without_injection.then(|| Job { options: job.options.without_injections(), ..job.clone() });
        let job = plain.as_ref().unwrap_or(job);
        let (observed, granted) = self.supervisor.run_observed(job, Layout::of_worker(number), observer)?;
        let parent = (Control::ParentElsewhere, parent.state().clone());
        self.add_controls(granted.into_iter().chain([parent]));
        Ok(observed)
    }

    /// Adds the controls of the workers of a lane.
    pub(super) fn merge_controls(&mut self, lane: Self) {
        self.add_controls(lane.controls);
    }

    /// A control counts as granted only if it was granted to all workers.
    fn add_controls(&mut self, controls: impl IntoIterator<Item = (Control, ControlState)>) {
        for (control, state) in controls {
            let kept = self.controls.entry(control).or_insert_with(|| state.clone());
            if kept.is_granted() {
                *kept = state;
            }
        }
    }

    /// Creates the record of the run. `aslr_off` is the requested setting, which is used if no worker was started.
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
            baseline_stage: plan.baseline_stage,
            cases,
            claims: Vec::new(),
            questions: Vec::new(),
        }
    }
}

/// A case whose files could not be prepared.
fn not_prepared(id: &CaseId, reason: String) -> CaseRecord {
    let sample = failed_before_start(Outcome::NotPrepared { reason }, Instant::now());
    CaseRecord::from_samples(id.clone(), &[sample])
}

/// Syncs a file, drops it from the page cache unless a process maps it, and reads it once. Otherwise the results would
/// depend on the state of the cache: pages of a freshly linked file count as private dirty, evicted pages are missing,
/// and the size of folios depends on how the file was read.
fn normalise_page_cache(path: &Path) -> Result<(), RunError> {
    let error = |source| RunError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(error)?.is_file() {
        let mut file = File::open(path).map_err(error)?;
        file.sync_all().map_err(error)?;
        // This is only advice; if it fails, the pages stay in the cache.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        io::copy(&mut file, &mut io::sink()).map_err(error)?;
    }
    Ok(())
}
