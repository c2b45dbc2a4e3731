//! The metrics: what is read of a worker and its descendants at each stage, each with its unit and its quantum.

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
        /// Anonymous memory: `Anonymous` of smaps. Private pages that the process has written to.
        Anon = "anon",
        /// Anonymous memory outside malloc's heaps: linear memories, written copy-on-write pages, stacks, and large
        /// allocations (which malloc maps individually). This part of `anon` does not depend on the layout of a heap.
        /// It is the same, to the page, in every build and on every machine.
        AnonMapped = "anon_mapped",
        /// Anonymous pages of malloc's heaps, the main arena and those of threads: the pages that malloc touched for
        /// the program's allocations. Depends on heap layout by a few pages.
        AnonHeap = "anon_heap",
        /// Resident set size: `Rss` of smaps. Counts shared pages in full.
        Rss = "rss",
        /// Proportional set size: `Pss` of smaps, which the kernel rounds down to KiB for each mapping. Each shared page
        /// is divided by the number of processes that map it.
        Pss = "pss",
        /// Unique set size: `Private_Clean` + `Private_Dirty` of smaps.
        Uss = "uss",
        /// Resident file pages.
        File = "file",
        /// Mapped shared memory (memfd, tmpfs, System V).
        Shmem = "shmem",
        /// Shared memory of the worker and its descendants, mapped or not: the blocks of every memfd, tmpfs file and
        /// shared anonymous mapping that a descriptor or a mapping keeps (`st_blocks`, each inode once), and System V
        /// segments that the processes made or attached (`/proc/sysvipc/shm`). A named tmpfs file counts if it was
        /// changed since the worker started.
        ShmemTotal = "shmem_total",
        /// Pages of the hugetlb pool that the worker and its descendants hold, mapped or not: `Private_Hugetlb` and
        /// `Shared_Hugetlb` of smaps, and the blocks of hugetlbfs files.
        Hugetlb = "hugetlb",
        /// Blocks of deleted files on other file systems that a descriptor or a mapping keeps. Closing the file is the
        /// only way to release them.
        DeletedFiles = "deleted_files",
        /// Swapped out: `Swap` of smaps.
        Swap = "swap",
        /// Pages released with `MADV_FREE` that the kernel has not reclaimed yet: `LazyFree` of smaps. Part of
        /// `anon`.
        LazyFree = "lazy_free",
        /// Transparent huge pages: `AnonHugePages` of smaps. Part of `anon`.
        AnonHuge = "anon_huge",
        /// The sum of the kinds of user memory of the worker and its descendants, with each page counted once: anonymous
        /// pages, swapped out ones, `shmem_total`, `hugetlb` and `deleted_files`. Memory that moves from one kind to
        /// another does not change it.
        Total = "total",
        /// `total` without `anon`: user memory of the worker and its descendants that is not anonymous memory of the
        /// worker itself. Together with `anon_mapped` and `anon_heap`, it is the whole of `total`.
        OutsideAnon = "outside_anon",
        /// The part of the anonymous, swapped out and private hugetlb pages in `total` that only descendants hold.
        Descendants = "descendants",
        /// The worker and its descendants, without those that have exited.
        Processes = "processes",
        /// Page tables: `VmPTE` of status. Not part of RSS, but memory nevertheless.
        PageTables = "page_tables",
        /// Address space: `VmSize` of status.
        Vsize = "vsize",
        /// Highest RSS since the baseline stage: the maximum of `VmHWM` of status over all snapshots, which the parent
        /// resets at each of them. Exact while memory only grows. A peak that was released before the snapshot is
        /// accurate to a few dozen pages, because the kernel batches its counters.
        Peak = "peak",
        /// Highest resident memory without file pages since the previous stage; at the baseline stage, the memory
        /// itself, so that growth is measured from it. If `VmHWM` rose above the RSS of the previous snapshot, it is
        /// that mark minus the larger `file` of the two snapshots; it is never below the memory of either snapshot.
        /// A file that is mapped and unmapped between two snapshots is included. The number of file pages that one
        /// fault maps depends on the page cache (16, or 512 if a 2 MiB folio contains them), so it is a property of the
        /// machine and not of the worker.
        PeakAnon = "peak_anon",
        /// How far `peak_anon` of any stage up to the baseline stage exceeds the memory at the baseline stage. Read at
        /// that stage only.
        PeakBefore = "peak_before",
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
        /// How far the live bytes exceeded those at the baseline stage at any time before it. Read at that stage only.
        HeapPeakBefore = "heap_peak_before",
        /// Total bytes that the Rust allocator has allocated, including freed ones.
        HeapAllocated = "heap_allocated",
        /// Bytes charged to the worker's memory cgroup: `memory.current`, or `memory.usage_in_bytes` in version 1. Each
        /// CPU charges 64 pages in advance, so this is up to 64 pages too high for each CPU that a process of the group
        /// has used.
        CgroupCurrent = "cgroup_current",
        /// The maximum of the bytes charged since the previous stage, with the precision of `cgroup_current`:
        /// `memory.peak` (Linux 6.12), or `memory.max_usage_in_bytes` in version 1. At the baseline stage,
        /// `cgroup_current`.
        CgroupPeak = "cgroup_peak",
        /// A peak since the previous stage that only the cgroup shows: how far `cgroup_peak` exceeds `cgroup_current`,
        /// less how far `peak_anon` exceeds the anonymous and shared memory of the worker. Memory of descendants, memory
        /// that was not mapped, and kernel memory. 0 at the baseline stage. Has the precision of `cgroup_current`.
        HiddenPeak = "hidden_peak",
        /// How far the bytes charged to the cgroup, between the first stage and the baseline stage, exceeded those at
        /// the baseline stage. Read at that stage only.
        CgroupPeakBefore = "cgroup_peak_before",
        /// Kernel memory of the worker's cgroup: page tables, VMAs, kernel stacks, buffers of sockets and pipes, rings of
        /// io_uring, inodes. `memory.kmem.usage_in_bytes` and `memory.kmem.tcp.usage_in_bytes` in version 1, `kernel`
        /// and `sock` of `memory.stat` in version 2.
        Kernel = "kernel",
        /// Pages of files that were first read or written in the worker's cgroup: `cache` or `file` of `memory.stat`
        /// without shared memory. The kernel drops them when it needs the memory.
        FileCache = "file_cache",
        /// `cgroup_current` without `kernel`, `file_cache` and the parts of `total` that are charged to a cgroup: what no
        /// other metric shows, such as a closed file on a tmpfs. Has the precision of `cgroup_current`.
        Unaccounted = "unaccounted",
    }
}

