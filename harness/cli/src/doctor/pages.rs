//! Anonymous pages that the worker of the trial dirties.

use std::{ffi::c_void, io, ptr};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Private anonymous pages, untouched until [`TestPages::dirty`]; unmapped on drop.
#[derive(Debug)]
pub(super) struct TestPages {
    start: *mut c_void,
    pages: usize,
}

impl TestPages {
    pub(super) fn map(pages: usize) -> io::Result<Self> {
        let size = pages * rustix::param::page_size();
        // SAFETY: a new mapping at an address chosen by the kernel aliases nothing.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)? };
        Ok(Self { start, pages })
    }

    pub(super) fn address(&self) -> usize {
        self.start.addr()
    }

    fn size(&self) -> usize {
        self.pages * rustix::param::page_size()
    }

    /// Writes to a page. The index wraps around.
    pub(super) fn dirty(&mut self, page: usize) {
        let offset = page % self.pages * rustix::param::page_size();
        // SAFETY: the offset is inside the mapping, which is writable, lives as long as `self`, and is
        // accessed exclusively (`&mut`).
        unsafe { self.start.cast::<u8>().add(offset).write_volatile(1) };
    }
}

impl Drop for TestPages {
    fn drop(&mut self) {
        // SAFETY: this is exactly the mapping that `map` created, and no borrow of it outlives `self`.
        // On failure a few pages stay mapped, which is harmless.
        let _ = unsafe { munmap(self.start, self.size()) };
    }
}
