//! Measures a file: a trial in one worker, then every strategy in its own workers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{CaseRecord, Metric, Outcome, Sample, Scale, Stage, WorkerOptions};
use highwater_probe::ceilings;
use highwater_runner::{self as runner, Interrupt, Job, Measuring, Observed, Planned, RunError, RunnerError, Sampling};
use highwater_store::FolderLock;
use highwater_worker::{Case, Limits, Program};

use super::{
    case::{FAILURE, Try},
    engines::{self, OtherEngines},
    exports,
    given::Given,
    host::Host,
    order::{Call, Errand, Order},
    refusal::{Refusal, one_line},
    strategy::{self, Needs, Strategy},
};

/// What to measure, and how.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The file.
    pub(super) path: PathBuf,
    /// The function to call; without one, commands are run and nothing else is called.
    pub(super) invoke: Option<String>,
    /// Arguments of the function or the command.
    pub(super) args: Vec<String>,
    /// Whether to provide WASI.
    pub(super) wasi: bool,
    /// Whether to replace missing imports with stubs that trap.
    pub(super) stub: bool,
    /// The time limit of one sandbox.
    pub(super) limit: Duration,
    /// The number of workers per strategy.
    pub(super) samples: usize,
}

/// The measurements of a sweep.
pub(super) struct Tried {
    /// Each strategy with the record of its workers.
    pub(super) strategies: Vec<(Strategy, CaseRecord)>,
    /// What was run.
    pub(super) order: Order,
    /// The number of concurrent sandboxes.
    pub(super) sandboxes: u32,
    /// The same with other engines.
    pub(super) engines: OtherEngines,
}

/// Candidates for the number of concurrent sandboxes: the largest that memory and time allow.
const TOPS: [u32; 6] = [100, 50, 20, 10, 5, 2];
/// The time limit for creating and calling all sandboxes of a worker.
const CLIMB: Duration = Duration::from_secs(2);
/// Sandboxes may take 1/`SHARE` of the free memory.
const SHARE: u64 = 4;
/// The time limit of a worker that passed its trial.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// Measures a file with every strategy. Reports what it is doing to `progress`, one line at a time.
///
/// # Errors
/// A [`Refusal`] if the file is invalid, needs something missing, or fails.
pub(super) fn sweep(asked: &Asked, progress: &dyn Fn(&str)) -> Result<Tried, Refusal> {
    let given = Given::read(&asked.path)?;
    let folder = runner::target_dir().map_err(harness)?.join("highwater");
    let cache = folder.join("cache");
    std::fs::create_dir_all(&cache).map_err(|error| Refusal::Harness(format!("{}: {error}", cache.display())))?;
    let interrupt =
        Interrupt::install().map_err(|error| Refusal::Harness(format!("cannot watch for Ctrl-C: {error}")))?;

    progress("compiling");
    let files: Vec<(Strategy, PathBuf)> =
        strategy::ALL.iter().map(|one| Ok((*one, given.compiled(one, &cache)?))).collect::<Result<_, Refusal>>()?;
    let (order, for_engines) = order(asked, &given, &files[0])?;

    let _lock = FolderLock::take(&folder, progress).map_err(harness)?;
    let own = std::env::current_exe().map_err(|error| Refusal::Harness(format!("/proc/self/exe: {error}")))?;
    let mut workers =
        Workers { measuring: Measuring::new(&own, &folder, &interrupt).map_err(run_error)?, folder: &folder };
    progress("running it once");
    let first = workers.trial(&files[0], &order, asked.limit)?;
    let ladder = ladder(&first, given.size());
    let sandboxes = ladder.last().map_or(1, |top| top.0);
    let order = Order { sandboxes, errand: Errand::Measure, ..order };
    let mut strategies = Vec::new();
    for file in files {
        progress(&format!("{}: up to {sandboxes} sandboxes, {} workers", file.0.label(), asked.samples));
        strategies.push((file.0, workers.measure(&file, &order, &ladder, asked.samples)?));
    }
    let engines = match for_engines {
        None => OtherEngines::NotPossible,
        Some(what) => engines::sweep(asked, &given, &what, &mut workers, progress)?,
    };
    Ok(Tried { strategies, order, sandboxes, engines })
}

/// The order to run, and what other engines are to do if they can. Finds all errors that can be found before any worker
/// starts.
fn order(
    asked: &Asked,
    given: &Given,
    file: &(Strategy, PathBuf),
) -> Result<(Order, Option<engine_worker::Given>), Refusal> {
    let engine = file.0.compiler().map_err(|error| Refusal::Harness(one_line(&error)))?;
    let needs = Needs {
        instances: 1,
        memories: 1,
        tables: 1,
        table_elements: 0,
        component: given.component,
        stacks: asked.wasi,
    };
    let call = match &asked.invoke {
        Some(name) => Call::Function { name: name.clone(), args: asked.args.clone() },
        None if exports::is_command(&engine, &file.1, given.component)
            .map_err(|e| Refusal::Harness(one_line(&e)))? =>
        {
            Call::Command(asked.args.clone())
        }
        None if !asked.args.is_empty() => {
            return Err(Refusal::Call(
                "--args needs --invoke NAME: the file is not a command that takes arguments".to_owned(),
            ));
        }
        None => Call::Nothing,
    };
    let order = Order {
        component: given.component,
        wasi: asked.wasi,
        stub: asked.stub,
        call,
        needs,
        sandboxes: 1,
        errand: Errand::Trial,
    };
    let host = Host::open(&engine, &file.1, order.clone())?;
    Ok((Order { needs: host.needs(), ..order }, host.for_other_engines()))
}

