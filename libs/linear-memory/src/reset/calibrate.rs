//! Measures what tracking and restoring cost on this machine: a few milliseconds when a reset is armed, and a few
//! faults later on. Measured on the memory itself, on pages that are committed, and without changing a byte:
//! the memory equals its image meanwhile.

use std::{
    hint::black_box,
    ops::{ControlFlow, Range},
};

use super::{costs::Calibration, policy::FAULTS};
use crate::{
    Error, Image,
    sys::{self, Pagemap, Pages, WriteProtection, page_size, thread_cpu_ns},
};

/// Number of batches that a measurement is the fastest of.
const BATCHES: usize = 4;

/// Maximum number of bytes that are restored to extrapolate a restore of the whole memory: more than a core's
/// caches hold, and at most a few milliseconds.
const PART: usize = 32 << 20;

/// The cost of some work in nanoseconds of CPU time.
pub(super) fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let begun = thread_cpu_ns();
    work()?;
    Ok(thread_cpu_ns() - begun)
}

/// Measures all costs. Afterwards the registered memory is write-protected.
pub(super) fn calibrate(
    memory: &mut [u8],
    image: &Image,
    protection: &WriteProtection,
    pagemap: &Pagemap,
) -> Result<Calibration, Error> {
    let protecting = || Error::system("write-protect the memory");
    let part = committed_part(memory, pagemap)?;
    if part.len() < BATCHES * FAULTS * page_size() {
        pagemap.protect_written(memory).map_err(protecting())?;
        return Ok(Calibration::UNKNOWN);
    }
    let pages = pages(part.len());
    let (mut whole, mut compare) = (f64::INFINITY, f64::INFINITY);
    let batch = pages / BATCHES * page_size();
    for number in 0..BATCHES {
        let range = part.start + number * batch..part.start + (number + 1) * batch;
        let sample = range.start..range.start + FAULTS * page_size();
        let begun = thread_cpu_ns();
        black_box(page_ranges(sample).filter(|page| image.equals_page(memory, page.clone())).count());
        let compared = thread_cpu_ns();
        image.restore(memory, range);
        let ns = thread_cpu_ns() - compared;
        compare = compare.min((compared - begun) / FAULTS as f64);
        whole = whole.min(ns / batch as f64 * memory.len() as f64);
    }
    let first = timed(|| pagemap.protect_written(memory)).map_err(protecting())?;
    let mut scan = f64::INFINITY;
    for _ in 0..BATCHES {
        let scanned = timed(|| pagemap.scan_changes(memory, |_, _| ControlFlow::Continue(())));
        scan = scan.min(scanned.map_err(Error::system("scan for written pages"))?);
    }
    let sample = part.start..part.start + FAULTS * page_size();
    let (fault, page, call) = faults(memory, image, protection, sample)?;
    let lift = timed(|| protection.lift(memory)).map_err(Error::system("lift the write protection"))?;
    let second = timed(|| pagemap.protect_written(memory)).map_err(protecting())?;
    Ok(Calibration { fault, scan, page, call, whole, compare, protect: first.min(second), lift })
}

/// Takes [`FAULTS`] write-protect faults in each of a few rounds and protects the pages again. Returns the cost
/// of one fault, of restoring and protecting one page, and of one call that protects.
pub(super) fn faults(
    memory: &mut [u8],
    image: &Image,
    protection: &WriteProtection,
    sample: Range<usize>,
) -> Result<(f64, f64, f64), Error> {
    let count = pages(sample.len()).max(1) as f64;
    let (mut fault, mut restore, mut call) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    for _ in 0..BATCHES {
        let begun = thread_cpu_ns();
        sys::touch(&mut memory[sample.clone()], page_size());
        let touched = thread_cpu_ns();
        image.restore(memory, sample.clone());
        let restored = thread_cpu_ns();
        protection.protect(&mut memory[sample.clone()]).map_err(Error::system("write-protect the memory"))?;
        fault = fault.min((touched - begun) / count);
        restore = restore.min((restored - touched) / count);
        call = call.min(thread_cpu_ns() - restored);
    }
    Ok((fault, restore + call / count, call))
}

/// The first run of committed pages of up to [`PART`] bytes.
fn committed_part(memory: &[u8], pagemap: &Pagemap) -> Result<Range<usize>, Error> {
    let mut part = 0..0;
    let scan = pagemap.scan(memory, Pages::Committed, |run| {
        if part.end == run.start {
            part.end = run.end;
        } else if run.len() > part.len() {
            part = run;
        }
        if part.len() >= PART { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    scan.map_err(Error::system("scan the page tables"))?;
    Ok(part.start..part.end.min(part.start + PART))
}

/// The pages of a range.
pub(super) fn page_ranges(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.step_by(page_size()).map(|at| at..at + page_size())
}

/// Number of pages.
pub(super) fn pages(bytes: usize) -> usize {
    bytes / page_size()
}
