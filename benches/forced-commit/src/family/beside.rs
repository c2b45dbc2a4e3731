//! How long another thread is blocked while a memory is committed. It creates and drops instances of a small
//! guest as fast as it can; both threads need the kernel's lock on the process's mappings.
//!
//! ```text
//!  loaded      the engine, both modules, the instance           (growth is measured from here)
//!  alone       idle_ns: the slowest instantiation with nothing else running
//!  committed   slowest_ns: the slowest instantiation while the other thread commits
//!  dropped     - the instance
//! ```

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseResult, Conditions, Dirs, Stages};
use linear_memory::{Error, pin_thread};
use wasmtime::Config;

use super::{
    boxed, id, label, or_not_run,
    tables::{Host, MIB, Way, size_name},
};
use crate::{Live, guest};

/// A row.
#[derive(Clone, Copy, Debug)]
struct Row(Way);

const BYTES: u64 = 256 * MIB;

const ROWS: &[Row] = &[
    // One call holds the lock until it returns; chunks release it in between; huge pages finish sooner;
    // faults take the lock for one page at a time.
    Row(Way::POPULATE),
    Row(Way::POPULATE_CHUNKS),
    Row(Way::HUGE_WHOLE),
    Row(Way::HUGE_CHUNKS),
    Row(Way::TOUCH_OS_PAGES),
];

pub(super) fn cases() -> Vec<Box<dyn Case>> {
    boxed(ROWS.iter().copied())
}

/// Creates and drops instances until `stop` is set and returns the slowest instantiation in nanoseconds. Sets
/// `begun` after the first: a thread that starts after the kernel's lock is taken would wait before its clock
/// runs.
fn slowest(small: &mut Live, begun: &AtomicBool, stop: &AtomicBool) -> Result<u64, Error> {
    let mut slowest = Duration::ZERO;
    while !stop.load(Ordering::Acquire) {
        let started = Instant::now();
        let made = small.renew();
        slowest = slowest.max(started.elapsed());
        begun.store(true, Ordering::Release);
        made?;
    }
    Ok(slowest.as_nanos() as u64)
}

impl Case for Row {
    fn id(&self) -> CaseId {
        id("beside", &[("how", self.0.name), ("size", &size_name(BYTES))])
    }

    fn is_heavy(&self) -> bool {
        true
    }

    /// Each case prepares the host's pages itself: see [`Host`].
    fn warms_up(&self) -> bool {
        false
    }

    fn conditions(&self) -> Conditions {
        Conditions { cpus: 2, ..self.0.conditions() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        let sizes = [("beside", BYTES), ("warm", 4096 * MIB), ("small", 4 * MIB)];
        let made = sizes
            .map(|(name, bytes)| guest::precompiled(dirs.cache, name, guest::Declared::exactly(bytes), &Config::new()));
        made.into_iter().collect()
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let strategy = (self.0.make)();
        strategy.supported().map_err(or_not_run)?;
        Host::Warm.prepare(Live::idle(&Config::new(), stages.input(1)?, 0)?, BYTES)?;
        let mut live = Live::idle(&Config::new(), stages.input(0)?, 0)?;
        live.renew()?;
        label(stages, &mut live)?;
        let mut small = Live::idle(&Config::new(), stages.input(2)?, 0)?;
        stages.reached("loaded")?;

        let meanwhile = |work: &mut dyn FnMut() -> Result<(), Error>, small: &mut Live| {
            let (begun, stop) = (AtomicBool::new(false), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    // On its own CPU. If pinning fails, the figure shows it.
                    let _ = pin_thread(1);
                    slowest(small, &begun, &stop)
                });
                while !begun.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                let done = work();
                stop.store(true, Ordering::Release);
                let slowest = other.join().unwrap_or(Err(Error::Lacking("join its thread")));
                done.and(slowest)
            })
        };
        let mut rest = || {
            std::thread::sleep(Duration::from_millis(100));
            Ok(())
        };
        let idle = meanwhile(&mut rest, &mut small)?;
        stages.figure("idle_ns", idle)?;
        stages.reached("alone")?;

        let slowest = meanwhile(&mut || strategy.commit(&mut live), &mut small)?;
        stages.figure("slowest_ns", slowest)?;
        stages.reached("committed")?;
        stages.forget(Category::LinearMemory)?;
        drop(live);
        Ok(stages.reached("dropped")?)
    }
}
