//! Restores only the pages that a job dirtied. The memory stays committed throughout.
//!
//! ```text
//!            arm: protect all
//!                  |
//!   job: the first write to a page is a fault of 0.5 to 0.7 us, resolved by the kernel
//!                  |
//!   reset: scan for written pages -> restore them from the image -> protect them again
//!                  |
//!          dense? lift all protection, restore everything; track a job again occasionally
//! ```
//!
//! Pages are restored before they are protected again; otherwise restoring would fault too.
//!
//! What a reset does with the pages that the scan finds:
//!
//! | page | its contents | action |
//! |---|---|---|
//! | present and unwritten; swapped out and unwritten | the image's | left alone |
//! | written, present or swapped out | a job's | restored |
//! | absent: never touched, or discarded by the host | zeros | restored where the image has contents |
//! | absent, or the file's page, in a private mapping of a file | the file's | restored |
//! | in a part that was remapped; any page in a forked process | not tracked | an error |

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
    sys::{self, AddressSpace, Change, Pagemap, Pages, WriteProtection, page_size},
};

/// Threshold, in pages of memory per dirtied run: below it, one pass over all page tables protects the runs
/// faster than a call for each. A call takes 0.8 us, a page of the pass 1.3 ns.
const PAGES_PER_RUN: u64 = 600;

const ADDRESS_SPACE: &str = "mark this address space";
const SCAN: &str = "scan for written pages";

/// Counts of what the resets did so far; shared with the callers of [`Tracked::restored`].
#[derive(Clone, Debug, Default)]
pub struct Restored(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tracked: AtomicU64,
    whole: AtomicU64,
    bytes: AtomicU64,
}

impl Restored {
    /// Number of resets that restored only the written pages.
    #[must_use]
    pub fn tracked(&self) -> u64 {
        self.0.tracked.load(Ordering::Relaxed)
    }

    /// Number of resets that restored the whole memory.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.0.whole.load(Ordering::Relaxed)
    }

    /// Number of bytes restored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

/// Write protection that the kernel lifts by itself (userfaultfd in `WP_ASYNC` mode), a scan of the page
/// tables for written pages, and a restore of those pages from the initial image. Linux 6.7.
///
/// Costs a fault for each page that a job dirties. Memories with dense jobs are therefore restored as a whole
/// and run unprotected: see [`Density`]. Works on huge pages too: a write splits only the huge page that it
/// hits, and the remaining ones speed up the scan. Before dense jobs, split pages are collapsed again.
///
/// When [`Reset::reset`] returns `Ok`, the memory equals the image byte for byte, provided that
///
/// - it equalled the image when the reset was armed, and every reset since was given the same image;
/// - nothing wrote to it bypassing the page tables. Devices and io_uring (`READ_FIXED` into registered
///   buffers) write through pinned pages, and no page table shows it: name these parts with
///   [`Tracked::always_restoring`], or use [`RestoreAll`](super::RestoreAll);
/// - the host did not mark parts of it as freeable (`MADV_FREE`).
///
/// Writes by the guest, by the host, and by system calls such as read(2) are tracked, in memory and in swap.
/// Pages that the host discards (`MADV_DONTNEED`) are restored. In a process that was forked after arming, a
/// reset returns [`Error::Forked`]; the child can arm again without affecting its parent. If part of the
/// memory was mapped over, a reset returns [`Error::Remapped`].
#[derive(Debug, Default)]
pub struct Tracked {
    armed: Option<Armed>,
    always: Vec<Range<usize>>,
    density: Density,
    restored: Restored,
    runs: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Armed {
    /// The address space that the descriptors below act on.
    address_space: AddressSpace,
    protection: WriteProtection,
    pagemap: Pagemap,
    /// Parts of the memory that are backed by a file.
    file_backed: Vec<Range<usize>>,
    /// Whether most of the memory was in huge pages, which tracked writes split.
    huge: bool,
}

impl Tracked {
    /// Counts of what the resets did so far.
    #[must_use]
    pub fn restored(&self) -> Restored {
        self.restored.clone()
    }

