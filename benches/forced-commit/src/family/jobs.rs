//! Cases of a hundred consecutive jobs of an indexer, in one guest or in a new one for each job: new
//! instances against every reset. The guest is real (`wasm-guests/guests/indexer`): a hash map of balances in
//! 16 MiB of its memory, one block of transfers per job, and the changes returned as a key-value batch.
//!
//! ```text
//!  loaded      the engine, the module, and the expected batches           (growth is measured from here)
//!  committed   + the instance, its memory grown to 256 MiB and committed
//!  jobs        job_ns, reset_ns: total CPU time; wrong_batches; uncommitted_bytes
//!  dropped     - everything
//! ```

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Stages};
use linear_memory::{Error, Image, Target, oracle};
use wasmtime::Config;

use super::{
    boxed, id, label, or_not_run,
    reset::{How, timed},
    tables::{MIB, Way, size_name},
};
use crate::{Live, guest::compiler};

/// A row.
#[derive(Clone, Copy, Debug)]
struct Row {
    how: How,
    commit: Way,
}

const BYTES: u64 = 256 * MIB;
const JOBS: u32 = 100;
/// Number of different blocks; after these the heights repeat.
const HEIGHTS: u32 = 10;
/// Transfers per block: about 2,000 changes, on about 1,600 pages.
const TRANSFERS: u32 = 1000;

const fn row(how: How) -> Row {
    Row { how, commit: Way::POPULATE_CHUNKS }
}

const ROWS: &[Row] = &[
    // A new instance for each job: on demand, from a pool, and from pools that keep memory resident.
    row(How::REINSTANTIATE),
    row(How::POOLED),
    row(How::POOLED_SCAN),
    // In place, starting with the published reset. This guest does not report how much memory it uses, and
    // its map is scattered, so its used prefix is the whole memory. Discarding is covered by the reset cases:
    // a hundred discards would take ten seconds.
    row(How::ZERO_ALL),
    row(How::RESTORE_ALL),
    row(How::REMAP),
    row(How::TRACKED),
    Row { commit: Way::HUGE_CHUNKS, ..row(How::TRACKED) },
];

pub(super) fn cases() -> Vec<Box<dyn Case>> {
    boxed(ROWS.iter().copied())
}

/// The hash of a block's batch.
fn batch(live: &mut Live, height: u32) -> Result<u64, Error> {
    let mut hasher = DefaultHasher::new();
    live.call_for_bytes("job", height, TRANSFERS)?.hash(&mut hasher);
    Ok(hasher.finish())
}

impl Case for Row {
    fn id(&self) -> CaseId {
        let pages = if self.commit.huge { "huge" } else { "4k" };
        id("jobs", &[("how", self.how.name), ("pages", pages), ("size", &size_name(BYTES))])
    }

    fn is_heavy(&self) -> bool {
        ![How::REINSTANTIATE.name, How::ZERO_ALL.name, How::TRACKED.name].contains(&self.how.name)
    }

    /// Fresh instances run the same jobs first.
    fn warms_up(&self) -> bool {
        false
    }

    fn conditions(&self) -> Conditions {
        self.commit.conditions()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let guest = wasm_guests::guest("indexer")?;
        let cache = wasm_guests::Cache::at(dirs.cache);
        [self.how.config(BYTES), Config::new()]
            .into_iter()
            .map(|config| {
                let engine = compiler(&config)?;
                let mut hasher = DefaultHasher::new();
                engine.precompile_compatibility_hash().hash(&mut hasher);
                let key = format!("wasmtime {:016x}", hasher.finish());
                Ok(cache.precompiled(&guest, &key, |wasm| engine.precompile_module(wasm))?)
            })
            .collect()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let mut reset = (self.how.make)();
        let commit = (self.commit.make)();
        reset.supported().and(commit.supported()).map_err(or_not_run)?;
        // The expected batches: each from a new instance, on demand.
        let mut fresh = Live::idle(&Config::new(), stages.input(1)?, 0)?;
        let mut expected = Vec::new();
        for height in 0..HEIGHTS {
            fresh.renew()?;
            expected.push(batch(&mut fresh, height)?);
        }
        fresh.renew()?;
        let image = Image::of(fresh.memory()).grown_to(BYTES as usize);
        drop(fresh);
        let mut live = Live::idle(&self.how.config(BYTES), stages.input(0)?, BYTES)?;
        stages.reached("loaded")?;

        live.renew()?;
        label(stages, &mut live)?;
        commit.commit(&mut live)?;
        reset.arm(&mut live, &image)?;
        stages.reached("committed")?;

        let (mut jobs, mut resets, mut wrong) = (0, 0, 0);
        for number in 0..JOBS {
            let height = number % HEIGHTS;
            let mut made = 0;
            jobs += timed(|| batch(&mut live, height).map(|batch| made = batch))?;
            resets += timed(|| reset.reset(&mut live, &image))?;
            wrong += u64::from(made != expected[height as usize]);
        }
        stages.figure("job_ns", jobs)?;
        stages.figure("reset_ns", resets)?;
        stages.figure("wrong_batches", wrong)?;
        let residency = oracle::residency(live.memory()).map_err(or_not_run)?;
        stages.figure("uncommitted_bytes", residency.uncommitted())?;
        stages.note("left", &live.left(&image)?.to_string())?;
        label(stages, &mut live)?;
        stages.reached("jobs")?;
        drop(reset);
        stages.forget(Category::LinearMemory)?;
        drop(live);
        Ok(stages.reached("dropped")?)
    }
}
