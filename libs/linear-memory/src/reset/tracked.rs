//! Restores only the pages that a job dirtied. The memory stays committed throughout.
//!
//! ```text
//!            arm: protect all
//!                  |
//!   job: the first write to a page is a fault, resolved by the kernel
//!                  |
//!   reset: scan for written pages -> restore them from the image -> protect them again
//!                  |
//!          dense? lift all protection and restore everything after each job; compare a
//!                 sample of pages first, to notice when jobs become sparse
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
    thread::{self, ThreadId},
};

use super::{
    Reset,
    arming::restore_contents,
    calibrate::{calibrate, faults, pages, timed},
    changes::{Changes, untracked},
    costs::Costs,
    memory_of,
    policy::{FAULTS, Mode, Policy},
};
use crate::{
    Error, Image, Target,
    sys::{self, AddressSpace, Pagemap, Pages, WriteProtection, page_size, thread_cpu_ns},
};

/// Pages of memory per run that the list of runs has room for. A job that dirties more runs has them restored
/// while the page tables are scanned. Bounds the list to 16 bytes per this many pages; no cost depends on it.
const PAGES_PER_RUN: usize = 24;

const ADDRESS_SPACE: &str = "mark this address space";
const PROTECT: &str = "write-protect the memory";
const NOT_ARMED: Error = Error::Lacking("be reset: the reset was not armed");

/// Of a linear congruential generator (Knuth, MMIX): a sample only has to avoid patterns of the jobs.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

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
/// Costs a fault for each page that a job dirties, so for dense jobs restoring everything is cheaper. Both costs
/// are measured on this machine, when the reset is armed and at each reset, in CPU time of the thread. Jobs are
/// tracked, or run unprotected with everything restored, whichever has been cheaper; after at most 16 jobs of one
/// density the mean cost is within a tenth of the better (see the tests of `policy`). Results never depend on it.
///
/// Works on huge pages too: a write splits only the huge page that it hits, and the remaining ones speed up the
/// scan. When jobs become dense, split pages are collapsed again.
///
/// Arming restores what was written before, at the cost of a memset of the committed part.
///
/// When [`Reset::arm`] or [`Reset::reset`] returns `Ok`, the memory equals the image byte for byte, provided that
///
/// - every reset was given the image that it was armed with;
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
    restored: Restored,
    runs: Vec<Range<usize>>,
    /// The thread of the last reset, and its CPU time at the end: what it used since is that of a job.
    last: Option<(ThreadId, f64)>,
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
    policy: Policy,
    /// Advances the sample from job to job.
    samples: u64,
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

    /// Checks that the armed state tracks this memory in this process.
    fn check(&self, memory: &[u8]) -> Result<(), Error> {
        let armed = self.armed.as_ref().filter(|armed| armed.protection.covers(memory));
        let armed = armed.ok_or(NOT_ARMED)?;
        let here = AddressSpace::current().map_err(Error::system(ADDRESS_SPACE))?;
        if armed.address_space == here { Ok(()) } else { Err(Error::Forked) }
    }

    /// Restores the pages that a job changed, protects them again, and decides how the next job runs.
    fn reset_tracked(&mut self, memory: &mut [u8], image: &Image, job: Option<f64>) -> Result<(), Error> {
        let armed = self.armed.as_mut().ok_or(NOT_ARMED)?;
        let begun = thread_cpu_ns();
        let mut changes = Changes::new(&mut self.runs);
        changes.find(&armed.pagemap, &armed.file_backed, memory, image)?;
        let scanned = thread_cpu_ns();
        let (listed_all, meanwhile) = (changes.restored == 0, changes.restoring);
        changes.restore(memory, image);
        self.always.iter().for_each(|part| image.restore(memory, part.clone()));
        let Changes { changed, restored, .. } = changes;
        let restored_all = thread_cpu_ns();
        let runs = &self.runs;
        let protected = if listed_all && armed.policy.calls_are_cheaper(runs.len()) {
            let protected = runs.iter().try_for_each(|run| armed.protection.protect(&mut memory[run.clone()]));
            armed.policy.called(runs.len(), thread_cpu_ns() - restored_all);
            protected
        } else {
            armed.pagemap.protect_written(memory)
        };
        protected.map_err(untracked(PROTECT))?;
        let (scan, rest) = (scanned - begun - meanwhile, thread_cpu_ns() - scanned + meanwhile);
        self.restored.0.bytes.fetch_add(restored, Ordering::Relaxed);
        self.restored.0.tracked.fetch_add(1, Ordering::Relaxed);
        armed.policy.tracked(pages(changed) as u64, scan, rest, job);
        if armed.policy.mode() == Mode::RestoreAll {
            let lift = timed(|| {
                armed.protection.lift(memory)?;
                if armed.huge {
                    // Unprotected jobs and memsets are faster in huge pages. If collapsing fails, they are
                    // slower but still correct.
                    let _ = sys::collapse(memory);
                }
                Ok::<(), std::io::Error>(())
            });
            armed.policy.switched(lift.map_err(Error::system("lift the write protection"))?);
        } else if armed.policy.wants_fault()
            && let Some(run) = self.runs.iter().find(|run| pages(run.len()) >= FAULTS)
        {
            let sample = run.start..run.start + FAULTS * page_size();
            let (fault, ..) = faults(memory, image, &armed.protection, sample)?;
            armed.policy.faulted(fault);
        }
        Ok(())
    }

    /// Restores everything, and decides how the next job runs.
    fn reset_whole(&mut self, memory: &mut [u8], image: &Image, job: Option<f64>) -> Result<(), Error> {
        let armed = self.armed.as_mut().ok_or(NOT_ARMED)?;
        let sampled = (armed.policy.sample_size() as usize).min(pages(memory.len()));
        armed.samples = armed.samples.wrapping_mul(MULTIPLIER).wrapping_add(1);
        let begun = thread_cpu_ns();
        let differing = sample(pages(memory.len()), sampled, armed.samples).filter(|page| {
            let at = page * page_size();
            !image.equals_page(memory, at..at + page_size())
        });
        let differing = differing.count() as u64;
        let compared = thread_cpu_ns();
        image.restore(memory, 0..image.length());
        let (compare, whole) = (compared - begun, thread_cpu_ns() - compared);
        self.restored.0.bytes.fetch_add(image.length() as u64, Ordering::Relaxed);
        self.restored.0.whole.fetch_add(1, Ordering::Relaxed);
        armed.policy.restored_all(sampled as u64, differing, compare, whole, job);
        if armed.policy.mode() == Mode::Track {
            let protected = timed(|| armed.pagemap.protect_written(memory)).map_err(untracked(PROTECT))?;
            armed.policy.switched(protected);
        }
        Ok(())
    }
}

