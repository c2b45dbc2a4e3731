//! Restores what a job dirtied, and nothing else; the memory stays committed throughout.
//!
//! ```text
//!            arm: protect all
//!                  |
//!   job: the first write to a page is a fault of 0.5 to 0.7 us, resolved by the kernel
//!                  |
//!   reset: scan for written pages -> restore them from the image -> protect them again
//!                  |
//!          dense? lift all protection, restore everything; track a job again now and then
//! ```
//!
//! Restored before they are protected again, or the restoring would fault too.

use std::{
    ops::{ControlFlow, Range},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    Reset,
    density::{Density, Mode},
    memory_of,
};
use crate::{
    Error, Image, Target,
    sys::{self, Pagemap, Pages, WriteProtection, page_size},
};

/// Pages of memory for each run of dirtied ones below which one pass over all page tables protects them
/// sooner than a call for each run: a call takes 0.8 us, a page of the pass 1.3 ns.
const PAGES_PER_RUN: u64 = 600;

/// What the resets so far did; shared with whoever asked for it.
#[derive(Clone, Debug, Default)]
pub struct Restored(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tracked: AtomicU64,
    whole: AtomicU64,
    bytes: AtomicU64,
}

impl Restored {
    /// Resets that restored what was written.
    #[must_use]
    pub fn tracked(&self) -> u64 {
        self.0.tracked.load(Ordering::Relaxed)
    }

    /// Resets that restored everything.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.0.whole.load(Ordering::Relaxed)
    }

    /// Bytes that were restored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

/// Write protection that the kernel lifts by itself (userfaultfd in `WP_ASYNC` mode), a scan of the page
/// tables for what was written, and the initial image for just that. Linux 6.7.
///
/// Costs a fault for each page that a job dirties, so dense jobs are restored as a whole and run
/// unprotected: see [`Density`]. Works on huge pages too: a write splits the one that it falls into,
/// and the rest stay whole, which makes scanning quicker; before dense jobs they are put together again.
#[derive(Debug, Default)]
pub struct Tracked {
    armed: Option<Armed>,
    density: Density,
    restored: Restored,
    runs: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Armed {
    protection: WriteProtection,
    pagemap: Pagemap,
    /// Whether most of the memory was in huge pages, which tracking splits.
    huge: bool,
}

impl Tracked {
    /// What the resets did so far.
    #[must_use]
    pub fn restored(&self) -> Restored {
        self.restored.clone()
    }

    /// Finds what was written, and returns how many pages. The runs are kept as long as they are worth
    /// tracking.
    fn find_written(&mut self, memory: &[u8]) -> Result<u64, Error> {
        let armed = self.armed.as_ref().ok_or(Error::Lacking("be reset before it was armed"))?;
        let most = Density::worth_tracking(pages(memory.len()));
        let (runs, mut written) = (&mut self.runs, 0);
        runs.clear();
        let scan = armed.pagemap.scan(memory, Pages::Written, |run| {
            written += pages(run.len());
            match runs.last_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ if written <= most => runs.push(run),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        scan.map_err(Error::system("scan for written pages"))?;
        Ok(written)
    }

    fn restore_written(&self, memory: &mut [u8], image: &Image) {
        for run in &self.runs {
            image.restore(memory, run.clone());
        }
        let bytes: usize = self.runs.iter().map(Range::len).sum();
        self.restored.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.restored.0.tracked.fetch_add(1, Ordering::Relaxed);
    }

    fn restore_all(&self, memory: &mut [u8], image: &Image) {
        image.restore(memory, 0..image.length());
        self.restored.0.bytes.fetch_add(image.length() as u64, Ordering::Relaxed);
        self.restored.0.whole.fetch_add(1, Ordering::Relaxed);
    }

    fn protect_written(&self, armed: &Armed, memory: &mut [u8]) -> std::io::Result<()> {
        if self.runs.len() as u64 > pages(memory.len()) / PAGES_PER_RUN {
            return armed.pagemap.protect_written(memory);
        }
        self.runs.iter().try_for_each(|run| armed.protection.protect(&mut memory[run.clone()]))
    }
}

impl Reset for Tracked {
    fn supported(&self) -> Result<(), Error> {
        let unsupported = |what| move |error: std::io::Error| Error::Unsupported { what, reason: error.to_string() };
        WriteProtection::supported().map_err(unsupported("userfaultfd with WP_ASYNC (Linux 6.7)"))?;
        Pagemap::open().map(drop).map_err(unsupported("PAGEMAP_SCAN (Linux 6.7)"))
    }

    fn arm(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        let protection = WriteProtection::register(memory).map_err(Error::system("register the memory"))?;
        let pagemap = Pagemap::open().map_err(Error::system("open the page map"))?;
        // By a pass over the page tables here too: a third of the time of userfaultfd's own call.
        pagemap.protect_written(memory).map_err(Error::system("write-protect the memory"))?;
        let mut huge = 0;
        let scan = pagemap.scan(memory, Pages::Huge, |run| {
            huge += run.len();
            ControlFlow::Continue(())
        });
        scan.map_err(Error::system("scan for huge pages"))?;
        self.armed = Some(Armed { protection, pagemap, huge: huge > memory.len() / 2 });
        self.density = Density::default();
        // Room for all that can be worth tracking, each page a run: a reset neither waits for memory nor keeps what a
        // list that grows by doubling leaves behind. Untouched, it costs nothing.
        self.runs = Vec::with_capacity(Density::worth_tracking(pages(memory.len())) as usize);
        Ok(())
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        if self.armed.as_ref().is_none_or(|armed| !armed.protection.covers(memory)) {
            return Err(Error::Lacking("be reset before it was armed"));
        }
        let protected = |result: std::io::Result<()>| result.map_err(Error::system("write-protect the memory"));
        match self.density.mode() {
            Mode::RestoreAll => {
                self.restore_all(memory, image);
                self.density.untracked();
                if let (Mode::Track, Some(armed)) = (self.density.mode(), &self.armed) {
                    protected(armed.pagemap.protect_written(memory))?;
                }
            }
            Mode::Track => {
                let written = self.find_written(memory)?;
                self.density.tracked(written, pages(memory.len()));
                let Some(armed) = &self.armed else { unreachable!("looked at above") };
                match self.density.mode() {
                    Mode::Track => {
                        self.restore_written(memory, image);
                        protected(self.protect_written(armed, memory))?;
                    }
                    Mode::RestoreAll => {
                        armed.protection.lift(memory).map_err(Error::system("lift the write protection"))?;
                        if armed.huge {
                            // Unprotected jobs and memsets are twice as quick in huge pages. A refusal
                            // leaves them as they are: slower, not wrong.
                            let _ = sys::collapse(memory);
                        }
                        self.restore_all(memory, image);
                    }
                }
            }
        }
        target.restore_state()
    }
}

fn pages(bytes: usize) -> u64 {
    (bytes / page_size()) as u64
}
