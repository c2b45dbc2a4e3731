//! The residency oracle: how much of a memory is really committed, independent of the strategy that committed
//! it.
//!
//! Three sources that share no code path in the kernel:
//!
//! ```text
//!  page tables     PAGEMAP_SCAN: present, not the zero page, not a file's page    to the page
//!  counters        smaps: Anonymous of the mappings that the memory lies in       to the page
//!  the CPU         write to every page again, count this thread's minor faults    0 when committed
//! ```
//!
//! mincore(2) and the PRESENT bit alone count the shared zero page, so a memory that was only read looks
//! committed to them. The scan does not recognise the huge zero page (measured on Linux 6.18), but the
//! counters do.

use std::ops::ControlFlow;

use crate::{
    Error,
    sys::{Pagemap, Pages, minor_faults, page_size, smaps, touch},
};

/// The residency of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residency {
    /// Size of the memory in bytes.
    pub bytes: u64,
    /// Bytes in private pages, according to the page tables.
    pub present: u64,
    /// Anonymous bytes of the mappings that contain the memory, according to the kernel's counters.
    pub counted: u64,
}

impl Residency {
    /// Bytes that are committed according to both sources.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.present.min(self.counted).min(self.bytes)
    }

    /// Bytes that a job may still fault in.
    #[must_use]
    pub fn uncommitted(&self) -> u64 {
        self.bytes - self.committed()
    }

    /// Committed bytes as a percentage.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.bytes == 0 { 100.0 } else { self.committed() as f64 * 100.0 / self.bytes as f64 }
    }
}

/// Reads the page tables and the counters.
///
/// # Errors
/// When this kernel cannot scan page tables (before Linux 6.7) or /proc cannot be read.
pub fn residency(memory: &[u8]) -> Result<Residency, Error> {
    let pagemap = Pagemap::open().map_err(unsupported)?;
    let mut present = 0;
    let scan = pagemap.scan(memory, Pages::Committed, |run| {
        present += run.len() as u64;
        ControlFlow::Continue(())
    });
    scan.map_err(Error::system("scan the page tables"))?;
    Ok(Residency { bytes: memory.len() as u64, present, counted: counted(memory, "Anonymous")? })
}

/// Whether this kernel can scan page tables.
///
/// # Errors
/// [`Error::Unsupported`] when it cannot.
pub fn supported() -> Result<(), Error> {
    Pagemap::open().map(drop).map_err(unsupported)
}

/// Swapped-out bytes of the mappings that contain the memory, according to the kernel's counters.
pub(crate) fn swapped(memory: &[u8]) -> Result<u64, Error> {
    counted(memory, "Swap")
}

/// The offset of the first page that is not committed; `None` when all are.
///
/// # Errors
/// As [`residency`].
pub fn first_uncommitted(memory: &[u8]) -> Result<Option<usize>, Error> {
    let mut first = None;
    let scan = Pagemap::open().map_err(unsupported)?.scan(memory, Pages::Uncommitted, |run| {
        first = Some(run.start);
        ControlFlow::Break(())
    });
    scan.map_err(Error::system("scan the page tables"))?;
    Ok(first)
}

/// Rewrites a byte of every page with its current value and counts the minor faults. A committed page takes
/// none; a page that is write-protected for tracking takes one.
pub fn retouch(memory: &mut [u8]) -> u64 {
    let before = minor_faults();
    touch(memory, page_size());
    minor_faults() - before
}

fn unsupported(error: std::io::Error) -> Error {
    Error::Unsupported { what: "PAGEMAP_SCAN (Linux 6.7)", reason: error.to_string() }
}

/// A counter of smaps, summed over the mappings that contain the memory.
fn counted(memory: &[u8], field: &str) -> Result<u64, Error> {
    smaps::sum(memory, field).map_err(Error::system("read /proc/self/smaps"))
}
