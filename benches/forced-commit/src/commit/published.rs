//! Published strategies: touching one page in sixteen, two passes of writes, zeroing only new pages, and a
//! function of the guest.

use std::hint::black_box;

use linear_memory::{Commit, Error, Target, touch};

use super::GuestCommit;
use crate::Live;

/// Bytes of a WebAssembly page.
const WASM_PAGE: usize = 65_536;

/// A guest function writes to every OS page. Commits all pages. To preserve contents it has to read first,
/// which maps the zero page: two faults per page.
#[derive(Clone, Copy, Debug)]
pub struct GuestProbe;

impl GuestCommit for GuestProbe {
    fn commit(&self, live: &mut Live) -> Result<(), Error> {
        live.probe()
    }
}

/// Writes one byte in every WebAssembly page, as first recommended. Commits one OS page in sixteen, in a
/// sixteenth of the time.
#[derive(Clone, Copy, Debug)]
pub struct TouchWasmPages;

impl Commit for TouchWasmPages {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        touch(target.memory(), WASM_PAGE);
        Ok(())
    }
}

/// The published recipe: writes 64 unique bytes into every WebAssembly page, "which forces physical pages",
/// then zeros everything, "which cleans". The first pass commits one OS page in sixteen and the second pass
/// the rest. The data segments are lost.
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

    /// The second pass alone, copied in blocks from a block of zeros as published.
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

/// Grows the memory to its maximum and zeroes only the new pages. Commits these pages and preserves the data
/// segments, which are below them; what the module declares as its minimum is not committed.
#[derive(Clone, Copy, Debug)]
pub struct ZeroNewPages;

impl GuestCommit for ZeroNewPages {
    fn commit(&self, live: &mut Live) -> Result<(), Error> {
        let old = live.memory().len();
        live.grow_to_maximum()?;
        live.memory()[old..].fill(0);
        Ok(())
    }
}
