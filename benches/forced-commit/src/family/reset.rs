//! Cases of one reset strategy, on a ladder of MiB dirtied per job.
//!
//! ```text
//!  loaded      the engine and the module                                (growth is measured from here)
//!  committed   + the instance, its memory committed
//!  armed       + what the strategy prepares
//!  reset@N     jobs that dirty N MiB, each followed by a reset: see below
//!  dropped     - everything
//! ```
//!
//! Figures at each `reset@N`: CPU time of the worker's thread, and the state after the last reset.
//!
//! | figure | |
//! |---|---|
//! | `bare_ns` | the job on committed, untracked memory (median) |
//! | `reset_ns` | the reset (median) |
//! | `added_ns` | added to the next job: refaults, write-protect faults (median job minus `bare_ns`) |
//! | `cost_ns` | both together, the mean over all jobs: the cost in steady state |
//! | `zeroing_ns` | the same for a memset of everything, in this worker before arming (see `Row::zeroing`) |
//! | `uncommitted_bytes` | from the oracle |
//! | `unclean_bytes`, `unclean_state` | differences in memory, and in globals and tables |

use std::path::PathBuf;

use highwater_model::{CaseId, Category, Scale};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Stages};
use linear_memory::{
    Error, Image, Target, oracle,
    reset::{Discard, RemapImage, RestoreAll, Tracked},
};
use rustix::param::page_size;
use wasmtime::Config;

use super::{
    boxed, id, label, median, or_not_run,
    tables::{MIB, Way, size_name},
};
use crate::{
    GuestReset, Live, guest,
    reset::{Pooled, Refresh, RefreshAndCommit, Reinstantiate, Resident, ZeroAll, ZeroPrefix},
    sys::thread_cpu,
};

/// A reset strategy and its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) name: &'static str,
    pub(super) make: fn() -> Box<dyn GuestReset>,
}

impl How {
    pub(super) const REINSTANTIATE: Self = Self { name: "reinstantiate", make: || Box::new(Reinstantiate) };
    pub(super) const REFRESH: Self = Self { name: "refresh", make: || Box::new(Refresh) };
    pub(super) const REFRESH_AND_COMMIT: Self =
        Self { name: "refresh-and-commit", make: || Box::new(RefreshAndCommit) };
    pub(super) const ZERO_ALL: Self = Self { name: "zero-all", make: || Box::new(ZeroAll) };
    pub(super) const ZERO_PREFIX: Self = Self { name: "zero-prefix", make: || Box::new(ZeroPrefix) };
    pub(super) const RESTORE_ALL: Self = Self { name: "restore-all", make: || Box::new(RestoreAll) };
    pub(super) const DISCARD: Self = Self { name: "discard", make: || Box::new(Discard) };
    pub(super) const POOLED: Self = Self { name: "pooled", make: || Box::new(Pooled(Resident::Nothing)) };
    pub(super) const POOLED_MEMSET: Self =
        Self { name: "pooled-resident", make: || Box::new(Pooled(Resident::Memset)) };
    pub(super) const POOLED_SCAN: Self =
        Self { name: "pooled-resident-scan", make: || Box::new(Pooled(Resident::Scan)) };
    pub(super) const REMAP: Self = Self { name: "remap-image", make: || Box::new(RemapImage::default()) };
    pub(super) const TRACKED: Self = Self { name: "tracked", make: || Box::new(Tracked::default()) };

    pub(super) fn config(&self, bytes: u64) -> Config {
        let mut config = Config::new();
        (self.make)().configure(&mut config, bytes as usize);
        config
    }
}

/// The layout of the pages that a job dirties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// One run, starting at the first page.
    Prefix,
    /// 32 runs spread over the memory: the limit of the pool's scan.
    Runs32,
    /// Single pages spread over the memory.
    Pages,
}

impl Where {
    fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Runs32 => "runs-32",
            Self::Pages => "pages",
        }
    }

    fn runs(self, pages: u32) -> u32 {
        match self {
            Self::Prefix => pages.min(1),
            Self::Runs32 => pages.min(32),
            Self::Pages => pages,
        }
    }
}

/// A row.
#[derive(Clone, Copy, Debug)]
struct Row {
    how: How,
    commit: Way,
    at: Where,
    mib: u64,
    /// MiB that a job dirties.
    dirtied: &'static [u32],
    /// Jobs measured at each rung, after the warm-up jobs.
    jobs: usize,
    /// Warm-up jobs, which bring the memory and the strategy to their steady state.
    warm_up: usize,
}

