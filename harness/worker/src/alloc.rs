//! The counting allocator: the Rust allocator of a worker, which counts the bytes and blocks that the program requests.
//! Heap bytes are exact, whereas heap *pages* depend on the placement of blocks.
//!
//! Only workers count ([`enable`]). In other processes the overhead is one load and a branch. Counting takes at most
//! five relaxed atomic operations per allocation and allocates nothing, so it does not change the memory of a case.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use highwater_model::Metric;

use crate::attribution;

static ENABLED: AtomicBool = AtomicBool::new(false);
/// Live bytes, relative to the start of counting: freeing an older block wraps below 0, and later allocations wrap
/// back. The same holds for `BLOCKS`.
static LIVE: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

/// A global allocator that wraps another one and counts its allocations. `highwater` installs it around the system
/// allocator unless its default feature `counting-allocator` is disabled. A program with another allocator can wrap
/// that:
///
/// ```ignore
/// #[global_allocator]
/// static ALLOCATOR: highwater::CountingAllocator<MiMalloc> = highwater::CountingAllocator::new(MiMalloc);
/// ```
#[derive(Debug, Default)]
pub struct CountingAllocator<A = System>(A);

impl<A> CountingAllocator<A> {
    /// Wraps `inner`.
    pub const fn new(inner: A) -> Self {
        Self(inner)
    }
}

#[cfg(feature = "counting-allocator")]
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new(System);

/// Starts counting, in a worker process.
pub(crate) fn enable() {
    attribution::enable();
    ENABLED.store(true, Relaxed);
}

/// The counts so far; `None` if the program uses another allocator.
pub(crate) fn figures() -> Option<[(Metric, u64); 4]> {
    // Every program allocates, so a count of 0 means that this allocator is not installed.
    let allocated = ALLOCATED.load(Relaxed);
    let signed = |counter: &AtomicU64| u64::try_from(counter.load(Relaxed) as i64).unwrap_or(0);
    (allocated > 0).then(|| {
        [
            (Metric::HeapLive, signed(&LIVE)),
            (Metric::HeapBlocks, signed(&BLOCKS)),
            (Metric::HeapPeak, signed(&PEAK)),
            (Metric::HeapAllocated, allocated),
        ]
    })
}

/// Resets the peak to the live bytes.
pub(crate) fn reset_peak() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    attribution::reset_peak();
}

fn grown(bytes: usize, blocks: u64) {
    if !ENABLED.load(Relaxed) {
        return;
    }
    let bytes = bytes as u64;
    let live = LIVE.fetch_add(bytes, Relaxed).wrapping_add(bytes) as i64;
    if live > PEAK.load(Relaxed) as i64 {
        // Threads may race, so take the maximum. While the count is below 0, there is no peak yet.
        PEAK.fetch_max(live.max(0) as u64, Relaxed);
    }
    BLOCKS.fetch_add(blocks, Relaxed);
    ALLOCATED.fetch_add(bytes, Relaxed);
}

fn shrunk(bytes: usize, blocks: u64) {
    if ENABLED.load(Relaxed) {
        LIVE.fetch_sub(bytes as u64, Relaxed);
        BLOCKS.fetch_sub(blocks, Relaxed);
    }
}

#[inline]
fn attribute(block: *mut u8, size: usize) {
    if attribution::is_enabled() {
        attribution::allocated(block, size);
    }
}

// SAFETY: every call is forwarded to the inner allocator with the same arguments, and its result is returned. The
// counters neither allocate nor unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the inner allocator's.
        let block = unsafe { self.0.alloc(layout) };
        if !block.is_null() {
            grown(layout.size(), 1);
            attribute(block, layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        if !block.is_null() {
            grown(layout.size(), 1);
            attribute(block, layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        shrunk(layout.size(), 1);
        if attribution::is_enabled() {
            attribution::freed(block, layout.size());
        }
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Before the block can be given to another thread.
        if attribution::is_enabled() {
            attribution::freed(block, layout.size());
        }
        // SAFETY: as above.
        let moved = unsafe { self.0.realloc(block, layout, size) };
        if !moved.is_null() {
            match size.checked_sub(layout.size()) {
                Some(more) => grown(more, 0),
                None => shrunk(layout.size() - size, 0),
            }
            attribute(moved, size);
        } else {
            // The old block stays, and is attributed to the caller from now on.
            attribute(block, layout.size());
        }
        moved
    }
}