impl Metric {
    /// The metrics that a worker reports about its heap with each stage (`reached STAGE NAME=VALUE ...`).
    pub const SELF_REPORTED: [Self; 6] =
        [Self::HeapInUse, Self::HeapRetained, Self::HeapLive, Self::HeapBlocks, Self::HeapPeak, Self::HeapAllocated];

    /// Whether it is read from the memory cgroup of a worker, which not every system permits.
    #[must_use]
    pub fn needs_cgroup(self) -> bool {
        matches!(
            self,
            Self::CgroupCurrent
                | Self::CgroupPeak
                | Self::CgroupPeakBefore
                | Self::HiddenPeak
                | Self::Kernel
                | Self::FileCache
                | Self::Unaccounted
        )
    }

    /// The unit of the metric.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Vmas | Self::Threads | Self::Processes | Self::MinorFaults | Self::MajorFaults | Self::HeapBlocks => {
                Unit::Count
            }
            _ => Unit::Bytes,
        }
    }

    /// Whether it counts bytes requested from an allocator instead of pages.
    #[must_use]
    pub fn is_heap_bytes(self) -> bool {
        matches!(self, Self::HeapInUse | Self::HeapLive | Self::HeapPeak | Self::HeapPeakBefore | Self::HeapAllocated)
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