/// Nothing, little, some, and too much to be worth tracking.
const RUNGS: &[u32] = &[0, 1, 16, 256];
/// For strategies that take a large part of a second however little was dirtied.
const FEW: &[u32] = &[1, 16, 256];

const fn row(how: How, at: Where) -> Row {
    Row { how, commit: Way::POPULATE_CHUNKS, at, mib: 1024, dirtied: RUNGS, jobs: 3, warm_up: 1 }
}

const fn few(how: How, at: Where) -> Row {
    Row { dirtied: FEW, jobs: 1, ..row(how, at) }
}

const ROWS: &[Row] = &[
    // Clean but uncommitted: the next job pays.
    few(How::REINSTANTIATE, Where::Prefix),
    few(How::REMAP, Where::Prefix),
    // A refresh as the studied host does it: is the memory committed afterwards? And what committing it would cost.
    Row { commit: Way::ZERO_NEW_PAGES, ..few(How::REFRESH, Where::Prefix) },
    Row { commit: Way::ZERO_NEW_PAGES, ..few(How::REFRESH_AND_COMMIT, Where::Prefix) },
    few(How::POOLED, Where::Prefix),
    // Kept resident by the pool: everything by memset; by scan, the pages in up to 32 runs. The scan is clean
    // here, where nothing is swapped out, but unclean in `swapped`.
    row(How::POOLED_MEMSET, Where::Prefix),
    few(How::POOLED_SCAN, Where::Prefix),
    few(How::POOLED_SCAN, Where::Runs32),
    few(How::POOLED_SCAN, Where::Pages),
    // As published: unclean, and ignores everything beyond the prefix.
    row(How::ZERO_ALL, Where::Prefix),
    row(How::ZERO_PREFIX, Where::Prefix),
    row(How::ZERO_PREFIX, Where::Runs32),
    // Clean and committed, at the cost of the whole memory.
    row(How::RESTORE_ALL, Where::Prefix),
    Row { dirtied: &[16], jobs: 1, ..row(How::DISCARD, Where::Prefix) },
    // Clean and committed, at the cost of the dirtied pages.
    row(How::TRACKED, Where::Prefix),
    row(How::TRACKED, Where::Runs32),
    row(How::TRACKED, Where::Pages),
    // The same in huge pages: faster to scan, and split where written.
    Row { commit: Way::HUGE_CHUNKS, ..row(How::TRACKED, Where::Prefix) },
    Row { commit: Way::HUGE_CHUNKS, ..row(How::TRACKED, Where::Pages) },
    // A 64th to a quarter of the memory, on both sides of the break-even point of tracking: after the jobs in which
    // the library learns a density, and enough of them that the mean includes the samples for sparse jobs.
    Row { mib: 64, dirtied: &[1, 2, 4, 16], jobs: 200, warm_up: 16, ..row(How::TRACKED, Where::Prefix) },
    // The published size.
    Row { mib: 4096, dirtied: &[16], commit: Way::HUGE_CHUNKS, ..row(How::TRACKED, Where::Pages) },
];

pub(super) fn cases() -> Vec<Box<dyn Case>> {
    boxed(ROWS.iter().copied())
}

/// The CPU time of this thread that `work` takes, in nanoseconds.
pub(super) fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<u64, E> {
    let begun = thread_cpu();
    work()?;
    Ok((thread_cpu() - begun).as_nanos() as u64)
}

impl Row {
    fn bytes(&self) -> u64 {
        self.mib * MIB
    }

    /// Runs one rung of the ladder: jobs, each followed by `after`.
    fn jobs(
        &self,
        scale: Scale,
        live: &mut Live,
        count: usize,
        mut after: impl FnMut(&mut Live) -> Result<(), Error>,
    ) -> CaseResult<Times> {
        let pages = (u64::from(scale.0) * MIB / page_size() as u64) as u32;
        let runs = self.at.runs(pages);
        let mut times = Times::default();
        for _ in 0..count {
            times.jobs.push(timed(|| live.call("dirty", pages, runs))?);
            times.resets.push(timed(|| after(live))?);
        }
        Ok(times)
    }

    /// Measures jobs and resets.
    fn measure(&self, scale: Scale, live: &mut Live, reset: &mut dyn GuestReset, image: &Image) -> CaseResult<Times> {
        let mut restore = |live: &mut Live| reset.reset(live, image);
        self.jobs(scale, live, self.warm_up, &mut restore)?;
        self.jobs(scale, live, self.jobs, restore)
    }

