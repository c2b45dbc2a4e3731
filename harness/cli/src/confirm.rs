//! Confirms the findings of a comparison: starts fresh workers of the flagged cases with the bench binary and the plan
//! of the run, so that they have the same environment, files and options, until they decide.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use highwater_judge::{FRESH_WORKERS, FamilyComparison, Policy, compare_family, confirm_family, needs_more_workers};
use highwater_model::{Baseline, CaseId, CaseRecord, Outcome, Record, Selection};
use highwater_report::{
    counted,
    terminal::{Forecast, ProgressLine, note, quoted},
};
use highwater_runner::{
    self as runner, Interrupt, Measuring, Observed, Plan, PlanError, Planned, RunError, Sampling, StepListener,
};
use highwater_store::FolderLock;
use highwater_worker::{Program, UnmodifiedProgram};

use super::{CliError, forecast::WorkerTimes};

/// The time for the fresh workers of one case. It bounds what a gate with many findings costs: most cases decide after
/// the first five or ten workers.
const CASE_LIMIT: Duration = Duration::from_secs(30);
/// The number of fresh workers that a case gets in any time.
const MIN_WORKERS: usize = 5;
/// The number of fresh workers, with a warm-up, that most cases decide with.
const EXPECTED_WORKERS: u32 = 11;

/// The bench binary that produced a run.
pub(super) struct BenchBinary {
    path: PathBuf,
    /// The plan by which the workers of the run were started.
    plan_of_run: Plan,
    /// The run's folder, the working directory of its workers.
    folder: PathBuf,
    target: PathBuf,
}

impl BenchBinary {
    /// Finds the bench binary of a family in the folder of a run.
    ///
    /// # Errors
    /// Returns the reason why the binary cannot be used.
    pub(super) fn find(run: &Path, family: &str) -> Result<Self, String> {
        let link = run.join("programs").join(family);
        let program = fs::canonicalize(&link).map_err(|_| format!("{} does not exist", link.display()))?;
        let plan_path = Plan::path_of_run(run, family);
        let plan = Plan::read(&plan_path, &program).map_err(|error| error.to_string())?;
        let record = modified(&run.join(format!("{family}.json")));
        let is_earlier =
            |path: &Path| matches!((modified(path), &record), (Ok(made), Ok(measured)) if made <= *measured);
        if !is_earlier(&plan_path) {
            return Err(format!("{} is from a later run that did not finish", plan_path.display()));
        }
        if let Some(binary) = [&program, &plan.worker].into_iter().find(|binary| !is_earlier(binary)) {
            return Err(format!("{} was rebuilt after the run", binary.display()));
        }
        if let Some(file) = files_of_programs(&plan).into_iter().find(|file| !is_earlier(file)) {
            return Err(format!("{} was changed after the run", file.display()));
        }
        let folder = fs::canonicalize(run).map_err(|error| format!("{}: {error}", run.display()))?;
        let target = folder.parent().map_or_else(|| folder.clone(), Path::to_owned);
        Ok(Self { path: program, plan_of_run: plan, folder, target })
    }

    /// The bench binary.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The plan by which the workers of the run were started.
    pub(super) fn plan_of_run(&self) -> &Plan {
        &self.plan_of_run
    }

    /// The run's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the jobs of the selected cases.
    pub(super) fn plan(&self, selection: &Selection, aslr_off: bool) -> Result<Plan, PlanError> {
        if self.plan_of_run.cases.iter().any(|planned| unmodified(planned).is_some()) {
            let message = format!("{} was measured with `highwater exec` and has no bench", self.plan_of_run.family);
            return Err(PlanError::Refused { program: self.path.clone(), message });
        }
        Plan::request(&self.path, &self.target, selection, aslr_off)
    }

    /// Returns a handle that runs single workers.
    pub(super) fn measuring(&self, plan: &Plan, interrupt: &Interrupt) -> Result<Measuring, CliError> {
        Ok(Measuring::new(&plan.worker, &self.folder, interrupt)?)
    }

    /// Runs the workers of a plan.
    pub(super) fn run(
        &self,
        plan: Plan,
        selection: Selection,
        aslr_off: bool,
        interrupt: &Interrupt,
        sampling: impl Fn(&CaseId) -> Sampling,
        watch: &StepListener<'_>,
    ) -> Result<Record, CliError> {
        let mut measuring = self.measuring(&plan, interrupt)?.with_fresh_layouts();
        let cases = plan.cases.iter().map(|planned| measuring.watched_case(planned, sampling(planned.id()), watch));
        let cases = cases.collect::<Result<_, _>>()?;
        Ok(measuring.record(plan, selection, aslr_off, cases))
    }
}

/// The unmodified program of a case, if it is one.
fn unmodified(planned: &Planned) -> Option<&UnmodifiedProgram> {
    match planned {
        Planned::Job(job) => match &job.program {
            Program::Unmodified(program) => Some(program),
            Program::Own | Program::Other { .. } => None,
        },
        Planned::NotRun { .. } | Planned::NotPrepared { .. } => None,
    }
}

/// The unmodified programs of a plan, and the files that their arguments name, such as scripts.
fn files_of_programs(plan: &Plan) -> BTreeSet<PathBuf> {
    let files = |program: &UnmodifiedProgram| {
        let folder = Path::new(&program.folder).to_owned();
        let named = [&program.path].into_iter().chain(&program.args).map(|name| folder.join(name)).collect::<Vec<_>>();
        named.into_iter().filter(|path| path.is_file())
    };
    plan.cases.iter().filter_map(unmodified).flat_map(files).collect()
}

