//! Runs one worker with attribution on. Its other conditions are those of the plan.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{CaseId, Category, Frame, Metric, Moment, Outcome, Sample, Stage};
use highwater_runner::{Job, Measuring, Observed, Plan, RunError};
use highwater_worker::ATTRIBUTION_VARIABLE;

use crate::{
    dump::{AtStage, Dump, DumpError, Held},
    faults::{FaultRecorder, Faults},
    frames::{harness_sources, is_of_recording, shown},
    generated::Generated,
    profile::ProfileError,
    symbols::Symbols,
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
    /// Its stacks, by address.
    pub dump: Dump,
    /// Whether the blocks of its heap were recorded.
    pub has_heap: bool,
    /// The functions to show of each stack, innermost first.
    pub functions: Vec<Vec<Frame>>,
    /// The private pages of each stage.
    pub pages: BTreeMap<Stage, StagePages>,
    /// Page faults without an event, because they came too fast.
    pub lost_faults: u64,
    /// Why there are no pages, or not all.
    pub refused: Option<String>,
    sample: Sample,
}

/// Numbers of private pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagePages {
    /// Those whose stack is known.
    pub known: u64,
    /// Those of `known` whose outermost functions are not known.
    pub incomplete: u64,
    /// Those of the recording itself, which are no part of `known`.
    pub of_recording: u64,
}

impl Attributed {
    /// The anonymous memory of a stage without that of the recording, in bytes, and the part of it whose stack is
    /// known. `None` if page faults were not recorded.
    pub(crate) fn anonymous(&self, stage: &Stage) -> Option<(u64, u64)> {
        let page = rustix::param::page_size() as u64;
        let StagePages { known, of_recording, .. } = *self.pages.get(stage)?;
        let reading = self.sample.readings.iter().find(|reading| reading.stage == *stage)?;
        let measured = reading.snapshot.get(Metric::Anon)?;
        Some((measured.saturating_sub(of_recording * page), known * page))
    }

    /// What was measured of the worker. Its figures include the attribution, so nothing is judged by them.
    #[must_use]
    pub fn sample(&self) -> &Sample {
        &self.sample
    }

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
    #[error("{path}: {source}")]
    Io {
        /// The file, or its folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
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
    #[error("{case}: its worker does not record the call stacks of its heap, and there are {pages}")]
    NoStacks {
        /// The case.
        case: CaseId,
        /// Why there are no pages, either.
        pages: String,
    },
}

/// How much longer a worker may take with attribution.
const SLOWER: u32 = 10;

/// Runs one worker of a job, with attribution. `root` is the root of the workspace that its program was built from,
/// `time` the most that the worker may take [default: ten times its usual limit].
///
/// # Errors
/// If the worker does not complete, or there are neither stacks of its heap nor of its pages.
pub fn attribute(
    measuring: &mut Measuring,
    plan: &Plan,
    job: &Job,
    root: &Path,
    time: Option<Duration>,
) -> Result<Attributed, ExplainError> {
    let case = job.case.clone();
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| ExplainError::Io { path, source }
    };
    let file = tempfile::NamedTempFile::new().map_err(io_error(&env::temp_dir()))?;
    let mut job = job.clone();
    job.environment.push((ATTRIBUTION_VARIABLE.to_owned(), file.path().to_string_lossy().into_owned()));
    job.limits.time *= SLOWER;
    job.limits.time = time.map_or(job.limits.time, |time| time.min(job.limits.time));
    let mut recorder = FaultRecorder::default();
    let sample = match measuring.observed_worker(&job, 0, &mut recorder)? {
        Observed::Sample(sample) if sample.outcome == Outcome::Completed => sample,
        Observed::Sample(sample) => return Err(ExplainError::Failed { case, outcome: sample.outcome }),
        Observed::NotRun(reason) => return Err(ExplainError::NotRun { case, reason }),
    };
    let faults = recorder.finish();
    let mut dump = Dump::parse(&fs::read_to_string(file.path()).map_err(io_error(file.path()))?)?;
    let has_heap = !dump.stages.is_empty();
    if !has_heap {
        // It is another program, was built with an earlier version, or has another allocator. Its pages are enough.
        if faults.stages.is_empty() {
            let pages = faults.refused.unwrap_or_else(|| "it reached no stage".to_owned());
            return Err(ExplainError::NoStacks { case, pages });
        }
    }
    let (unit, baseline_stage) = (plan.unit.clone(), plan.baseline_stage.clone());
    let heap_stacks = dump.stacks.len();
    dump.stacks.extend(faults.stacks.iter().cloned());
    if !faults.maps.is_empty() {
        dump.maps.clone_from(&faults.maps);
    }
    let generated = Generated::read(faults.perf_map.as_deref(), &faults.jitdumps);
    if let Some(path) = &faults.perf_map {
        // The next process with this number must not find it. Compilers append to it.
        let _ = fs::remove_file(path);
    }
    let (functions, of_recording) = functions(&dump, root, generated);
    let pages = add_pages(&mut dump, &faults, heap_stacks, &of_recording);
    let Faults { lost: lost_faults, refused, .. } = faults;
    Ok(Attributed { case, unit, baseline_stage, dump, has_heap, functions, pages, lost_faults, refused, sample })
}

/// The functions to show of each stack, and whether it is of the recording itself.
fn functions(dump: &Dump, root: &Path, generated: Generated) -> (Vec<Vec<Frame>>, Vec<bool>) {
    let mut symbols = Symbols::new(&dump.maps, root, generated);
    let stacks = dump.stacks.iter();
    let all = stacks.map(|stack| stack.iter().flat_map(|address| symbols.frames(*address).to_vec()).collect());
    let all: Vec<Vec<Frame>> = all.collect();
    let harness = harness_sources(all.iter().flatten());
    let of_recording = all.iter().map(|frames| is_of_recording(frames)).collect();
    (all.iter().map(|frames| shown(frames, harness.as_deref())).collect(), of_recording)
}

/// Adds the pages of every stage that have no live block of the counting allocator, because those are held by the stack
/// that allocated the block. Pages of the recording itself are left out.
fn add_pages(
    dump: &mut Dump,
    faults: &Faults,
    heap_stacks: usize,
    of_recording: &[bool],
) -> BTreeMap<Stage, StagePages> {
    let page_size = rustix::param::page_size() as u64;
    let mut all = BTreeMap::new();
    for at in &faults.stages {
        let index = dump.stages.iter().position(|known| known.stage == at.stage).unwrap_or_else(|| {
            dump.stages.push(AtStage { stage: at.stage.clone(), held: Vec::new(), blocks: Vec::new() });
            dump.stages.len() - 1
        });
        let stage = &mut dump.stages[index];
        let mut counts = StagePages::default();
        let mut held: BTreeMap<(usize, Category), u64> = BTreeMap::new();
        for (page, stack, category) in &at.pages {
            let is_complete = faults.complete[*stack];
            let stack = heap_stacks + stack;
            if of_recording[stack] {
                counts.of_recording += 1;
                continue;
            }
            counts.known += 1;
            counts.incomplete += u64::from(!is_complete);
            let next = stage.blocks.partition_point(|range| range.end() / page_size < *page);
            if stage.blocks.get(next).is_none_or(|range| range.start() / page_size > *page) {
                *held.entry((stack, *category)).or_default() += 1;
            }
        }
        stage.held.extend(held.into_iter().map(|((stack, category), pages)| Held {
            stack,
            category: Some(category),
            bytes: pages * page_size,
            blocks: pages,
            peak_bytes: 0,
            peak_blocks: 0,
        }));
        all.insert(at.stage.clone(), counts);
    }
    all
}
