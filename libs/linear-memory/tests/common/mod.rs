//! Test helpers: a guest's memory with data segments, and checks of what the system supports.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod sys;

use std::io::Write;

use linear_memory::{Error, Target};
use memmap2::MmapMut;
use sys::PAGE;

pub(crate) const MIB: u64 = 1 << 20;

/// A guest's data segments, by offset.
const SEGMENTS: [(usize, &[u8]); 2] = [(1024, b"linear memory begins with zeros and this"), (200_000, b"high water")];

/// A guest: a linear memory, and a number that stands for its globals.
pub(crate) struct Guest {
    memory: MmapMut,
    /// Bytes of the mapping that belong to the memory so far.
    size: usize,
    pub(crate) global: u32,
}

impl Guest {
    /// A guest whose data segments were copied into anonymous memory. Nothing else is committed.
    pub(crate) fn new(bytes: u64) -> Self {
        let mut memory = MmapMut::map_anon(bytes as usize).expect("maps");
        for (offset, text) in SEGMENTS {
            memory[offset..offset + text.len()].copy_from_slice(text);
        }
        Self { memory, size: bytes as usize, global: 0 }
    }

    /// A guest whose data segments are in a private mapping of a file, as copy-on-write engines map them.
    pub(crate) fn of_file(bytes: u64) -> Self {
        let end = SEGMENTS.iter().map(|(offset, text)| offset + text.len()).max().unwrap_or(0);
        let part = end.next_multiple_of(PAGE);
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&initial(part as u64)).expect("written");
        let mut memory = MmapMut::map_anon(bytes as usize).expect("maps");
        sys::map_file_over(&file, &mut memory[..part]);
        Self { memory, size: bytes as usize, global: 0 }
    }

    /// Changes the size within the mapping: grows as a guest does, or leaves room to grow.
    pub(crate) fn grow_to(&mut self, bytes: u64) {
        self.size = bytes as usize;
    }

    /// A job: dirties this number of pages in as many runs of equal length, evenly spread, and the global.
    pub(crate) fn dirty(&mut self, pages: usize, runs: usize) {
        self.global += 1;
        for run in 0..runs {
            let at = run * (self.size / PAGE / runs) * PAGE;
            self.memory[at..at + pages / runs * PAGE].fill(0xAB);
        }
    }
}

impl Target for Guest {
    fn memory(&mut self) -> &mut [u8] {
        &mut self.memory[..self.size]
    }

    fn restore_state(&mut self) -> Result<(), Error> {
        self.global = 0;
        Ok(())
    }
}

/// The initial image of the guest, defined independently of the library.
pub(crate) fn initial(bytes: u64) -> Vec<u8> {
    let mut expected = vec![0; bytes as usize];
    for (offset, text) in SEGMENTS {
        expected[offset..offset + text.len()].copy_from_slice(text);
    }
    expected
}

/// The offset of the first byte that differs.
pub(crate) fn first_difference(memory: &[u8], expected: &[u8]) -> Option<usize> {
    assert_eq!(memory.len(), expected.len());
    if memory == expected { None } else { memory.iter().zip(expected).position(|(a, b)| a != b) }
}

#[track_caller]
pub(crate) fn assert_initial(memory: &[u8]) {
    assert_eq!(first_difference(memory, &initial(memory.len() as u64)), None);
}

/// Whether the machine lacks a feature that a strategy needs. Prints the reason, since a test cannot be
/// reported as `not run`.
pub(crate) fn lacks(name: &str, supported: Result<(), Error>) -> bool {
    if let Err(error) = &supported {
        eprintln!("{name} skipped: {error}");
    }
    supported.is_err()
}
