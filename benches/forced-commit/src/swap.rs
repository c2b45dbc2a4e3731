//! Pages that the kernel swapped out: whether there is swap at all, and how to have the pages of a memory
//! swapped out on purpose (`MADV_PAGEOUT`), which tests of resets need.
//!
//! Nothing here turns swap on or off: that is the machine's, not a process's.

use crate::{Error, oracle, sys::page_out};

/// Where Linux lists swap files and devices.
const SWAPS: &str = "/proc/swaps";

/// Whether any swap is on.
///
/// # Errors
/// When /proc is not readable.
pub fn is_on() -> Result<bool, Error> {
    let swaps = std::fs::read_to_string(SWAPS).map_err(Error::system("read /proc/swaps"))?;
    // The first line is a header.
    Ok(swaps.lines().skip(1).any(|line| !line.trim().is_empty()))
}

/// Asks the kernel to swap a memory out, and returns how many bytes of it are swapped out afterwards. Bytes
/// stay as they are: the next access reads them back.
///
/// # Errors
/// When the kernel refuses, or /proc is not readable.
pub fn out(memory: &mut [u8]) -> Result<u64, Error> {
    page_out(memory).map_err(Error::system("swap pages out"))?;
    oracle::swapped(memory)
}