/// Runs workers.
pub(super) struct Workers<'a> {
    pub(super) measuring: Measuring,
    /// The folder in which they run.
    pub(super) folder: &'a Path,
}

impl Workers<'_> {
    /// Runs one sandbox in one worker, to see whether it works and what it takes.
    fn trial(&mut self, file: &(Strategy, PathBuf), order: &Order, limit: Duration) -> Result<Sample, Refusal> {
        let job = self.job(file, order, &[Scale(1)], limit)?;
        match self.measuring.worker(&job, 0).map_err(run_error)? {
            Observed::NotRun(reason) => Err(Refusal::Failed(reason)),
            Observed::Sample(sample) => match failure(&sample, order, limit) {
                Some(text) => Err(Refusal::Failed(text)),
                None => Ok(sample),
            },
        }
    }

    fn measure(
        &mut self,
        file: &(Strategy, PathBuf),
        order: &Order,
        ladder: &[Scale],
        samples: usize,
    ) -> Result<CaseRecord, Refusal> {
        let job = self.job(file, order, ladder, LONGEST)?;
        self.measuring.case(&Planned::Job(Box::new(job)), Sampling::exactly(samples)).map_err(run_error)
    }

    fn job(
        &self,
        (strategy, compiled): &(Strategy, PathBuf),
        order: &Order,
        ladder: &[Scale],
        time: Duration,
    ) -> Result<Job, Refusal> {
        let case = Try(*strategy);
        let order = order.write(&self.folder.join("cache/try-order.json"))?;
        // A relative path, so that the length of the folder's path does not affect the worker's heap.
        let relative = |path: &Path| path.strip_prefix(self.folder).unwrap_or(path).to_owned();
        Ok(Job {
            program: Program::Own,
            case: case.id(),
            warm_up: true,
            alone: true,
            takes_turns: false,
            ladder: ladder.to_vec(),
            options: WorkerOptions::default(),
            inputs: vec![relative(compiled), relative(&order)],
            baseline_stage: "loaded".parse().map_err(harness)?,
            limits: Limits { time, memory: None },
            conditions: case.conditions(),
            environment: Vec::new(),
        })
    }
}

/// How a worker failed, on one line; `None` if it did not.
fn failure(sample: &Sample, order: &Order, limit: Duration) -> Option<String> {
    let failure_note = sample.notes.iter().find(|(name, _)| name == FAILURE).map(|(_, text)| text.clone());
    let doing = || match sample.readings.last().map(|reading| reading.stage.name()) {
        Some("live") => order.call.words(),
        _ => "instantiating it".to_owned(),
    };
    match &sample.outcome {
        Outcome::Completed => None,
        Outcome::TimedOut { .. } => Some(format!(
            "{}: not done after {} s, its time limit; --time-limit raises it",
            doing(),
            limit.as_secs_f64()
        )),
        outcome => failure_note.or_else(|| Some(format!("{}: {outcome}", doing()))),
    }
}

/// The ladder of sandboxes, chosen by what one took.
pub(super) fn ladder(first: &Sample, size: u64) -> Vec<Scale> {
    let top_stage = first.readings.iter().rfind(|reading| reading.stage.scale().is_some());
    let at = |stage: Option<&Stage>, metric: Metric| {
        let reading = first.readings.iter().find(|reading| Some(&reading.stage) == stage);
        reading.and_then(|reading| reading.snapshot.get(metric)).unwrap_or(0)
    };
    let loaded = first.readings.iter().map(|reading| &reading.stage).find(|stage| stage.name() == "loaded");
    let held = |stage| at(stage, Metric::Anon) + at(stage, Metric::PageTables);
    // Without copy-on-write a sandbox also has its own copy of the data, which is no larger than the file.
    let one = held(top_stage.map(|reading| &reading.stage)).saturating_sub(held(loaded)) + size;
    let steps = first.readings.iter().filter(|reading| reading.stage.scale().is_some());
    let time = Duration::from_nanos(steps.map(|reading| reading.wall_ns).sum());
    let free = ceilings::available().map_or(1 << 30, |bytes| bytes.0 / SHARE);
    let fits = |top: &&u32| u64::from(**top) * one <= free && time * **top <= CLIMB;
    let top = TOPS.iter().find(fits).copied().unwrap_or(2);
    let mut rungs = [1, top / 10, top / 2, top].map(|scale| Scale(scale.max(1))).to_vec();
    rungs.dedup();
    rungs
}

fn harness(error: impl std::fmt::Display) -> Refusal {
    Refusal::Harness(error.to_string())
}

pub(super) fn run_error(error: RunError) -> Refusal {
    match error {
        RunError::Runner(RunnerError::Interrupted) => Refusal::Interrupted,
        error => Refusal::Harness(error.to_string()),
    }
}
