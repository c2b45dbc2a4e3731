//! Having the kernel make the pages, without a fault for each.

use super::{Commit, early::huge_pages_supported};
use crate::{Error, Target, sys};

/// Bytes that are populated at once where it is done in chunks: the kernel holds the lock on the
/// process's mappings for one chunk only, and headroom is looked at in between. 16 MiB: 4 to 5 ms in
/// 4 KiB pages, 1 ms in huge ones.
pub const CHUNK: usize = 16 << 20;

/// Size of the pages that are to back a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// The system's own, 4 KiB on x86-64.
    Small,
    /// 2 MiB where the memory has room for one: a tenth of the time, and no page tables below them.
    Huge,
}

/// `MADV_POPULATE_WRITE` (Linux 5.14). Commits all, keeps the bytes, and answers with an error where
/// touching would fault; a lack of memory is a kill nevertheless: see [`super::Guarded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Populate {
    /// Bytes per call; `None` is one call, which keeps every other thread from mapping until it ends.
    pub chunk: Option<usize>,
    /// Threads that share the work; they halve it on two CPUs.
    pub threads: usize,
    /// Which pages.
    pub pages: Pages,
}

impl Populate {
    /// One call, 4 KiB pages.
    pub const WHOLE: Self = Self { chunk: None, threads: 1, pages: Pages::Small };
    /// In chunks, 4 KiB pages.
    pub const CHUNKED: Self = Self { chunk: Some(CHUNK), ..Self::WHOLE };

    /// Asks for huge pages where they are wanted.
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
        // Whole chunks for each thread, so that no huge page is shared between two.
        let share = memory.len().div_ceil(self.threads).next_multiple_of(CHUNK).max(CHUNK);
        std::thread::scope(|scope| {
            let parts = memory.chunks_mut(share).enumerate();
            let threads: Vec<_> = parts
                .map(|(number, part)| {
                    scope.spawn(move || {
                        // Left where it is started, a thread may share its parent's CPU for a while. One that
                        // may not be pinned is slower, not wrong.
                        let _ = sys::pin_thread(number);
                        self.part(part)
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Error::Lacking("join its threads"))))
        })
    }
}

/// mlock(2): commits all and pins it. Needs `RLIMIT_MEMLOCK` or the right to lock, and a pinned page
/// cannot be discarded by a reset.
#[derive(Clone, Copy, Debug)]
pub struct Lock;

impl Commit for Lock {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        sys::lock(target.memory()).map_err(Error::system("lock the memory (RLIMIT_MEMLOCK?)"))
    }
}

/// Another strategy, put off until the first job comes: the start is quick, and the job pays.
#[derive(Clone, Copy, Debug)]
pub struct Deferred<S>(pub S);

impl<S: Commit> Commit for Deferred<S> {
    fn supported(&self) -> Result<(), Error> {
        self.0.supported()
    }

    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }

    fn before_first_job(&self, target: &mut dyn Target) -> Result<(), Error> {
        self.0.commit(target)
    }
}
