//! The initial image of a linear memory, which a clean reset must restore. Only pages that are not all zero
//! are stored, so the image of a 4 GiB memory is as large as its data segments.

use std::ops::Range;

use crate::sys::page_size;

/// The contents of a memory before the first job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    length: usize,
    /// Runs of pages that are not all zero, by offset, ascending and not adjacent.
    runs: Vec<(usize, Box<[u8]>)>,
}

/// The difference between a memory and its initial image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirt {
    /// Bytes that differ.
    pub bytes: u64,
    /// Offset of the first of them.
    pub first: Option<usize>,
}

impl Image {
    /// Takes the image of a memory's current contents. This reads every page, so take it while the memory is
    /// small and use [`Image::grown_to`], or after the memory was committed.
    #[must_use]
    pub fn of(memory: &[u8]) -> Self {
        let page = page_size();
        let mut runs: Vec<(usize, Vec<u8>)> = Vec::new();
        for (index, bytes) in memory.chunks(page).enumerate() {
            if is_zero(bytes) {
                continue;
            }
            let offset = index * page;
            match runs.last_mut() {
                Some((start, run)) if *start + run.len() == offset => run.extend_from_slice(bytes),
                _ => runs.push((offset, bytes.to_vec())),
            }
        }
        let runs = runs.into_iter().map(|(offset, run)| (offset, run.into_boxed_slice())).collect();
        Self { length: memory.len(), runs }
    }

    /// The image of a memory of `length` bytes that is zero except for these data segments.
    #[must_use]
    pub fn of_segments(segments: &[(usize, &[u8])], length: usize) -> Self {
        let end = segments.iter().map(|(offset, bytes)| offset + bytes.len()).max().unwrap_or(0);
        let mut memory = vec![0; end.next_multiple_of(page_size())];
        for (offset, bytes) in segments {
            memory[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        Self::of(&memory).grown_to(length)
    }

    /// The image of the same memory after it grew: the new part is zero.
    #[must_use]
    pub fn grown_to(self, length: usize) -> Self {
        Self { length: self.length.max(length), ..self }
    }

    /// The memory's size in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The runs of pages that are not all zero, with their offsets.
    pub fn runs(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.runs.iter().map(|(offset, bytes)| (*offset, &**bytes))
    }

    /// Restores part of the memory from the image.
    ///
    /// # Panics
    /// When the range ends beyond the memory.
    pub fn restore(&self, memory: &mut [u8], range: Range<usize>) {
        memory[range.clone()].fill(0);
        for (at, bytes) in self.pieces(range) {
            memory[at].copy_from_slice(bytes);
        }
    }

    /// The parts of the non-zero runs that lie in the range, with their positions.
    pub(crate) fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        let first = self.runs.partition_point(|(offset, bytes)| offset + bytes.len() <= range.start);
        let runs = self.runs[first..].iter().take_while(move |(offset, _)| *offset < range.end);
        runs.map(move |(offset, bytes)| {
            let (from, to) = (range.start.max(*offset), range.end.min(offset + bytes.len()));
            (from..to, &bytes[from - offset..to - offset])
        })
    }

    /// Whether a page of the memory equals the image. The range must be one whole page.
    pub(crate) fn equals_page(&self, memory: &[u8], page: Range<usize>) -> bool {
        match self.pieces(page.clone()).next() {
            Some((at, bytes)) => memory[at] == *bytes,
            None => is_zero(&memory[page]),
        }
    }

    /// Compares byte for byte.
    #[must_use]
    pub fn dirt(&self, memory: &[u8]) -> Dirt {
        let mut dirt = Dirt::default();
        let mut at = 0;
        for (offset, bytes) in self.runs() {
            dirt.add_zeros(memory, at..offset);
            dirt.add(offset, &memory[offset.min(memory.len())..(offset + bytes.len()).min(memory.len())], bytes);
            at = offset + bytes.len();
        }
        dirt.add_zeros(memory, at..memory.len());
        dirt
    }
}

impl Dirt {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.bytes == 0
    }

    /// Counts non-zero bytes. Compares whole blocks first, since nearly all of a memory is clean.
    fn add_zeros(&mut self, memory: &[u8], range: Range<usize>) {
        const BLOCK: usize = 4096;
        static ZEROS: [u8; BLOCK] = [0; BLOCK];
        let end = range.end.min(memory.len());
        let start = range.start.min(end);
        for (index, block) in memory[start..end].chunks(BLOCK).enumerate() {
            if *block != ZEROS[..block.len()] {
                self.add(start + index * BLOCK, block, &ZEROS[..block.len()]);
            }
        }
    }

    fn add(&mut self, offset: usize, found: &[u8], expected: &[u8]) {
        for (index, _) in found.iter().zip(expected).enumerate().filter(|(_, (a, b))| a != b) {
            self.first = self.first.or(Some(offset + index));
            self.bytes += 1;
        }
    }
}

/// No early exit, so that the compiler emits wide loads.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}
