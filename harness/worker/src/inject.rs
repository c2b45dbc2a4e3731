//! Implements the worker options ([`WorkerOption`]). Injected memory tests the gate and measures its power: per unit,
//! as heap, as pages of one mapping or as mappings, or once per worker. `--shift-heap` allocates heap without using it,
//! so that the allocations of a case are at other addresses, as in another build or on another machine.

use std::io;

use highwater_model::{Scale, Stage, WorkerOption, WorkerOptions};

use crate::split_mapping::SplitMapping;

/// The memory that a worker injects.
#[derive(Debug, Default)]
pub(super) struct Injection {
    /// The number of units at the top of the ladder.
    top: usize,
    /// The number of units for which memory was injected.
    units: usize,
    heap_bytes: usize,
    heap: Vec<Box<[u8]>>,
    pages: Option<Pages>,
    mappings: Option<Mappings>,
    once: Option<Once>,
}

impl Injection {
    /// `once_after` is the stage after which `--inject-once` adds its bytes.
    pub(super) fn new(options: &WorkerOptions, once_after: Option<Stage>, top: Option<Scale>) -> io::Result<Self> {
        let of = |option| options.get(option).unwrap_or(0) as usize;
        let top = top.map_or(0, |top| top.0 as usize);
        let (pages, mappings) = (of(WorkerOption::InjectPages), of(WorkerOption::InjectMappings));
        Ok(Self {
            top,
            units: 0,
            heap_bytes: of(WorkerOption::Inject),
            heap: Vec::new(),
            pages: (pages > 0 && top > 0).then(|| Pages::new(pages, top)),
            mappings: (mappings > 0 && top > 0).then(|| Mappings::new(mappings, top)).transpose()?,
            once: once_after.map(|after| Once::new(of(WorkerOption::InjectOnce), after)),
        })
    }

    /// Injects memory for each unit up to `scale`.
    pub(super) fn add_up_to(&mut self, scale: Scale) {
        if self.heap_bytes > 0 && self.heap.capacity() == 0 {
            self.heap.reserve_exact(self.top);
        }
        while self.units < scale.0 as usize {
            self.units += 1;
            if self.heap_bytes > 0 {
                self.heap.push(vec![1; self.heap_bytes].into_boxed_slice());
            }
            self.pages.iter_mut().for_each(Pages::add);
            self.mappings.iter_mut().for_each(Mappings::add);
        }
    }

    /// Drops the memory injected per unit after the top of the ladder, where the case drops its units.
    pub(super) fn drop_past_the_ladder(&mut self) {
        if self.top > 0 && self.units >= self.top {
            self.heap = Vec::new();
            self.pages = None;
            self.mappings = None;
        }
    }

    /// Injects the memory of `--inject-once` if this was its stage. Returns whether the option is set.
    pub(super) fn passed(&mut self, stage: &str) -> bool {
        self.once.iter_mut().for_each(|once| once.passed(stage));
        self.once.is_some()
    }
}

/// Large enough that malloc creates a separate mapping instead of using its heap.
const SEPARATE_MAPPING: usize = 1 << 20;
/// Written at allocation, to skip the first page, which malloc has dirtied.
const HEAD: usize = 8 << 10;

/// A mapping that is allocated at the start and written later, page by page, so that only anonymous pages are added.
fn mapping(bytes: usize) -> Vec<u8> {
    let mut memory = Vec::with_capacity(SEPARATE_MAPPING.saturating_add(bytes));
    memory.resize(HEAD, 1);
    memory
}

/// `--inject-pages`.
#[derive(Debug)]
struct Pages {
    bytes_per_unit: usize,
    memory: Vec<u8>,
}

impl Pages {
    fn new(per_unit: usize, top: usize) -> Self {
        let bytes_per_unit = per_unit.saturating_mul(rustix::param::page_size());
        Self { bytes_per_unit, memory: mapping(bytes_per_unit.saturating_mul(top)) }
    }

    fn add(&mut self) {
        self.memory.resize(self.memory.len() + self.bytes_per_unit, 1);
    }
}

/// `--inject-mappings`.
#[derive(Debug)]
struct Mappings {
    per_unit: usize,
    range: SplitMapping,
}

impl Mappings {
    fn new(per_unit: usize, top: usize) -> io::Result<Self> {
        Ok(Self { per_unit, range: SplitMapping::reserve(per_unit.saturating_mul(top))? })
    }

    fn add(&mut self) {
        for _ in 0..self.per_unit {
            // If the system refuses (the limit on mappings), the gate does not detect the injection.
            let _ = self.range.split();
        }
    }
}

/// `--inject-once`.
#[derive(Debug)]
struct Once {
    after: Stage,
    bytes: usize,
    memory: Vec<u8>,
}

impl Once {
    fn new(bytes: usize, after: Stage) -> Self {
        Self { after, bytes, memory: mapping(bytes) }
    }

    /// Writes to the memory if `stage` is the one after which to inject.
    fn passed(&mut self, stage: &str) {
        if self.memory.len() == HEAD && stage == self.after.name() {
            self.memory.resize(HEAD + self.bytes, 1);
        }
    }
}

/// Small enough that malloc uses its heap: glibc creates separate mappings only for 128 KiB or more
/// ([mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html), `M_MMAP_THRESHOLD`).
const HEAP_PIECE: usize = 64 << 10;

/// Allocates and leaks this many bytes of heap without writing to them.
pub(super) fn shift_heap(bytes: usize) {
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(HEAP_PIECE);
        std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(piece)));
        left -= piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injection(option: WorkerOption, value: u64, top: u32) -> Injection {
        let mut options = WorkerOptions::default();
        options.set(option, value);
        Injection::new(&options, Some("loaded".parse().expect("a stage")), Some(Scale(top))).expect("mapped")
    }

    #[test]
    fn inject_once_writes_after_its_stage() {
        let mut injection = injection(WorkerOption::InjectOnce, 4096, 10);
        let written = |injection: &Injection| injection.once.as_ref().map(|once| once.memory.len());
        injection.passed("start");
        assert_eq!(written(&injection), Some(HEAD));
        injection.passed("loaded");
        injection.passed("loaded");
        assert_eq!(written(&injection), Some(HEAD + 4096));
    }

    #[test]
    fn memory_per_unit_is_dropped_after_the_ladder() {
        let mut injection = injection(WorkerOption::InjectPages, 2, 10);
        injection.add_up_to(Scale(1));
        injection.drop_past_the_ladder();
        injection.add_up_to(Scale(10));
        let written = injection.pages.as_ref().map(|pages| pages.memory.len() - HEAD);
        assert_eq!(written, Some(20 * rustix::param::page_size()));
        injection.drop_past_the_ladder();
        assert!(injection.pages.is_none());
    }
}
