//! Runs one worker with attribution on. Its other conditions are those of the plan.

use std::{fs, io};

use highwater_model::{CaseId, Metric, Outcome, Sample, Stage};
use highwater_runner::{Job, Measuring, Observed, Plan, RunError};
use highwater_worker::{ATTRIBUTION_VARIABLE, Program};

use crate::{
    dump::{Dump, DumpError},
    profile::{Moment, ProfileError},
};

/// What a worker under attribution said and what was measured of it.
#[derive(Debug)]
pub struct Attributed {
    /// The case.
    pub case: CaseId,
    /// The name of a unit of the ladder.
    pub unit: String,
    /// The stage that growth is measured from.
    pub baseline_stage: Stage,
    /// Its stacks.
    pub dump: Dump,
    sample: Sample,
}

impl Attributed {
    /// The heap bytes at a stage by the counting allocator.
    pub(crate) fn measured(&self, stage: &Stage, moment: Moment) -> Option<u64> {
        let metric = if moment == Moment::Peak { Metric::HeapPeak } else { Metric::HeapLive };
        self.sample.readings.iter().find(|reading| reading.stage == *stage)?.snapshot.get(metric)
    }
}

/// Why a case cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The worker could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The file with its stacks could not be made or read.
    #[error("the file of the attribution: {0}")]
    Io(#[from] io::Error),
    /// It could not be understood.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The requested stage does not exist.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The worker did not complete.
    #[error("{case}: its worker with attribution failed: {outcome:?}")]
    Failed {
        /// The case.
        case: CaseId,
        /// What became of it.
        outcome: Outcome,
    },
    /// The worker cannot be run here.
    #[error("{case}: not run: {reason}")]
    NotRun {
        /// The case.
        case: CaseId,
        /// The reason.
        reason: String,
    },
    /// The worker wrote no stacks.
    #[error("{case}: its worker does not record call stacks: {why}")]
    NoStacks {
        /// The case.
        case: CaseId,
        /// The reason.
        why: &'static str,
    },
}

/// How much longer a worker may take with attribution.
const SLOWER: u32 = 10;

/// Runs one worker of a job, with attribution.
///
/// # Errors
/// If the worker does not complete, or writes no stacks.
pub fn attribute(measuring: &mut Measuring, plan: &Plan, job: &Job) -> Result<Attributed, ExplainError> {
    let case = job.case.clone();
    if job.program != Program::Own {
        return Err(ExplainError::NoStacks {
            case,
            why: "it is a program of its own, not linked with highwater-worker",
        });
    }
    let file = tempfile::NamedTempFile::new()?;
    let mut job = job.clone();
    job.environment.push((ATTRIBUTION_VARIABLE.to_owned(), file.path().to_string_lossy().into_owned()));
    job.limits.time *= SLOWER;
    let sample = match measuring.worker(&job, 0)? {
        Observed::Sample(sample) if sample.outcome == Outcome::Completed => sample,
        Observed::Sample(sample) => return Err(ExplainError::Failed { case, outcome: sample.outcome }),
        Observed::NotRun(reason) => return Err(ExplainError::NotRun { case, reason }),
    };
    let dump = Dump::parse(&fs::read_to_string(file.path())?)?;
    if dump.stages.is_empty() {
        let why = "it was built with an earlier version, or without the counting allocator";
        return Err(ExplainError::NoStacks { case, why });
    }
    Ok(Attributed { case, unit: plan.unit.clone(), baseline_stage: plan.baseline_stage.clone(), dump, sample })
}