/// Whether `highwater exec` measured a family in a folder, and not a bench.
pub(super) fn is_of_exec(run: &Path, family: &str) -> bool {
    let plan = Plan::read(&Plan::path_of_run(run, family), Path::new("highwater"));
    plan.is_ok_and(|plan| plan.cases.iter().any(|planned| unmodified(planned).is_some()))
}

/// The command of a case that `highwater exec` measured in a folder, for a shell; `None` for a case of a bench.
pub(super) fn command_of(run: &Path, case: &CaseId) -> Option<String> {
    let plan = Plan::read(&Plan::path_of_run(run, case.family()), Path::new("highwater")).ok()?;
    let program = plan.cases.iter().find(|planned| planned.id() == case).and_then(unmodified)?;
    let words = [&program.name].into_iter().chain(&program.args).map(|word| quoted(&word.to_string_lossy()));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// A filter that selects exactly these cases.
pub(super) fn exact_filter(cases: &[&CaseId]) -> String {
    let ids: Vec<String> = cases.iter().map(|id| regex::escape(id.as_str())).collect();
    format!("^(?:{})$", ids.join("|"))
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified())
}

/// Compares a run with a baseline and confirms the flagged cases with fresh workers, if this machine can run them.
pub(super) fn compare_and_confirm(
    folder: &Path,
    baseline: &Baseline,
    run: &Record,
    policy: &Policy,
    interrupt: &Interrupt,
) -> Result<FamilyComparison, CliError> {
    let first = compare_family(baseline, run, policy);
    let flagged = first.flagged();
    if flagged.is_empty() {
        return Ok(first);
    }
    let aslr_off = run.fingerprint.class.aslr_off;
    let found = if runner::machine_class(aslr_off) == run.fingerprint.class {
        BenchBinary::find(folder, &run.family)
    } else {
        Err(format!("the machine class of this machine is not {}", run.fingerprint.class))
    };
    let program = match found {
        Ok(program) => program,
        Err(why) => {
            note(format_args!("note: {}: cannot confirm the findings with fresh workers: {why}", run.family));
            return Ok(first);
        }
    };
    let _lock = FolderLock::take(&program.folder, |line| note(line))?;
    let mut forecast = Forecast::default();
    let times = WorkerTimes::read(&program.folder, &run.family);
    let expected = |worker: Duration| (worker * EXPECTED_WORKERS).min(CASE_LIMIT.max(worker * MIN_WORKERS as u32));
    flagged.iter().for_each(|case| times.add(&mut forecast, case.as_str(), case, expected));
    note(format_args!(
        "{}: measuring {} again to confirm the findings; {forecast}",
        run.family,
        counted(flagged.len(), "case")
    ));
    let progress = ProgressLine::new(&run.family, &forecast);
    let plan = program.plan_of_run.clone();
    let mut measuring = program.measuring(&plan, interrupt)?;
    let mut cases = Vec::new();
    for planned in plan.cases.iter().filter(|planned| flagged.contains(&planned.id())) {
        let first = run.case(planned.id().as_str()).map_or(0, |case| case.samples + case.failures.len());
        let needs_more = |fresh: &CaseRecord| needs_more_workers(baseline, run, fresh, policy);
        progress.begin(planned.id().as_str());
        cases.push(fresh_workers(&mut measuring, planned, first, needs_more, &progress)?);
        progress.end(planned.id().as_str());
    }
    drop(progress);
    let fresh = measuring.record(plan, run.selection.clone(), aslr_off, cases);
    Ok(confirm_family(baseline, run, &fresh, policy))
}

/// Runs fresh workers of a case, after a warm-up unless the case opts out, until they decide or the time is over.
/// `first` is the number of the first one, so that their layouts differ from those of the run.
fn fresh_workers(
    measuring: &mut Measuring,
    planned: &Planned,
    first: usize,
    needs_more: impl Fn(&CaseRecord) -> bool,
    progress: &ProgressLine,
) -> Result<CaseRecord, RunError> {
    let Planned::Job(job) = planned else { return measuring.case(planned, Sampling::minimal()) };
    measuring.prepare_page_cache(job)?;
    let started = Instant::now();
    let mut samples = Vec::new();
    let mut warm = !job.warm_up;
    loop {
        progress.at_worker(job.case.as_str(), samples.len() + 1, FRESH_WORKERS.max());
        match measuring.worker(job, first + samples.len())? {
            Observed::NotRun(reason) => return Ok(CaseRecord::not_run(job.case.clone(), reason)),
            // A warm-up worker is discarded only if it completes.
            Observed::Sample(sample) if warm || sample.outcome != Outcome::Completed => samples.push(sample),
            Observed::Sample(_) => {}
        }
        warm = true;
        let is_over = samples.len() >= MIN_WORKERS && started.elapsed() > CASE_LIMIT;
        if is_over || FRESH_WORKERS.looks().contains(&samples.len()) {
            let fresh = CaseRecord::from_samples(job.case.clone(), &samples);
            if is_over || !needs_more(&fresh) {
                return Ok(fresh);
            }
        }
    }
}