    /// Measures the same jobs on committed, untracked memory, each followed by a memset of everything. The
    /// worker's own memory is the reference because a memset of the same number of other pages takes up to a
    /// third more or less.
    fn zeroing(&self, scale: Scale, live: &mut Live) -> CaseResult<Times> {
        self.jobs(scale, live, self.jobs.clamp(3, 50), |live| {
            live.memory().fill(0);
            Ok(())
        })
    }
}

/// CPU times in nanoseconds.
#[derive(Default)]
struct Times {
    jobs: Vec<u64>,
    resets: Vec<u64>,
}

impl Times {
    /// The mean cost of a job and the reset after it, minus that of a job on untracked memory.
    fn cost(&self, bare: u64) -> u64 {
        let total: u64 = self.jobs.iter().chain(&self.resets).sum();
        (total / (self.jobs.len() as u64).max(1)).saturating_sub(bare)
    }
}

impl Case for Row {
    fn id(&self) -> CaseId {
        let pages = if self.commit.huge { "huge" } else { "4k" };
        id(
            "reset",
            &[("how", self.how.name), ("pages", pages), ("size", &size_name(self.bytes())), ("where", self.at.name())],
        )
    }

    fn ladder(&self) -> Vec<Scale> {
        self.dirtied.iter().copied().map(Scale).collect()
    }

    /// Quick runs keep the cases that the targets are defined on.
    fn is_heavy(&self) -> bool {
        let kept = [How::ZERO_PREFIX.name, How::TRACKED.name];
        self.mib != 1024 || self.commit.huge || self.at == Where::Runs32 || !kept.contains(&self.how.name)
    }

    /// Earlier instances warm up, and every rung has warm-up jobs.
    fn warms_up(&self) -> bool {
        false
    }

    fn conditions(&self) -> Conditions {
        self.commit.conditions()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let name = format!("reset-{}-{}", self.how.name, size_name(self.bytes()));
        let declared = self.commit.declared(self.bytes());
        Ok(vec![guest::precompiled(dirs.cache, &name, declared, &self.how.config(self.bytes()))?])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let mut reset = (self.how.make)();
        let commit = (self.commit.make)();
        reset.supported().and(commit.supported()).map_err(or_not_run)?;
        let mut live = Live::idle(&self.how.config(self.bytes()), stages.input(0)?, 0)?;
        stages.reached("loaded")?;

        live.renew()?;
        label(stages, &mut live)?;
        let labelled = live.memory().len();
        commit.commit(&mut live)?;
        if live.memory().len() != labelled {
            label(stages, &mut live)?;
        }
        stages.reached("committed")?;
        let image = Image::of_segments(&guest::segments(), self.bytes() as usize);
        let zeroings: Vec<Times> =
            stages.ladder().into_iter().map(|scale| self.zeroing(scale, &mut live)).collect::<Result<_, _>>()?;
        image.restore(live.memory(), 0..self.bytes() as usize);
        live.restore_state()?;
        reset.arm(&mut live, &image)?;
        stages.reached("armed")?;

        for (scale, zeroing) in stages.ladder().into_iter().zip(zeroings) {
            let times = self.measure(scale, &mut live, &mut *reset, &image)?;
            let bare = median(zeroing.jobs.clone());
            stages.figure("bare_ns", bare)?;
            stages.figure("zeroing_ns", zeroing.cost(bare))?;
            stages.figure("cost_ns", times.cost(bare))?;
            stages.figure("reset_ns", median(times.resets))?;
            stages.figure("added_ns", median(times.jobs).saturating_sub(bare))?;
            // Read before the comparison, which touches every page.
            let residency = oracle::residency(live.memory()).map_err(or_not_run)?;
            stages.figure("uncommitted_bytes", residency.uncommitted())?;
            let left = live.left(&image)?;
            stages.figure("unclean_bytes", left.memory.bytes)?;
            stages.figure("unclean_state", left.globals + left.elements)?;
            stages.note(&format!("left_{}", scale.0), &left.to_string())?;
            label(stages, &mut live)?;
            stages.reached_at("reset", scale)?;
        }
        drop(reset);
        stages.forget(Category::LinearMemory)?;
        drop(live);
        Ok(stages.reached("dropped")?)
    }
}
