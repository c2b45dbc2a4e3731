//! Which stack faulted each page in last, and which of those pages are private memory of the process now.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use highwater_model::Category;

use super::ranges::Ranges;

/// Bits of an entry of `/proc/PID/pagemap`:
/// [pagemap](https://docs.kernel.org/admin-guide/mm/pagemap.html)
const PRESENT: u64 = 1 << 63;
/// A page of a file, or shared anonymous memory.
const OF_FILE: u64 = 1 << 61;
/// Mapped by this process alone. The shared page of zeros is not.
const EXCLUSIVE: u64 = 1 << 56;
/// Pages of a huge page on x86-64 and on aarch64 with pages of 4 KiB.
const HUGE_BYTES: u64 = 2 << 20;

/// Which stack each page has its content from.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// The stack that faulted each page in last, by page number.
    faulted: BTreeMap<u64, usize>,
    filled: Ranges,
}

/// What a stack touched first, in one category of mappings, that is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) stack: usize,
    pub(super) category: Category,
    pub(super) page: u64,
}

impl Pages {
    pub(super) fn faulted(&mut self, page: u64, stack: usize) {
        self.faulted.insert(page, stack);
    }

    /// A system call of a stack filled the pages of a range that had no content.
    pub(super) fn filled(&mut self, pages: Range<u64>, stack: usize) {
        self.filled.fill(pages, stack);
    }

    /// The pages of a range have no content any more.
    pub(super) fn dropped(&mut self, pages: &Range<u64>) {
        if pages.is_empty() {
            return;
        }
        let dropped: Vec<u64> = self.faulted.range(pages.clone()).map(|(page, _)| *page).collect();
        for page in dropped {
            self.faulted.remove(&page);
        }
        self.filled.drop_range(pages);
    }

    /// The private pages of a paused process, by address. A page without a fault that is in the same huge page as one
    /// with a fault belongs to the latter's stack, unless a system call filled it.
    ///
    /// # Errors
    /// If the page map cannot be read.
    pub(super) fn private(
        &self,
        pid: u32,
        page_size: u64,
        mappings: &[(Range<u64>, Category)],
    ) -> Result<Vec<Touched>, (PathBuf, io::Error)> {
        let path = Path::new("/proc").join(pid.to_string()).join("pagemap");
        let map = File::open(&path).map_err(|error| (path.clone(), error))?;
        let mut touched = Vec::new();
        for (range, category) in mappings {
            let (first, end) = (range.start / page_size, range.end / page_size);
            let per_block = HUGE_BYTES / page_size;
            let mut next = first;
            while let Some(page) = self.next_known(next..end) {
                // The part of the mapping in the block of this page.
                let block = page / per_block * per_block;
                let (start, stop) = (block.max(first), (block + per_block).min(end));
                let mut owner = self.faulted.range(start..stop).next().map(|(_, stack)| *stack);
                let mut entries = vec![0; (stop - start) as usize * 8];
                map.read_exact_at(&mut entries, start * 8).map_err(|error| (path.clone(), error))?;
                let mut inside = self.faulted.range(start..stop).peekable();
                for (number, entry) in (start..stop).zip(entries.chunks_exact(8)) {
                    let own = inside.next_if(|(page, _)| **page == number).map(|(_, stack)| *stack);
                    owner = own.or(owner);
                    if is_private(entry)
                        && let Some(stack) = own.or_else(|| self.filled.owner(number)).or(owner)
                    {
                        touched.push(Touched { stack, category: *category, page: number });
                    }
                }
                next = stop;
            }
        }
        Ok(touched)
    }

    /// The first page of a range whose stack is known.
    fn next_known(&self, pages: Range<u64>) -> Option<u64> {
        let faulted = self.faulted.range(pages.clone()).next().map(|(page, _)| *page);
        let filled = self.filled.next_from(pages.start).filter(|page| *page < pages.end);
        faulted.into_iter().chain(filled).min()
    }
}

fn is_private(entry: &[u8]) -> bool {
    let entry = entry.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    entry & (PRESENT | OF_FILE | EXCLUSIVE) == PRESENT | EXCLUSIVE
}

#[cfg(test)]
mod tests {
    use memmap2::MmapMut;

    use super::*;

    #[test]
    fn private_pages_have_the_stack_of_their_fault() {
        let page_size = rustix::param::page_size() as u64;
        let mut memory = MmapMut::map_anon(8 * page_size as usize).expect("memory");
        let first = memory.as_ptr().addr() as u64;
        memory[page_size as usize] = 1;
        std::hint::black_box(memory[5 * page_size as usize]);
        memory[6 * page_size as usize] = 1;
        let mut pages = Pages::default();
        for (page, stack) in [(1, 10), (5, 20), (6, 30), (7, 40)] {
            pages.faulted(first / page_size + page, stack);
        }
        let range = first..first + 8 * page_size;
        let found = pages.private(std::process::id(), page_size, &[(range, Category::Other)]).expect("readable");
        let expected = [(10, 1), (30, 6)].map(|(stack, page)| Touched {
            stack,
            category: Category::Other,
            page: first / page_size + page,
        });
        assert_eq!(found, expected, "only read and never touched pages are not private");
    }

    #[test]
    fn pages_that_a_system_call_filled_have_its_stack_until_they_are_dropped() {
        let page_size = rustix::param::page_size() as u64;
        let mut memory = MmapMut::map_anon(8 * page_size as usize).expect("memory");
        let first = memory.as_ptr().addr() as u64 / page_size;
        for page in [1, 2, 3, 5] {
            memory[page * page_size as usize] = 1;
        }
        let mut pages = Pages::default();
        pages.faulted(first + 1, 10);
        pages.faulted(first + 2, 10);
        pages.dropped(&(first + 2..first + 8));
        pages.filled(first + 2..first + 4, 20);
        let range = first * page_size..(first + 8) * page_size;
        let found = pages.private(std::process::id(), page_size, &[(range, Category::Other)]).expect("readable");
        let stacks: Vec<(u64, usize)> = found.iter().map(|touched| (touched.page - first, touched.stack)).collect();
        // The last one is near a page with a fault.
        assert_eq!(stacks, [(1, 10), (2, 20), (3, 20), (5, 10)]);
        assert_eq!(pages.next_known(first..first + 8), Some(first + 1));
        assert_eq!(pages.next_known(first + 4..first + 8), None);
    }
}
