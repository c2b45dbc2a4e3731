//! The metrics: what is read of a process at each stage, each with its unit and its quantum.

use crate::words::words;

/// The unit of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
    /// A plain number: VMAs, faults.
    Count,
}

words! {
    /// A number that is read of a process at each stage.
    Metric {
        /// Anonymous memory: `Anonymous` of smaps_rollup. Private pages that the process has written to.
        Anon = "anon",
        /// Anonymous memory outside malloc's heaps: linear memories, written copy-on-write pages, stacks, and large
        /// allocations (which malloc maps individually). This part of `anon` does not depend on the layout of a heap.
        /// It is the same, to the page, in every build and on every machine.
        AnonMapped = "anon_mapped",
        /// Anonymous pages of malloc's heaps, the main arena and those of threads: the pages that malloc touched for
        /// the program's allocations. Depends on heap layout by a few pages.
        AnonHeap = "anon_heap",
        /// Resident set size: `Rss` of smaps_rollup. Counts shared pages in full.
        Rss = "rss",
        /// Proportional set size: `Pss` of smaps_rollup. Each shared page is divided by the number of processes that
        /// map it.
        Pss = "pss",
        /// Unique set size: `Private_Clean` + `Private_Dirty` of smaps_rollup.
        Uss = "uss",
        /// Resident file pages: `RssFile` of status.
        File = "file",
        /// Resident shared memory (memfd, tmpfs): `RssShmem` of status.
        Shmem = "shmem",
        /// Swapped out: `Swap` of smaps_rollup.
        Swap = "swap",
        /// Page tables: `VmPTE` of status. Not part of RSS, but memory nevertheless.
        PageTables = "page_tables",
        /// Address space: `VmSize` of status.
        Vsize = "vsize",
        /// Highest RSS since the baseline stage, where the parent resets it: `VmHWM` of status, the maximum over all
        /// snapshots. Exact while memory only grows. A peak that was released before the snapshot is accurate to a few
        /// dozen pages, because the kernel batches its counters.
        Peak = "peak",
        /// The peak without file pages. If the peak rose since the previous snapshot, it is the peak minus the larger
        /// `RssFile` of the two snapshots; it is never below the anonymous memory of a snapshot. A file that is mapped
        /// and unmapped between two snapshots is included. The number of file pages that one fault maps depends on the
        /// page cache (16, or 512 if a 2 MiB folio contains them), so it is a property of the machine and not of the
        /// worker.
        PeakAnon = "peak_anon",
        /// Mappings (virtual memory areas): entries of smaps.
        Vmas = "vmas",
        /// Threads of the process: 2 if the case starts none, because a worker runs the case on a second thread; 1 in
        /// another program. Values of cases with more threads are less reproducible.
        Threads = "threads",
        /// Minor faults so far: `minflt` of stat.
        MinorFaults = "minor_faults",
        /// Major faults so far: `majflt` of stat.
        MajorFaults = "major_faults",
        /// Heap in use according to malloc: `uordblks + hblkhd` of mallinfo2, reported by the worker.
        HeapInUse = "heap_in_use",
        /// Heap that malloc obtained from the system: `arena + hblkhd` of mallinfo2, reported by the worker.
        HeapRetained = "heap_retained",
        /// Live bytes of the Rust allocator, as requested by the program and counted in the worker
        /// (`highwater::CountingAllocator`).
        HeapLive = "heap_live",
        /// Live blocks of the Rust allocator.
        HeapBlocks = "heap_blocks",
        /// The maximum of the live bytes since the previous stage; at the baseline stage, the live bytes, so that
        /// growth is measured from them. Exact, however short the peak.
        HeapPeak = "heap_peak",
        /// Total bytes that the Rust allocator has allocated, including freed ones.
        HeapAllocated = "heap_allocated",
        /// Bytes charged to the worker's memory cgroup, if it has one: `memory.current`.
        CgroupCurrent = "cgroup_current",
        /// The maximum of the bytes charged to it: `memory.peak`.
        CgroupPeak = "cgroup_peak",
    }
}

impl Metric {
    /// The metrics that a worker reports about its heap with each stage (`reached STAGE NAME=VALUE ...`).
    pub const SELF_REPORTED: [Self; 6] =
        [Self::HeapInUse, Self::HeapRetained, Self::HeapLive, Self::HeapBlocks, Self::HeapPeak, Self::HeapAllocated];

    /// The unit of the metric.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Vmas | Self::Threads | Self::MinorFaults | Self::MajorFaults | Self::HeapBlocks => Unit::Count,
            _ => Unit::Bytes,
        }
    }

    /// Whether it counts bytes requested from an allocator instead of pages.
    #[must_use]
    pub fn is_heap_bytes(self) -> bool {
        matches!(self, Self::HeapInUse | Self::HeapLive | Self::HeapPeak | Self::HeapAllocated)
    }

    /// The quantum of its values for a page size of `page` bytes: a page, or 1.
    #[must_use]
    pub fn quantum(self, page: u64) -> f64 {
        match self.unit() {
            Unit::Bytes if !self.is_heap_bytes() => page as f64,
            Unit::Bytes | Unit::Nanoseconds | Unit::Count => 1.0,
        }
    }
}
