//! Quantities: a `Metric` of the whole process, its part in one `Category` of mapping, a figure that the worker reports
//! about itself, or time. Records, policies and tables write them as `anon`, `anon.linear_memory`,
//! `figure.uncommitted_bytes` and `time.cpu`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::{FigureName, FigureNameError};

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

/// Declares an enum whose variants have one word each, so that the list, the parser and the printer stay consistent.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// All variants, in the order of the tables.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it in records, policies and tables.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| QuantityError::Unknown {
                    text: text.to_owned(),
                    known: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
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

words! {
    /// A clock that times the worker's stages.
    Clock {
        /// CPU time of all threads.
        Cpu = "cpu",
        /// Wall time.
        Wall = "wall",
    }
}

words! {
    /// The purpose of a mapping. Families label linear memories and compiled code by address; all other categories are
    /// derived from the mapping itself (`probe::categories`).
    Category {
        /// Anonymous pages inside a labelled linear memory.
        LinearMemory = "linear_memory",
        /// File- or memfd-backed pages inside a labelled linear memory; its `anon` is the pages that were written to.
        CowImage = "cow_image",
        /// Labelled machine code.
        CompiledCode = "compiled_code",
        /// `[heap]`: the main arena of malloc.
        HostHeap = "host_heap",
        /// Further arenas of glibc's malloc.
        Arenas = "arenas",
        /// The stacks of the main thread and of the thread that runs the case.
        Stacks = "stacks",
        /// The program, its libraries with data and bss, vdso and vvar.
        Executable = "executable",
        /// Other mapped files.
        MappedInput = "mapped_input",
        /// Everything else: unlabelled anonymous mappings.
        Other = "other",
    }
}

impl Category {
    /// Whether malloc decides on which page a block is.
    #[must_use]
    pub fn is_heap(self) -> bool {
        matches!(self, Self::HostHeap | Self::Arenas)
    }
}

/// What a number measures. Serialised as `anon`, `anon.linear_memory` or `figure.uncommitted_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub enum Quantity {
    /// A metric of the whole process.
    Process(Metric),
    /// The part of a metric in one category of mapping.
    Within(Metric, Category),
    /// A number that the worker reports about itself.
    Figure(FigureName),
    /// Time since the previous stage, without pauses. Records store it in separate columns.
    Time(Clock),
}

/// The prefix of a figure.
const FIGURE: &str = "figure";
/// The prefix of a time.
const TIME: &str = "time";

impl Quantity {
    /// The metric, of the whole process or of one category.
    #[must_use]
    pub fn metric(self) -> Option<Metric> {
        match self {
            Self::Process(metric) | Self::Within(metric, _) => Some(metric),
            Self::Figure(_) | Self::Time(_) => None,
        }
    }

    /// The category, if it is limited to one.
    #[must_use]
    pub fn category(self) -> Option<Category> {
        match self {
            Self::Within(_, category) => Some(category),
            Self::Process(_) | Self::Figure(_) | Self::Time(_) => None,
        }
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Process(metric) | Self::Within(metric, _) => metric.unit(),
            Self::Figure(name) => name.unit(),
            Self::Time(_) => Unit::Nanoseconds,
        }
    }

    /// The quantum of its values for a page size of `page` bytes: a page for memory, otherwise 1.
    #[must_use]
    pub fn quantum(self, page: u64) -> f64 {
        self.metric().map_or(1.0, |metric| metric.quantum(page))
    }
}

impl From<Metric> for Quantity {
    fn from(metric: Metric) -> Self {
        Self::Process(metric)
    }
}

/// The text is not a valid quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuantityError {
    /// A word that is not in the list.
    #[error("unknown word `{text}`: expected one of {known}")]
    Unknown {
        /// The word.
        text: String,
        /// The valid words.
        known: String,
    },
    /// Not a valid name of a figure.
    #[error(transparent)]
    Figure(#[from] FigureNameError),
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        match text.split_once('.') {
            None => Ok(text.parse::<Metric>()?.into()),
            Some((FIGURE, name)) => Ok(Self::Figure(name.parse()?)),
            Some((TIME, clock)) => Ok(Self::Time(clock.parse()?)),
            Some((metric, category)) => Ok(Self::Within(metric.parse()?, category.parse()?)),
        }
    }
}

impl TryFrom<String> for Quantity {
    type Error = QuantityError;

    fn try_from(text: String) -> Result<Self, QuantityError> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.to_string()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(metric) => f.write_str(metric.as_str()),
            Self::Within(metric, category) => write!(f, "{metric}.{category}"),
            Self::Figure(name) => write!(f, "{FIGURE}.{name}"),
            Self::Time(clock) => write!(f, "{TIME}.{clock}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_round_trips_through_text() {
        for &metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(Quantity::from(metric)));
            for &category in Category::ALL {
                let quantity = Quantity::Within(metric, category);
                assert_eq!(quantity.to_string().parse(), Ok(quantity));
            }
        }
    }

    #[test]
    fn the_suffix_of_a_figure_is_its_unit() {
        for (text, unit) in [
            ("figure.uncommitted_bytes", Unit::Bytes),
            ("figure.reset_ns", Unit::Nanoseconds),
            ("figure.runs", Unit::Count),
        ] {
            let quantity: Quantity = text.parse().expect("a figure");
            assert_eq!((quantity.to_string().as_str(), quantity.unit()), (text, unit));
        }
    }

    #[test]
    fn an_unknown_word_is_reported_with_the_known_ones() {
        let error = "anno".parse::<Quantity>().expect_err("no such metric");
        assert!(error.to_string().contains("anon, anon_mapped, anon_heap, rss, pss"), "{error}");
    }
}
