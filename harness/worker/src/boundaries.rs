//! Mappings without memory: a reserved range whose protection changes at more and more pages. Each change adds one
//! mapping (VMA), and no page is ever touched.

use std::{ffi::c_void, io, ptr::null_mut};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// The range; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Boundaries {
    start: *mut c_void,
    pages: usize,
    added: usize,
}

// SAFETY: the range belongs to this value alone, and nothing reads or writes it.
unsafe impl Send for Boundaries {}
// SAFETY: as above; it changes only through `&mut`.
unsafe impl Sync for Boundaries {}

impl Boundaries {
    /// Reserves room for this many boundaries, one mapping so far.
    pub(crate) fn reserve(boundaries: usize) -> io::Result<Self> {
        let pages = boundaries + 1;
        let bytes = pages.checked_mul(rustix::param::page_size()).ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses the address, so no mapping is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), bytes, ProtFlags::empty(), flags) }?;
        Ok(Self { start, pages, added: 0 })
    }

    /// Adds a boundary: from the next page on, the range can be read, or no longer.
    pub(crate) fn add(&mut self) -> io::Result<()> {
        let next = self.added + 1;
        if next >= self.pages {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let page = rustix::param::page_size();
        let protection = if next % 2 == 1 { MprotectFlags::READ } else { MprotectFlags::empty() };
        // SAFETY: a part of the range, which nothing points into.
        unsafe { mprotect(self.start.byte_add(next * page), (self.pages - next) * page, protection) }?;
        self.added = next;
        Ok(())
    }
}

impl Drop for Boundaries {
    fn drop(&mut self) {
        // SAFETY: the whole range, mapped by `reserve` and not used after this.
        let _ = unsafe { munmap(self.start, self.pages * rustix::param::page_size()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_boundary_adds_one_mapping_and_no_page() {
        let mut range = Boundaries::reserve(20).expect("reserved");
        let page = rustix::param::page_size();
        let (start, end) = (range.start.addr() as u64, range.start.addr() as u64 + 21 * page as u64);
        // Neighbours with the same protection may share a mapping with the range.
        let mappings = || {
            let maps = procfs::process::Process::myself().and_then(|me| me.maps()).expect("readable");
            maps.iter().filter(|map| map.address.0 < end && start < map.address.1).count()
        };
        assert_eq!(mappings(), 1);
        for added in 1..=20 {
            range.add().expect("protected");
            assert_eq!(mappings(), 1 + added);
        }
        assert!(range.add().is_err(), "no room");
    }
}
