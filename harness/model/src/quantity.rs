//! What is counted: a `Metric` of the whole process, its share in one `Category` of mapping, a
//! figure that the worker tells about itself, or time. They are written `anon`, `anon.linear_memory`,
//! `figure.uncommitted_bytes` and `time.cpu` in records, policies and tables.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::{FigureName, FigureNameError};

/// The unit a quantity is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
    /// Plain numbers: VMAs, faults.
    Count,
}

/// Declares an enum of words with one text each, so that the list, the parser and the printer
/// cannot drift apart.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every one, in the order of the tables.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The one word used for it in records, policies and tables.
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
    /// What is read of a process at a stage (design §3.5).
    Metric {
        /// Anonymous memory: `Anonymous` of smaps_rollup. What a process dirtied and nobody shares.
        Anon = "anon",
        /// Anonymous memory outside malloc's heaps: linear memories, written copy-on-write pages, stacks, large
        /// allocations (which malloc maps one by one). The part of `anon` that does not depend on which page of a
        /// heap a block happens to be on: it repeats to the page from build to build and machine to machine.
        AnonMapped = "anon_mapped",
        /// Anonymous pages of malloc's heaps, the main one and those of threads. How many pages malloc touched to
        /// hold what was asked for: depends on layout by a few pages.
        AnonHeap = "anon_heap",
        /// Resident set size: `Rss` of smaps_rollup. Counts shared pages in full.
        Rss = "rss",
        /// Proportional set size: `Pss` of smaps_rollup. Shared pages divided by who maps them.
        Pss = "pss",
        /// Unique set size: `Private_Clean` + `Private_Dirty` of smaps_rollup.
        Uss = "uss",
        /// Resident file pages: `RssFile` of status.
        File = "file",
        /// Resident shared memory (memfd, tmpfs): `RssShmem` of status.
        Shmem = "shmem",
        /// Swapped out: `Swap` of smaps_rollup.
        Swap = "swap",
        /// Page tables: `VmPTE` of status. Outside RSS, and paid all the same.
        PageTables = "page_tables",
        /// Address space: `VmSize` of status.
        Vsize = "vsize",
        /// Highest RSS since the reference stage, where the parent resets it: `VmHWM` of status, the
        /// highest of all looks. Exact while memory only grows; a peak that was given back before the look
        /// is known to a few dozen pages, since the kernel batches its counters.
        Peak = "peak",
        /// The same without pages of files: where the peak rose since the look before, it less the larger
        /// `RssFile` of the two looks, and at least what is there at a look. A file that is mapped and
        /// unmapped between the two counts. How many pages of a file one fault maps depends on how the
        /// page cache holds it (16, or 512 where it has them in one 2 MiB folio), which is the machine's
        /// doing and not the worker's.
        PeakAnon = "peak_anon",
        /// Mappings (virtual memory areas): entries of smaps.
        Vmas = "vmas",
        /// Threads of the process: 2 where a case starts none of its own, since a worker runs it beside the main
        /// thread; 1 in another program. Values of more threads repeat less exactly.
        Threads = "threads",
        /// Minor faults so far: `minflt` of stat.
        MinorFaults = "minor_faults",
        /// Major faults so far: `majflt` of stat.
        MajorFaults = "major_faults",
        /// Heap handed out by malloc: `uordblks + hblkhd` of mallinfo2, asked of the worker.
        HeapInUse = "heap_in_use",
        /// Heap that malloc holds from the system: `arena + hblkhd` of mallinfo2.
        HeapRetained = "heap_retained",
        /// Live bytes of the Rust allocator as the program asked for them, counted in the worker
        /// (`highwater::CountingAllocator`).
        HeapLive = "heap_live",
        /// Live blocks of the Rust allocator.
        HeapBlocks = "heap_blocks",
        /// The most live bytes since the stage before; at the reference stage the live bytes themselves, so that
        /// growth is measured from them. Exact, however short the peak.
        HeapPeak = "heap_peak",
        /// Bytes that the Rust allocator handed out so far, freed ones included.
        HeapAllocated = "heap_allocated",
        /// Charged to the worker's own memory cgroup, where it has one: `memory.current`.
        CgroupCurrent = "cgroup_current",
        /// The most that was charged to it: `memory.peak`.
        CgroupPeak = "cgroup_peak",
    }
}

