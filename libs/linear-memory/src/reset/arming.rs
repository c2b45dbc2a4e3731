//! Restores a memory before its pages are tracked: what was written earlier would not be seen afterwards.

use std::ops::{ControlFlow, Range};

use super::calibrate::page_ranges;
use crate::{
    Error, Image,
    sys::{Pagemap, Pages},
};

/// Runs of pages that are restored after one pass of the scan.
const RUNS: usize = 512;

/// Restores all pages that have contents, in memory or in swap, and those of a file that differ from the image. Commits no
/// others, apart from data segments.
pub(super) fn restore_contents(
    memory: &mut [u8],
    image: &Image,
    pagemap: &Pagemap,
    file_backed: &[Range<usize>],
) -> Result<(), Error> {
    let mut runs = Vec::with_capacity(RUNS);
    let mut at = 0;
    while at < memory.len() {
        let start = at;
        at = memory.len();
        let scan = pagemap.scan(&memory[start..], Pages::Contents, |run| {
            runs.push(start + run.start..start + run.end);
            if runs.len() < RUNS {
                return ControlFlow::Continue(());
            }
            at = start + run.end;
            ControlFlow::Break(())
        });
        scan.map_err(Error::system("scan the page tables"))?;
        runs.drain(..).for_each(|run| image.restore(memory, run));
    }
    for (offset, bytes) in image.runs() {
        memory[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
    for page in file_backed.iter().cloned().flat_map(page_ranges) {
        if !image.equals_page(memory, page.clone()) {
            image.restore(memory, page);
        }
    }
    Ok(())
}
