//! Strategies in which the kernel allocates the pages without a fault for each.

use std::{
    ops::Range,
    slice,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{Commit, ramp::Ramp};
use crate::{Error, Target, hold, sys};

/// Bytes per chunk when populating in chunks. The kernel holds the lock on the process's mappings for only
/// one chunk at a time, and headroom is checked in between. On the machine of the README, a chunk takes 4 to 5 ms
/// in 4 KiB pages and 1 ms in huge pages, long against the call and the check; other threads wait that long.
pub const CHUNK: usize = 16 << 20;

/// Size of the pages that back a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Base pages, 4 KiB on x86-64.
    Small,
    /// 2 MiB where the memory has room for one. Takes a tenth of the time.
    Huge,
}

/// The number of threads that commit a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// This many, each pinned to a CPU. One is the calling thread.
    Exactly(usize),
    /// As many as help, up to [`std::thread::available_parallelism`]: measured while the memory is committed in
    /// chunks. Small memories are committed by one thread.
    Measured,
}

/// `MADV_POPULATE_WRITE` (Linux 5.14). Commits all pages, preserves contents, and returns an error where
/// touching a page would raise a signal. A lack of memory still ends in an OOM kill: see [`super::Guarded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Populate {
    /// Bytes per call. `None` is one call, which blocks all other threads from mapping memory until it
    /// returns.
    pub chunk: Option<usize>,
    /// The threads that share the work.
    pub threads: Threads,
    /// Page size.
    pub pages: Pages,
}

impl Populate {
    /// One call, 4 KiB pages.
    pub const WHOLE: Self = Self { chunk: None, threads: Threads::Exactly(1), pages: Pages::Small };
    /// In chunks, 4 KiB pages.
    pub const CHUNKED: Self = Self { chunk: Some(CHUNK), ..Self::WHOLE };

    /// Requests huge pages if configured.
    pub(super) fn advise(&self, memory: &mut [u8]) -> Result<(), Error> {
        match self.pages {
            Pages::Small => Ok(()),
            Pages::Huge => sys::huge_pages(memory).map_err(Error::system("ask for huge pages")),
        }
    }

    /// The number of threads of each round.
    pub(super) fn ramp(&self) -> Ramp {
        match self.threads {
            Threads::Exactly(threads) => Ramp::exactly(threads.max(1)),
            Threads::Measured => Ramp::measured(),
        }
    }

    fn part(&self, memory: &mut [u8]) -> Result<(), Error> {
        let chunk = self.chunk.unwrap_or(memory.len()).max(1);
        memory.chunks_mut(chunk).try_for_each(sys::populate).map_err(Error::system("populate the memory"))
    }
}

impl Commit for Populate {
    fn supported(&self) -> Result<(), Error> {
        if self.pages == Pages::Huge {
            huge_pages_supported()?;
        }
        sys::can_populate()
            .map_err(|error| Error::Unsupported { what: "MADV_POPULATE_WRITE (Linux 5.14)", reason: error.to_string() })
    }

    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        let memory = target.memory();
        self.advise(memory)?;
        let threads = match self.threads {
            Threads::Measured => {
                let (whole, mut ramp, mut from) = (0..memory.len(), self.ramp(), 0);
                while let parts = ramp.round(slice::from_ref(&whole), from, usize::MAX)
                    && let Some(last) = parts.last()
                {
                    from = last.end;
                    populate_round(memory, &parts, &mut ramp)?;
                }
                return Ok(());
            }
            Threads::Exactly(0 | 1) => return self.part(memory),
            Threads::Exactly(threads) => threads,
        };
        // Each thread gets whole chunks, so that no huge page is shared between two threads.
        let share = memory.len().div_ceil(threads).next_multiple_of(CHUNK).max(CHUNK);
        on_threads(memory.chunks_mut(share), |part| self.part(part))
    }
}

/// Populates the parts of a round and records how long that took. The parts are ascending and do not overlap; each
/// thread takes the next one that is left, so that a thread whose CPU is busy delays the round by one part at most.
pub(super) fn populate_round(memory: &mut [u8], parts: &[Range<usize>], ramp: &mut Ramp) -> Result<(), Error> {
    let begun = Instant::now();
    let populate = |part: &mut [u8]| sys::populate(part).map_err(Error::system("populate the memory"));
    let threads = ramp.threads().min(parts.len());
    if threads > 1 {
        let (mut rest, mut at) = (memory, 0);
        let slices = parts.iter().map(|part| {
            let (_, from) = std::mem::take(&mut rest).split_at_mut(part.start - at);
            let (slice, after) = from.split_at_mut(part.len());
            (rest, at) = (after, part.end);
            slice
        });
        let left = Mutex::new(slices.collect::<Vec<_>>().into_iter());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        on_threads(0..threads, |_| std::iter::from_fn(next).try_for_each(populate))?;
    } else {
        parts.iter().try_for_each(|part| populate(&mut memory[part.clone()]))?;
    }
    ramp.record(threads, parts.iter().map(Range::len).sum(), begun.elapsed().as_nanos() as f64);
    Ok(())
}

/// Works on each part on a thread of its own.
fn on_threads<P: Send>(
    parts: impl Iterator<Item = P>,
    work: impl Fn(P) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = parts
            .enumerate()
            .map(|(number, part)| {
                scope.spawn(move || {
                    // An unpinned thread may share its parent's CPU for a while. If pinning fails, it is slower
                    // but still correct.
                    let _ = sys::pin_thread(number);
                    work(part)
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Error::Lacking("join its threads"))))
    })
}

/// Whether this process can get transparent huge pages with `MADV_HUGEPAGE`.
fn huge_pages_supported() -> Result<(), Error> {
    let unsupported = |reason: String| Err(Error::Unsupported { what: "transparent huge pages", reason });
    match sys::allow_huge_pages() {
        Ok(true) => Ok(()),
        Ok(false) => unsupported("turned off for this machine or this process".into()),
        Err(error) => unsupported(error.to_string()),
    }
}

/// mlock(2): commits all pages and pins them. Needs `RLIMIT_MEMLOCK` or `CAP_IPC_LOCK`; otherwise the error is
/// [`Error::NotHeld`]. A reset cannot discard pinned pages. [`Held`](crate::hold::Held) commits faster.
#[derive(Clone, Copy, Debug)]
pub struct Lock;

impl Commit for Lock {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        hold::lock(target.memory())
    }
}
