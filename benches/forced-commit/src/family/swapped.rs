//! Cases of one reset strategy with the job's pages swapped out (`MADV_PAGEOUT`) between job and reset: does
//! anything of the job reach the next one?
//!
//! ```text
//!  loaded      the engine and the module                       (growth is measured from here)
//!  committed   + the instance, its memory committed
//!  armed       + what the strategy prepares
//!  swapped     jobs, each swapped out and then reset: see below
//!  dropped     - everything
//! ```
//!
//! | figure at `swapped` | |
//! |---|---|
//! | `resets` | number of jobs that were swapped out and reset |
//! | `swapped_bytes` | the minimum number of bytes swapped out before a reset |
//! | `unclean_resets` | number of resets that were not clean |
//! | `unclean_bytes`, `unclean_state` | the maximum left by one of them, in memory, and in globals and tables |
//!
//! Swap is a setting of the whole machine, so no case turns it on: without swap the cases are not run. The
//! test `tests/swap.rs` creates a swap file where it has the rights, and checks the same.

use std::path::PathBuf;

use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, NotRun, Stages};
use linear_memory::{Image, Target, swap};
use rustix::param::page_size;

use super::{
    boxed, id, label, or_not_run,
    reset::How,
    tables::{MIB, Way, size_name},
};
use crate::{Live, guest};

/// A row.
#[derive(Clone, Copy, Debug)]
struct Row(How);

const BYTES: u64 = 8 * MIB;
/// Bytes that a job dirties, in as many runs as a pool's scan returns.
const DIRTIED: u64 = MIB;
const RUNS: u32 = 32;
const RESETS: u64 = 16;
const COMMIT: Way = Way::POPULATE_CHUNKS;

const ROWS: &[Row] = &[
    Row(How::REINSTANTIATE),
    Row(How::REMAP),
    Row(How::POOLED),
    Row(How::POOLED_MEMSET),
    // Not clean here, though clean in `reset`: docs/wasmtime-14357.md.
    Row(How::POOLED_SCAN),
    Row(How::ZERO_ALL),
    Row(How::ZERO_PREFIX),
    Row(How::RESTORE_ALL),
    Row(How::DISCARD),
    Row(How::TRACKED),
];

pub(super) fn cases() -> Vec<Box<dyn Case>> {
    boxed(ROWS.iter().copied())
}

impl Case for Row {
    fn id(&self) -> CaseId {
        id("swapped", &[("how", self.0.name), ("pages", "4k"), ("size", &size_name(BYTES))])
    }

    fn warms_up(&self) -> bool {
        false
    }

    fn conditions(&self) -> Conditions {
        COMMIT.conditions()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        if !swap::is_on()? {
            let reason = "no swap is on, and cases do not turn it on: as root, `cargo test --release -p forced-commit \
                          --test swap` does so for its duration";
            return Err(NotRun(reason.to_owned()).into());
        }
        let name = format!("swapped-{}-{}", self.0.name, size_name(BYTES));
        Ok(vec![guest::precompiled(dirs.cache, &name, guest::Declared::exactly(BYTES), &self.0.config(BYTES))?])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let mut reset = (self.0.make)();
        let commit = (COMMIT.make)();
        reset.supported().and(commit.supported()).map_err(or_not_run)?;
        let mut live = Live::idle(&self.0.config(BYTES), stages.input(0)?, 0)?;
        stages.reached("loaded")?;

        live.renew()?;
        label(stages, &mut live)?;
        commit.commit(&mut live)?;
        stages.reached("committed")?;
        let image = Image::of_segments(&guest::segments(), BYTES as usize);
        reset.arm(&mut live, &image)?;
        stages.reached("armed")?;

        let pages = (DIRTIED / page_size() as u64) as u32;
        let (mut swapped, mut unclean, mut bytes, mut state) = (u64::MAX, 0, 0, 0);
        for _ in 0..RESETS {
            live.call("dirty", pages, RUNS)?;
            swapped = swapped.min(swap::out(live.memory()).map_err(or_not_run)?);
            reset.reset(&mut live, &image)?;
            let left = live.left(&image)?;
            unclean += u64::from(!left.is_clean());
            bytes = left.memory.bytes.max(bytes);
            state = (left.globals + left.elements).max(state);
        }
        if swapped == 0 {
            return Err(NotRun("swap is on, but the kernel swapped nothing out".to_owned()).into());
        }
        stages.figure("resets", RESETS)?;
        stages.figure("swapped_bytes", swapped)?;
        stages.figure("unclean_resets", unclean)?;
        stages.figure("unclean_bytes", bytes)?;
        stages.figure("unclean_state", state)?;
        label(stages, &mut live)?;
        stages.reached("swapped")?;
        drop(reset);
        stages.forget(Category::LinearMemory)?;
        drop(live);
        Ok(stages.reached("dropped")?)
    }
}
