//! Strategies in which the kernel allocates the pages without a fault for each.

use super::Commit;
use crate::{Error, Target, sys};

/// Bytes per chunk when populating in chunks. The kernel holds the lock on the process's mappings for only
/// one chunk at a time, and headroom is checked in between. A chunk of 16 MiB takes 4 to 5 ms in 4 KiB pages,
/// 1 ms in huge pages.
pub const CHUNK: usize = 16 << 20;

/// Size of the pages that back a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Base pages, 4 KiB on x86-64.
    Small,
    /// 2 MiB where the memory has room for one. Takes a tenth of the time.
    Huge,
}

/// `MADV_POPULATE_WRITE` (Linux 5.14). Commits all pages, preserves contents, and returns an error where
/// touching a page would raise a signal. A lack of memory still ends in an OOM kill: see [`super::Guarded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Populate {
    /// Bytes per call. `None` is one call, which blocks all other threads from mapping memory until it
    /// returns.
    pub chunk: Option<usize>,
    /// Number of threads that share the work; two CPUs halve the time.
    pub threads: usize,
    /// Page size.
    pub pages: Pages,
}

impl Populate {
    /// One call, 4 KiB pages.
    pub const WHOLE: Self = Self { chunk: None, threads: 1, pages: Pages::Small };
    /// In chunks, 4 KiB pages.
    pub const CHUNKED: Self = Self { chunk: Some(CHUNK), ..Self::WHOLE };

    /// Requests huge pages if configured.
    pub(super) fn advise(&self, memory: &mut [u8]) -> Result<(), Error> {
        match self.pages {
            Pages::Small => Ok(()),
            Pages::Huge => sys::huge_pages(memory).map_err(Error::system("ask for huge pages")),
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
        if self.threads <= 1 {
            return self.part(memory);
        }
        // Each thread gets whole chunks, so that no huge page is shared between two threads.
        let share = memory.len().div_ceil(self.threads).next_multiple_of(CHUNK).max(CHUNK);
        std::thread::scope(|scope| {
            let parts = memory.chunks_mut(share).enumerate();
            let threads: Vec<_> = parts
                .map(|(number, part)| {
                    scope.spawn(move || {
                        // An unpinned thread may share its parent's CPU for a while. If pinning fails, it is
                        // slower but still correct.
                        let _ = sys::pin_thread(number);
                        self.part(part)
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Error::Lacking("join its threads"))))
        })
    }
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

/// mlock(2): commits all pages and pins them. Needs `RLIMIT_MEMLOCK` or `CAP_IPC_LOCK`. A reset cannot
/// discard pinned pages.
#[derive(Clone, Copy, Debug)]
pub struct Lock;

impl Commit for Lock {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        sys::lock(target.memory()).map_err(Error::system("lock the memory (RLIMIT_MEMLOCK?)"))
    }
}
