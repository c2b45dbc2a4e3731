//! The counting allocator: the Rust allocator of a worker, which keeps count of the bytes and blocks that the program
//! asked for. Heap bytes are exact where heap *pages* depend on which page a block happens to be on.
//!
//! Only workers count ([`enable`]): in every other process it costs one load and a branch. Counting is five relaxed
//! atomic operations at most for an allocation and allocates nothing, so that a case's memory is the same with and
//! without it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use highwater_model::Metric;

static ENABLED: AtomicBool = AtomicBool::new(false);
/// Live bytes and blocks less those that were live when counting began: freeing one of them wraps below 0, which
/// later allocations make up for.
static LIVE: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

/// A global allocator that counts for another one. `highwater` installs it around the system's allocator, unless its
/// default feature `counting-allocator` is off; a program with an allocator of its own can wrap that:
///
/// ```ignore
/// #[global_allocator]
/// static ALLOCATOR: highwater::CountingAllocator<MiMalloc> = highwater::CountingAllocator::new(MiMalloc);
/// ```
#[derive(Debug, Default)]
pub struct CountingAllocator<A = System>(A);

impl<A> CountingAllocator<A> {
    /// Counts what `inner` hands out.
    pub const fn new(inner: A) -> Self {
        Self(inner)
    }
}

#[cfg(feature = "counting-allocator")]
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new(System);

/// Begins to count, in a process that is a worker.
pub(crate) fn enable() {
    ENABLED.store(true, Relaxed);
}

/// What was counted so far; `None` where the program's allocator does not count.
pub(crate) fn figures() -> Option<[(Metric, u64); 4]> {
    // Nothing runs without a single allocation: a count of none means another allocator.
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

/// Begins the peak anew at what is live.
pub(crate) fn reset_peak() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

fn grown(bytes: usize, blocks: u64) {
    if !ENABLED.load(Relaxed) {
        return;
    }
    let bytes = bytes as u64;
    let live = LIVE.fetch_add(bytes, Relaxed).wrapping_add(bytes) as i64;
    if live > PEAK.load(Relaxed) as i64 {
        // Threads may race for it: the highest wins. Below 0 there is no peak yet.
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

// SAFETY: every call goes to the inner allocator with the same arguments, and what it returns is returned; the
// counters neither allocate nor unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the inner allocator's.
        let block = unsafe { self.0.alloc(layout) };
        if !block.is_null() {
            grown(layout.size(), 1);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        if !block.is_null() {
            grown(layout.size(), 1);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        shrunk(layout.size(), 1);
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { self.0.realloc(block, layout, size) };
        if !moved.is_null() {
            match size.checked_sub(layout.size()) {
                Some(more) => grown(more, 0),
                None => shrunk(layout.size() - size, 0),
            }
        }
        moved
    }
}
