//! A trial run of the harness itself: this executable again as worker, three times, through the same
//! supervisor as every measurement. Each worker dirties a known number of pages between two stages.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
    ptr,
};

use highwater_model::{Control, ControlState, Metric, Outcome, Sample, WorkerOptions, exit};
use highwater_runner::{CpuPlan, Interrupt, Job, Observed, RunnerError, Supervisor};
use highwater_worker::{Conditions, Layout, Limits, Program, protocol, worker_channel};
use rustix::thread::sched_getaffinity;

use super::sys::Ground;

/// How many workers; the least that tells one value from two by more than luck.
pub(super) const WORKERS: usize = 3;
/// Pages that a worker dirties.
pub(super) const DIRTIED: usize = 256;
/// It dirties every fourth page of its ground, so that a huge page shows as too much growth.
const STRIDE: usize = 4;

/// What came of the workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All went through their stages.
    Completed,
    /// One could not be started, or the parent failed on the way.
    NotStarted(String),
    /// One was started and did not come through.
    Died(String),
    /// One was started and its memory could not be read.
    Unreadable(String),
}

/// What a worker told and what was read of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Where its program, stack and mappings lie.
    pub(super) addresses: Option<String>,
    /// How many CPUs it may use.
    pub(super) cpus: Option<usize>,
    /// Anonymous memory before it dirtied anything.
    pub(super) level: Option<u64>,
    /// What dirtying added.
    pub(super) growth: Option<u64>,
}

/// All that is known after the trial.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) ending: Ending,
    pub(super) controls: BTreeMap<Control, ControlState>,
    pub(super) workers: Vec<Seen>,
    pub(super) page: u64,
}

impl Trial {
    /// Whether the system turned ASLR off for the workers: a part of the machine class.
    pub(super) fn aslr_off(&self) -> bool {
        self.controls.get(&Control::AslrOff).is_some_and(ControlState::is_granted)
    }

    pub(super) fn run() -> Self {
        let page = rustix::param::page_size() as u64;
        let mut trial = Self { ending: Ending::Completed, controls: BTreeMap::new(), workers: Vec::new(), page };
        trial.ending = trial.start_workers().unwrap_or_else(|error| match error {
            RunnerError::Probe(error) => Ending::Unreadable(error.to_string()),
            error => Ending::NotStarted(error.to_string()),
        });
        trial
    }

    fn start_workers(&mut self) -> Result<Ending, RunnerError> {
        let plan = CpuPlan::new().map_err(|source| RunnerError::System { what: "choose CPUs", source })?;
        // Any folder will do, and the root is everywhere.
        let supervisor =
            Supervisor::new(Path::new("/proc/self/exe"), Path::new("/"), plan.clone(), Interrupt::default())?;
        let parent = plan.pin_parent(Conditions::default().cpus);
        self.controls.insert(Control::ParentElsewhere, parent.state().clone());
        let job = Job {
            program: Program::Own,
            case: "doctor/known-ground".parse().map_err(|_| unparsable())?,
            warm_up: false,
            ladder: Vec::new(),
            options: WorkerOptions::default(),
            inputs: Vec::new(),
            reference: REFERENCE.parse().map_err(|_| unparsable())?,
            limits: Limits::default(),
            conditions: Conditions::default(),
            environment: Vec::new(),
        };
        for _ in 0..WORKERS {
            let (observed, controls) = supervisor.run(&job, Layout::default())?;
            self.controls.extend(controls);
            match observed {
                Observed::Sample(sample) if sample.outcome == Outcome::Completed => self.workers.push(seen(&sample)),
                Observed::Sample(sample) => {
                    let last_words = sample.output_tail.lines().last().unwrap_or_default();
                    return Ok(Ending::Died(format!("{} {last_words}", sample.outcome).trim_end().to_owned()));
                }
                Observed::NotRun(reason) => return Ok(Ending::Died(reason)),
            }
        }
        Ok(Ending::Completed)
    }
}

fn unparsable() -> RunnerError {
    RunnerError::System { what: "name a case", source: io::ErrorKind::InvalidInput.into() }
}

fn seen(sample: &Sample) -> Seen {
    let told = |word: &str| sample.output_tail.lines().find_map(|line| line.strip_prefix(word)).map(str::trim);
    let anon = |stage: &str| {
        let reading = sample.readings.iter().find(|reading| reading.stage.to_string() == stage)?;
        reading.snapshot.get(Metric::Anon)
    };
    let growth = || anon(DIRTY)?.checked_sub(anon(REFERENCE)?);
    Seen {
        addresses: told("addresses ").map(str::to_owned),
        cpus: told("cpus ").and_then(|count| count.parse().ok()),
        level: anon(REFERENCE),
        growth: growth(),
    }
}

const REFERENCE: &str = "loaded";
const DIRTY: &str = "dirtied";

/// Plays the worker where the supervisor started this process as one; to be asked first of all.
#[must_use]
pub fn as_worker() -> Option<ExitCode> {
    protocol::is_worker().then(|| match worker_channel().and_then(|channel| work(channel.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot work for the doctor: {error}");
            ExitCode::from(exit::INTERNAL)
        }
    })
}

/// Tells its addresses and CPUs, then dirties [`DIRTIED`] pages between two stages.
fn work(parent: File) -> io::Result<()> {
    let mut lines = BufReader::new(&parent);
    let mut line = String::new();
    while line != "go\n" {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut say_and_wait = |words: &str| {
        (&parent).write_all(words.as_bytes())?;
        line.clear();
        lines.read_line(&mut line).map(drop)
    };

    let mut ground = Ground::map(DIRTIED * STRIDE)?;
    let on_stack = 0_u8;
    let program = as_worker as fn() -> Option<ExitCode>;
    println!("addresses {:p} {:p} {:#x}", program, ptr::from_ref(&on_stack), ground.address());
    println!("cpus {}", sched_getaffinity(None)?.count());
    say_and_wait(&format!("reached {REFERENCE}\n"))?;
    for page in 0..DIRTIED {
        ground.dirty(page * STRIDE);
    }
    say_and_wait(&format!("reached {DIRTY}\n"))?;
    (&parent).write_all(b"end\n")
}
