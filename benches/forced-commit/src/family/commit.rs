//! Cases of one commit strategy and one memory.
//!
//! ```text
//!  loaded      the engine, the module, host pages warm or cold      (growth is measured from here)
//!  live        + the instance, and its memory if instantiation commits it
//!  committed   + what the strategy commits; commit_ns: its time, plus the instantiation if that commits
//!  checked     the oracle: uncommitted_bytes, refaults
//!  job         the first job writes to every page
//!  compared    the comparison with the initial image: unclean_bytes
//!  limit       memset_ns: a memset of the whole memory, now resident. For `best`, what the machine allows, measured
//!              in a child before `loaded`: clearing_ns and fill_ns, and best_ns in the same rounds (see `bounds`)
//!  dropped     - the instance
//! ```

use std::{path::PathBuf, time::Instant};

use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Stages};
use linear_memory::{Image, Target, oracle};
use wasmtime::Config;

use super::{
    bounds::Bounds,
    boxed, id, label, median, or_not_run,
    tables::{Host, MIB, Way, size_name},
};
use crate::{Live, guest};

/// A row.
#[derive(Clone, Copy, Debug)]
struct Row {
    way: Way,
    bytes: u64,
    host: Host,
}

const fn row(way: Way, mib: u64) -> Row {
    Row { way, bytes: mib * MIB, host: Host::Warm }
}

const fn as_found(way: Way, mib: u64) -> Row {
    Row { host: Host::AsFound, ..row(way, mib) }
}

/// Every strategy at 256 MiB; the most useful ones at 1 GiB; at 4 GiB the published recipe and the strategies
/// that it is compared with.
const ROWS: &[Row] = &[
    // Claimed to pre-allocate, but do not.
    row(Way::STATIC_MAXIMUM, 256),
    row(Way::DECLARED_MINIMUM, 256),
    // Touching from the host and from the guest; touching a sixteenth; the published recipe.
    row(Way::TOUCH_WASM_PAGES, 256),
    row(Way::TOUCH_OS_PAGES, 256),
    row(Way::GUEST_PROBE, 256),
    row(Way::TWO_PASS, 256),
    // What the studied host does today: the pages of the declared minimum stay uncommitted.
    row(Way::ZERO_NEW_PAGES, 256),
    // System calls, with one thread and two.
    row(Way::POPULATE, 256),
    row(Way::POPULATE_CHUNKS, 256),
    row(Way::POPULATE_THREADS, 256),
    row(Way::LOCK, 256),
    row(Way::HOST_MEMORY, 256),
    // Huge pages: a tenth of the time.
    row(Way::HUGE_WHOLE, 256),
    row(Way::HUGE_CHUNKS, 256),
    row(Way::HUGE_THREADS, 256),
    row(Way::HOST_MEMORY_HUGE, 256),
    // The headroom check costs little; a deferred commit delays the first job.
    row(Way::GUARDED, 256),
    row(Way::GUARDED_HUGE, 256),
    row(Way::DEFERRED, 256),
    row(Way::BEST, 256),
    // Negative controls.
    row(Way::READ_OS_PAGES, 256),
    row(Way::POPULATE_READ, 256),
    row(Way::WILL_NEED, 256),
    row(Way::LOCK_ON_FAULT, 256),
    // The cost that a virtual machine's host adds for pages that were returned to it.
    Row { host: Host::Cold, ..row(Way::HUGE_CHUNKS, 256) },
    // The same at 1 GiB: time is linear in size.
    row(Way::TWO_PASS, 1024),
    row(Way::POPULATE_THREADS, 1024),
    row(Way::HUGE_CHUNKS, 1024),
    row(Way::HUGE_THREADS, 1024),
    row(Way::BEST, 1024),
    // The published size.
    as_found(Way::TWO_PASS, 4096),
    as_found(Way::POPULATE_THREADS, 4096),
    as_found(Way::HUGE_CHUNKS, 4096),
    as_found(Way::GUARDED_HUGE, 4096),
    row(Way::BEST, 4096),
];

pub(super) fn cases() -> Vec<Box<dyn Case>> {
    boxed(ROWS.iter().copied())
}

impl Row {
    fn config(&self) -> Config {
        let mut config = Config::new();
        (self.way.make)().configure(&mut config);
        config
    }
}

impl Case for Row {
    fn id(&self) -> CaseId {
        id("commit", &[("how", self.way.name), ("host", self.host.name()), ("size", &size_name(self.bytes))])
    }

    fn is_heavy(&self) -> bool {
        self.bytes > 256 * MIB || self.host != Host::Warm
    }

    /// Each case prepares the host's pages itself: see [`Host`].
    fn warms_up(&self) -> bool {
        false
    }

    fn conditions(&self) -> Conditions {
        self.way.conditions()
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let name = format!("{}-{}", self.way.name, size_name(self.bytes));
        // To warm pages: a large memory on an engine with default settings.
        let warm = guest::precompiled(dirs.cache, "warm", guest::Declared::exactly(4096 * MIB), &Config::new())?;
        Ok(vec![guest::precompiled(dirs.cache, &name, self.way.declared(self.bytes), &self.config())?, warm])
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let strategy = (self.way.make)();
        strategy.supported().map_err(or_not_run)?;
        self.host.prepare(Live::idle(&Config::new(), stages.input(1)?, 0)?, self.bytes)?;
        let bounds = if self.way.name == Way::BEST.name {
            let live = Live::idle(&self.config(), stages.input(0)?, 0)?;
            Some(Bounds::measure(&*strategy, live, self.bytes)?)
        } else {
            None
        };
        let mut live = Live::idle(&self.config(), stages.input(0)?, 0)?;
        stages.reached("loaded")?;

        let begun = Instant::now();
        live.renew()?;
        let made = begun.elapsed();
        label(stages, &mut live)?;
        let labelled = live.memory().len();
        stages.reached("live")?;
        let begun = Instant::now();
        strategy.commit(&mut live)?;
        stages.figure("commit_ns", (made + begun.elapsed()).as_nanos() as u64)?;
        if live.memory().len() != labelled {
            label(stages, &mut live)?;
        }
        stages.reached("committed")?;

        let residency = oracle::residency(live.memory()).map_err(or_not_run)?;
        stages.figure("uncommitted_bytes", self.bytes.saturating_sub(residency.committed()))?;
        stages.reached("checked")?;

        strategy.before_first_job(&mut live)?;
        live.probe()?;
        stages.reached("job")?;

        stages.figure("refaults", oracle::retouch(live.memory()))?;
        let image = Image::of_segments(&guest::segments(), live.memory().len());
        stages.figure("unclean_bytes", image.dirt(live.memory()).bytes)?;
        stages.reached("compared")?;

        let memsets = (0..3).map(|_| {
            let begun = Instant::now();
            live.memory().fill(0);
            begun.elapsed().as_nanos() as u64
        });
        stages.figure("memset_ns", median(memsets.collect()))?;
        if let Some(Bounds { clearing, commit, memset }) = bounds {
            stages.figure("clearing_ns", clearing)?;
            stages.figure("best_ns", commit)?;
            stages.figure("fill_ns", memset)?;
        }
        stages.reached("limit")?;
        stages.forget(Category::LinearMemory)?;
        drop(live);
        Ok(stages.reached("dropped")?)
    }
}