/// Pages, one from each of `count` parts of equal size, by number.
fn sample(total: usize, count: usize, random: u64) -> impl Iterator<Item = usize> {
    let mut random = random;
    (0..count).map(move |number| {
        random = random.wrapping_mul(MULTIPLIER).wrapping_add(1);
        let (from, to) = (number * total / count, (number + 1) * total / count);
        from + (random >> 33) as usize % (to - from).max(1)
    })
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
        self.last = None;
        let address_space = AddressSpace::current().map_err(Error::system(ADDRESS_SPACE))?;
        let protection = WriteProtection::register(memory).map_err(Error::system("register the memory"))?;
        let pagemap = Pagemap::open().map_err(Error::system("open the page map"))?;
        let mut huge = 0;
        let scan = pagemap.scan(memory, Pages::Huge, |run| {
            huge += run.len();
            ControlFlow::Continue(())
        });
        scan.map_err(Error::system("scan for huge pages"))?;
        let file_backed = sys::file_backed(memory).map_err(Error::system("read how the memory is mapped"))?;
        let huge = huge > memory.len() / 2;
        restore_contents(memory, image, &pagemap, &file_backed)?;
        let costs = Costs::new(calibrate(memory, image, &protection, &pagemap)?);
        let policy = Policy::new(pages(memory.len()) as u64, costs);
        self.armed = Some(Armed { address_space, protection, pagemap, file_backed, huge, policy, samples: 1 });
        // A reset never allocates, nor does it keep the remains of a list that grew by doubling. Untouched
        // capacity costs nothing.
        self.runs = Vec::with_capacity(pages(memory.len()) / PAGES_PER_RUN);
        Ok(())
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        self.check(memory)?;
        let (here, now) = (thread::current().id(), thread_cpu_ns());
        let before = self.last.take().filter(|(thread, _)| *thread == here);
        let job = before.map(|(_, left)| now - left);
        match self.armed.as_ref().map(|armed| armed.policy.mode()) {
            Some(Mode::RestoreAll) => self.reset_whole(memory, image, job)?,
            Some(Mode::Track) | None => self.reset_tracked(memory, image, job)?,
        }
        target.restore_state()?;
        self.last = Some((here, thread_cpu_ns()));
        Ok(())
    }
}
