//! Touching pages one by one: a fault each, in the host or in the guest.

use std::hint::black_box;

use super::Commit;
use crate::{
    Error, Target,
    sys::{page_size, touch},
};

/// Bytes of a WebAssembly page.
const WASM_PAGE: usize = 65_536;

/// A function in the guest writes to every OS page. Commits all; one that keeps what is there has to
/// read first, which maps the zero page: two faults a page.
#[derive(Clone, Copy, Debug)]
pub struct GuestProbe;

impl Commit for GuestProbe {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        target.probe()
    }
}

/// One byte in every WebAssembly page, as first recommended: commits one OS page of sixteen, in a
/// sixteenth of the time.
#[derive(Clone, Copy, Debug)]
pub struct TouchWasmPages;

impl Commit for TouchWasmPages {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        touch(target.memory(), WASM_PAGE);
        Ok(())
    }
}

/// The published recipe: 64 unique bytes into every WebAssembly page, "which forces physical pages",
/// then zeros over everything, "which cleans". The first pass commits one OS page of sixteen and the
/// second the rest. Data segments are gone afterwards.
#[derive(Clone, Copy, Debug)]
pub struct TwoPass;

impl TwoPass {
    /// The first pass alone.
    pub fn write_patterns(memory: &mut [u8]) {
        let mut pattern = [0_u8; 64];
        for (number, page) in memory.chunks_mut(WASM_PAGE).enumerate() {
            pattern[..8].copy_from_slice(&(number as u64).to_le_bytes());
            pattern[8] = 0xFF;
            page[..pattern.len()].copy_from_slice(&pattern);
        }
    }

    /// The second pass alone, block by block from a block of zeros as published.
    pub fn write_zeros(memory: &mut [u8]) {
        let zeros = black_box(vec![0_u8; WASM_PAGE]);
        for page in memory.chunks_mut(WASM_PAGE) {
            page.copy_from_slice(&zeros[..page.len()]);
        }
    }
}

impl Commit for TwoPass {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        let memory = target.memory();
        Self::write_patterns(memory);
        Self::write_zeros(memory);
        Ok(())
    }
}

/// One byte in every OS page, written as it is. Commits all and keeps the bytes: a fault for each page.
#[derive(Clone, Copy, Debug)]
pub struct TouchOsPages;

impl Commit for TouchOsPages {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        touch(target.memory(), page_size());
        Ok(())
    }
}
