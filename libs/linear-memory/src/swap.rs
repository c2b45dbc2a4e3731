//! Swapped-out pages: whether any swap is on, and how to swap out the pages of a memory on purpose
//! (`MADV_PAGEOUT`), which the tests of resets need.
//!
//! Nothing here turns swap on or off, since swap is a setting of the whole machine.

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

/// Asks the kernel to swap out a memory and returns how many of its bytes are swapped out afterwards.
/// Contents do not change: the next access reads them back.
///
/// # Errors
/// When the system call fails, or /proc is not readable.
pub fn out(memory: &mut [u8]) -> Result<u64, Error> {
    page_out(memory).map_err(Error::system("swap pages out"))?;
    oracle::swapped(memory)
}