    /// Also restores this part of the memory after every job, whether or not a write to it was seen. Use it
    /// for buffers that are registered with io_uring or a device.
    #[must_use]
    pub fn always_restoring(mut self, part: Range<usize>) -> Self {
        self.always.push(part);
        self
    }

    /// The armed state, if it tracks this memory in this process.
    fn armed(&self, memory: &[u8]) -> Result<&Armed, Error> {
        let armed = self.armed.as_ref().filter(|armed| armed.protection.covers(memory));
        let armed = armed.ok_or(Error::Lacking("be reset: the reset was not armed"))?;
        let here = AddressSpace::current().map_err(Error::system(ADDRESS_SPACE))?;
        if armed.address_space == here { Ok(armed) } else { Err(Error::Forked) }
    }

    /// Finds the pages to restore and returns their number. Records runs only while they are worth tracking.
    fn find_changed(&mut self, memory: &[u8], image: &Image) -> Result<u64, Error> {
        let armed = self.armed.as_ref().ok_or(Error::Lacking("be reset: the reset was not armed"))?;
        let most = Density::worth_tracking(pages(memory.len()));
        let (runs, mut changed) = (&mut self.runs, 0);
        runs.clear();
        let mut add = |run: Range<usize>| {
            changed += pages(run.len());
            match runs.last_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ if changed <= most => runs.push(run),
                _ => {}
            }
        };
        let scan = armed.pagemap.scan_changes(memory, |run, change| match change {
            Change::Written => add(run),
            Change::Absent => image.pieces(run).for_each(|(piece, _)| add(piece)),
        });
        scan.map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Error::Remapped,
            _ => Error::system(SCAN)(error),
        })?;
        for part in &armed.file_backed {
            let scan = armed.pagemap.scan(&memory[part.clone()], Pages::NotOwn, |run| {
                add(part.start + run.start..part.start + run.end);
                ControlFlow::Continue(())
            });
            scan.map_err(Error::system(SCAN))?;
        }
        Ok(changed)
    }

    fn restore_written(&self, memory: &mut [u8], image: &Image) {
        for run in self.runs.iter().chain(&self.always) {
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
        if self.always.iter().any(|part| part.start > part.end || part.end > memory.len()) {
            return Err(Error::Lacking("restore parts beyond its memory"));
        }
        // Dropped first: the kernel registers a memory with only one descriptor.
        self.armed = None;
        let address_space = AddressSpace::current().map_err(Error::system(ADDRESS_SPACE))?;
        let protection = WriteProtection::register(memory).map_err(Error::system("register the memory"))?;
        let pagemap = Pagemap::open().map_err(Error::system("open the page map"))?;
        // A pass over the page tables takes a third of the time of userfaultfd's own call.
        pagemap.protect_written(memory).map_err(Error::system("write-protect the memory"))?;
        let mut huge = 0;
        let scan = pagemap.scan(memory, Pages::Huge, |run| {
            huge += run.len();
            ControlFlow::Continue(())
        });
        scan.map_err(Error::system("scan for huge pages"))?;
        let file_backed = sys::file_backed(memory).map_err(Error::system("read how the memory is mapped"))?;
        let huge = huge > memory.len() / 2;
        self.armed = Some(Armed { address_space, protection, pagemap, file_backed, huge });
        self.density = Density::default();
        // Capacity for the maximum worth tracking, with each page a run: a reset never allocates, nor does it
        // keep the remains of a list that grew by doubling. Untouched capacity costs nothing.
        self.runs = Vec::with_capacity(Density::worth_tracking(pages(memory.len())) as usize);
        Ok(())
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        self.armed(memory)?;
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
                let changed = self.find_changed(memory, image)?;
                self.density.tracked(changed, pages(memory.len()));
                let Some(armed) = &self.armed else { unreachable!("checked above") };
                match self.density.mode() {
                    Mode::Track => {
                        self.restore_written(memory, image);
                        protected(self.protect_written(armed, memory))?;
                    }
                    Mode::RestoreAll => {
                        armed.protection.lift(memory).map_err(Error::system("lift the write protection"))?;
                        if armed.huge {
                            // Unprotected jobs and memsets are twice as fast in huge pages. If collapsing
                            // fails, they are slower but still correct.
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
