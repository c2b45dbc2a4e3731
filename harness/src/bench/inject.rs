//! Memory dirtied on purpose, to see the gate turn red and to measure its power: so much for every
//! unit (`--inject`), or once in a worker (`--inject-once`). And heap that is only taken (`--shift-heap`), so that
//! what a case allocates comes to lie elsewhere, as it does in another build or on another machine.

use crate::model::{Scale, Stage};

/// Written heap for every live unit.
#[derive(Debug)]
pub(super) struct PerUnit {
    bytes: usize,
    top: usize,
    kept: Vec<Box<[u8]>>,
}

impl PerUnit {
    pub(super) fn new(bytes: usize, top: Option<Scale>) -> Self {
        Self { bytes, top: top.map_or(0, |top| top.0 as usize), kept: Vec::new() }
    }

    /// Keeps the bytes for every unit up to `scale`.
    pub(super) fn dirty_up_to(&mut self, scale: Scale) {
        if self.bytes == 0 {
            return;
        }
        if self.kept.capacity() == 0 {
            self.kept.reserve_exact(self.top);
        }
        while self.kept.len() < scale.0 as usize {
            self.kept.push(vec![1; self.bytes].into_boxed_slice());
        }
    }

    /// Past the ladder the units are dropped, and what was injected goes with them.
    pub(super) fn drop_past_the_ladder(&mut self) {
        if self.top > 0 && self.kept.len() >= self.top {
            self.kept = Vec::new();
        }
    }
}

/// What `--inject-once` asks for: memory that is there from the beginning and is written to after a
/// stage, so that nothing but pages of anon is added.
#[derive(Debug)]
pub(super) struct Once {
    after: Stage,
    bytes: usize,
    memory: Vec<u8>,
}

/// Larger than what malloc takes from its heap: the memory is a mapping of its own.
const OWN_MAPPING: usize = 1 << 20;
/// Written to at once, so that the first page, which malloc has dirtied, is passed.
const HEAD: usize = 8 << 10;

impl Once {
    /// `BYTES STAGE`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (bytes, after) = text.split_once(' ')?;
        let (bytes, after) = (bytes.parse().ok()?, after.parse().ok()?);
        let mut memory = Vec::with_capacity(OWN_MAPPING.checked_add(bytes)?);
        memory.resize(HEAD, 1);
        Some(Self { after, bytes, memory })
    }

    /// Writes to the memory if this was the stage.
    pub(super) fn passed(&mut self, stage: &str) {
        if self.memory.len() == HEAD && stage == self.after.name() {
            self.memory.resize(HEAD + self.bytes, 1);
        }
    }
}

/// What malloc takes from its heap, whatever it has freed before: glibc maps nothing smaller than 128 KiB on its own
/// ([mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html), `M_MMAP_THRESHOLD`).
const FROM_THE_HEAP: usize = 64 << 10;

/// Takes so many bytes of heap for good, and writes to none of them.
pub(super) fn shift_heap(bytes: usize) {
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(FROM_THE_HEAP);
        std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(piece)));
        left -= piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_once_after_its_stage() {
        let mut once = Once::parse("4096 loaded").expect("valid");
        once.passed("start");
        assert_eq!(once.memory.len(), HEAD);
        once.passed("loaded");
        once.passed("loaded");
        assert_eq!(once.memory.len(), HEAD + 4096);
        assert!(once.memory.capacity() >= OWN_MAPPING);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["", "4096", "x loaded", "4096 LOADED", "18446744073709551615 loaded"] {
            assert!(Once::parse(text).is_none(), "{text:?}");
        }
    }
}
