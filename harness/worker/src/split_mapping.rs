//! Mappings without memory: a reserved address range that is split by changing the protection of parts of it. Each
//! split adds one mapping (VMA), and no page is ever touched.

use std::{ffi::c_void, io, ptr::null_mut};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// The range; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct SplitMapping {
    start: *mut c_void,
    pages: usize,
    splits: usize,
}

// SAFETY: the range belongs to this value alone, and nothing reads or writes it.
unsafe impl Send for SplitMapping {}
// SAFETY: as above; it changes only through `&mut`.
unsafe impl Sync for SplitMapping {}

impl SplitMapping {
    /// Reserves a range that can be split this many times. It is initially one mapping.
    pub(crate) fn reserve(splits: usize) -> io::Result<Self> {
        let pages = splits + 1;
        let bytes = pages.checked_mul(rustix::param::page_size()).ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses the address, so no mapping is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), bytes, ProtFlags::empty(), flags) }?;
        Ok(Self { start, pages, splits: 0 })
    }

    /// Splits the last mapping at the next page, by toggling the read permission of everything from there on.
    pub(crate) fn split(&mut self) -> io::Result<()> {
        let next = self.splits + 1;
        if next >= self.pages {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let page = rustix::param::page_size();
        let protection = if next % 2 == 1 { MprotectFlags::READ } else { MprotectFlags::empty() };
        // SAFETY: the addresses are a part of the range, which nothing points into.
        unsafe { mprotect(self.start.byte_add(next * page), (self.pages - next) * page, protection) }?;
        self.splits = next;
        Ok(())
    }
}

impl Drop for SplitMapping {
    fn drop(&mut self) {
        // SAFETY: this is the whole range, which `reserve` mapped and nothing uses after this.
        let _ = unsafe { munmap(self.start, self.pages * rustix::param::page_size()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_split_adds_one_mapping() {
        let mut range = SplitMapping::reserve(20).expect("reserved");
        let page = rustix::param::page_size();
        let (start, end) = (range.start.addr() as u64, range.start.addr() as u64 + 21 * page as u64);
        // Mappings of neighbours with the same protection may include a part of the range.
        let mappings = || {
            let maps = procfs::process::Process::myself().and_then(|me| me.maps()).expect("readable");
            maps.iter().filter(|map| map.address.0 < end && start < map.address.1).count()
        };
        assert_eq!(mappings(), 1);
        for splits in 1..=20 {
            range.split().expect("protected");
            assert_eq!(mappings(), 1 + splits);
        }
        assert!(range.split().is_err(), "the range is exhausted");
    }
}