impl Metric {
    /// What a worker reports of its own heap with every stage (`reached STAGE NAME=VALUE ...`).
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

    /// Whether it counts bytes that a program asked an allocator for, and not pages.
    #[must_use]
    pub fn is_heap_bytes(self) -> bool {
        matches!(self, Self::HeapInUse | Self::HeapLive | Self::HeapPeak | Self::HeapAllocated)
    }

    /// The grain of its values where a page has `page` bytes: a page, or one.
    #[must_use]
    pub fn quantum(self, page: u64) -> f64 {
        match self.unit() {
            Unit::Bytes if !self.is_heap_bytes() => page as f64,
            Unit::Bytes | Unit::Nanoseconds | Unit::Count => 1.0,
        }
    }
}

words! {
    /// A clock of the worker's stages.
    Clock {
        /// CPU time of all its threads.
        Cpu = "cpu",
        /// Wall time.
        Wall = "wall",
    }
}

words! {
    /// What a mapping is for. Families label linear memories and compiled code by address; the rest
    /// is told from the mapping itself (`probe::categories`).
    Category {
        /// Anonymous pages inside a labelled linear memory.
        LinearMemory = "linear_memory",
        /// File- or memfd-backed pages inside a labelled linear memory; its `anon` are the pages
        /// written to since.
        CowImage = "cow_image",
        /// Labelled machine code.
        CompiledCode = "compiled_code",
        /// `[heap]`: the main arena of malloc.
        HostHeap = "host_heap",
        /// Further arenas of glibc's malloc.
        Arenas = "arenas",
        /// The main thread's stack, and that of the thread that runs the case.
        Stacks = "stacks",
        /// The program, its libraries, their data and bss, vdso and vvar.
        Executable = "executable",
        /// Other mapped files.
        MappedInput = "mapped_input",
        /// Everything else: unlabelled anonymous mappings.
        Other = "other",
    }
}

impl Category {
    /// Whether malloc decides which of its pages a block is on.
    #[must_use]
    pub fn is_heap(self) -> bool {
        matches!(self, Self::HostHeap | Self::Arenas)
    }
}

/// What a number counts. Serialised as `anon`, `anon.linear_memory` or `figure.uncommitted_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub enum Quantity {
    /// A metric of the whole process.
    Process(Metric),
    /// The share of a metric in one category of mapping.
    Within(Metric, Category),
    /// What the worker tells about itself.
    Figure(FigureName),
    /// Time since the stage before, pauses excluded. In a record it has columns of its own.
    Time(Clock),
}

/// The first part of a figure's quantity.
const FIGURE: &str = "figure";
/// The first part of a time's.
const TIME: &str = "time";

impl Quantity {
    /// The metric, of the process or of a category of it.
    #[must_use]
    pub fn metric(self) -> Option<Metric> {
        match self {
            Self::Process(metric) | Self::Within(metric, _) => Some(metric),
            Self::Figure(_) | Self::Time(_) => None,
        }
    }

    /// The category that it is limited to.
    #[must_use]
    pub fn category(self) -> Option<Category> {
        match self {
            Self::Within(_, category) => Some(category),
            Self::Process(_) | Self::Figure(_) | Self::Time(_) => None,
        }
    }

    /// The unit it is counted in.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Process(metric) | Self::Within(metric, _) => metric.unit(),
            Self::Figure(name) => name.unit(),
            Self::Time(_) => Unit::Nanoseconds,
        }
    }

    /// The grain of its values where a page has `page` bytes: a page for memory, else one.
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

/// A text that names no quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuantityError {
    /// A word that is no metric or category.
    #[error("unknown word `{text}`: it must be one of {known}")]
    Unknown {
        /// The word.
        text: String,
        /// Those that are.
        known: String,
    },
    /// Not in the form of a figure's name.
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
    fn every_quantity_reads_back_as_it_was_written() {
        for &metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(Quantity::from(metric)));
            for &category in Category::ALL {
                let quantity = Quantity::Within(metric, category);
                assert_eq!(quantity.to_string().parse(), Ok(quantity));
            }
        }
    }

    #[test]
    fn a_figure_has_the_unit_that_its_name_ends_with() {
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
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "anno".parse::<Quantity>().expect_err("no such metric");
        assert!(error.to_string().contains("anon, anon_mapped, anon_heap, rss, pss"), "{error}");
    }
}
