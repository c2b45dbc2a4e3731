//! A trial run of the harness: runs this executable as a worker three times, with the same supervisor as every
//! measurement. Each worker dirties a known number of pages between two stages.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
    ptr,
};

use highwater_model::{Control, ControlState, Metric, Outcome, Sample, WorkerOptions, exit};
use highwater_report::terminal::note;
use highwater_runner::{CpuPlan, Interrupt, Job, Observed, RunnerError, Supervisor};
use highwater_worker::{Conditions, Layout, Limits, Program, protocol, worker_channel};
use rustix::thread::sched_getaffinity;

use super::pages::TestPages;

/// Number of workers, enough to notice varying values.
pub(super) const WORKERS: usize = 3;
/// Number of pages that a worker dirties.
pub(super) const DIRTIED: usize = 256;
/// Workers dirty every fourth page, so that huge pages show as too much growth.
const STRIDE: usize = 4;

/// The outcome of the workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TrialOutcome {
    /// All completed.
    Completed,
    /// A worker could not be started, or the parent failed.
    NotStarted(String),
    /// A worker failed.
    Failed(String),
    /// The memory of a worker could not be read.
    Unreadable(String),
}

/// Readings about one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WorkerReading {
    /// Addresses of code, stack and a mapping.
    pub(super) addresses: Option<String>,
    /// Number of CPUs in its affinity mask.
    pub(super) cpus: Option<usize>,
    /// Anonymous memory before dirtying pages.
    pub(super) level: Option<u64>,
    /// Growth from dirtying pages.
    pub(super) growth: Option<u64>,
}

/// The results of the trial.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) outcome: TrialOutcome,
    pub(super) controls: BTreeMap<Control, ControlState>,
    pub(super) workers: Vec<WorkerReading>,
    pub(super) page: u64,
}

impl Trial {
    /// Whether ASLR was disabled for the workers, which is part of the machine class.
    pub(super) fn aslr_off(&self) -> bool {
        self.controls.get(&Control::AslrOff).is_some_and(ControlState::is_granted)
    }

    pub(super) fn run() -> Self {
        let page = rustix::param::page_size() as u64;
        let mut trial = Self { outcome: TrialOutcome::Completed, controls: BTreeMap::new(), workers: Vec::new(), page };
        trial.outcome = trial.start_workers().unwrap_or_else(|error| TrialOutcome::NotStarted(error.to_string()));
        trial
    }

    fn start_workers(&mut self) -> Result<TrialOutcome, RunnerError> {
        let plan = CpuPlan::new().map_err(|source| RunnerError::System { what: "choose CPUs", source })?;
        let supervisor = supervisor(plan.clone())?;
        let parent = plan.pin_parent(Conditions::default().cpus);
        self.controls.insert(Control::ParentElsewhere, parent.state().clone());
        let job = job(Program::Own, REFERENCE)?;
        for _ in 0..WORKERS {
            let (observed, controls) = supervisor.run(&job, Layout::default())?;
            self.controls.extend(controls);
            match observed {
                Observed::Sample(sample) if sample.outcome == Outcome::Completed => self.workers.push(reading(&sample)),
                Observed::Sample(Sample { outcome: Outcome::Unreadable { reason }, .. }) => {
                    return Ok(TrialOutcome::Unreadable(reason));
                }
                Observed::Sample(sample) => {
                    let last_line = sample.output_tail.lines().last().unwrap_or_default();
                    return Ok(TrialOutcome::Failed(format!("{} {last_line}", sample.outcome).trim_end().to_owned()));
                }
                Observed::NotRun(reason) => return Ok(TrialOutcome::Failed(reason)),
            }
        }
        Ok(TrialOutcome::Completed)
    }
}

/// Starts workers that execute this program. Any folder works, and the root always exists.
pub(super) fn supervisor(plan: CpuPlan) -> Result<Supervisor, RunnerError> {
    Supervisor::new(Path::new("/proc/self/exe"), Path::new("/"), plan, Interrupt::default())
}

/// A job of one worker under the usual conditions.
pub(super) fn job(program: Program, baseline_stage: &str) -> Result<Job, RunnerError> {
    Ok(Job {
        program,
        case: "doctor/ground-truth".parse().map_err(|_| unparsable())?,
        warm_up: false,
        alone: true,
        takes_turns: false,
        ladder: Vec::new(),
        options: WorkerOptions::default(),
        inputs: Vec::new(),
        baseline_stage: baseline_stage.parse().map_err(|_| unparsable())?,
        limits: Limits::default(),
        conditions: Conditions::default(),
        environment: Vec::new(),
    })
}

fn unparsable() -> RunnerError {
    RunnerError::System { what: "name a case", source: io::ErrorKind::InvalidInput.into() }
}

fn reading(sample: &Sample) -> WorkerReading {
    let printed = |word: &str| sample.output_tail.lines().find_map(|line| line.strip_prefix(word)).map(str::trim);
    let anon = |stage: &str| {
        let reading = sample.readings.iter().find(|reading| reading.stage.to_string() == stage)?;
        reading.snapshot.get(Metric::Anon)
    };
    let growth = || anon(DIRTY)?.checked_sub(anon(REFERENCE)?);
    WorkerReading {
        addresses: printed("addresses ").map(str::to_owned),
        cpus: printed("cpus ").and_then(|count| count.parse().ok()),
        level: anon(REFERENCE),
        growth: growth(),
    }
}

const REFERENCE: &str = "loaded";
const DIRTY: &str = "dirtied";

/// Runs as a worker if the supervisor started this process as one. Must be called before anything else.
#[must_use]
pub(crate) fn as_worker() -> Option<ExitCode> {
    protocol::is_worker().then(|| match worker_channel().and_then(|channel| work(channel.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("the worker of `highwater doctor` failed: {error}"));
            ExitCode::from(exit::INTERNAL)
        }
    })
}

/// Prints addresses and CPUs, then dirties [`DIRTIED`] pages between two stages.
fn work(parent: File) -> io::Result<()> {
    let mut lines = BufReader::new(&parent);
    let mut line = String::new();
    while line != "go\n" {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut send_and_wait = |message: &str| {
        (&parent).write_all(message.as_bytes())?;
        line.clear();
        lines.read_line(&mut line).map(drop)
    };

    let mut pages = TestPages::map(DIRTIED * STRIDE)?;
    let on_stack = 0_u8;
    let program = as_worker as fn() -> Option<ExitCode>;
    println!("addresses {:p} {:p} {:#x}", program, ptr::from_ref(&on_stack), pages.address());
    println!("cpus {}", sched_getaffinity(None)?.count());
    send_and_wait(&format!("reached {REFERENCE}\n"))?;
    for page in 0..DIRTIED {
        pages.dirty(page * STRIDE);
    }
    send_and_wait(&format!("reached {DIRTY}\n"))?;
    (&parent).write_all(b"end\n")
}
