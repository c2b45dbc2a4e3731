//! Which address space this is. A fork copies it, while the descriptors of a page map or of userfaultfd(2)
//! that were opened before still act on the parent's: whoever keeps one compares before using it.
//!
//! A page that the kernel wipes in every copy (`MADV_WIPEONFORK`, Linux 4.14) holds a number. A process id
//! would not do: a child in a PID namespace of its own may have its parent's.

use std::{
    io,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::page_size;

/// The wiped page; null until somebody asks. Without a lock, which a fork could copy while it is taken.
static MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(null_mut());

/// The last number given out in this address space or in one that it was copied from.
static LAST: AtomicU64 = AtomicU64::new(0);

/// An address space, different from those that it was copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressSpace(u64);

impl AddressSpace {
    /// The one that this code runs in: reads a number in memory.
    ///
    /// # Errors
    /// When the page cannot be mapped or wiped; only the first call in a process maps it.
    pub(crate) fn current() -> io::Result<Self> {
        let mark = mark()?;
        match mark.load(Ordering::Relaxed) {
            0 => {
                let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
                // Another thread may have been first.
                let given = mark.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
                Ok(Self(given.map_or_else(|first| first, |_| number)))
            }
            number => Ok(Self(number)),
        }
    }
}

fn mark() -> io::Result<&'static AtomicU64> {
    let mut mark = MARK.load(Ordering::Acquire);
    if mark.is_null() {
        let page = map_wiped_page()?.as_ptr();
        mark = match MARK.compare_exchange(null_mut(), page, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => page,
            Err(first) => {
                // SAFETY: the page was mapped above, and nobody else was given its address.
                unsafe { munmap(page.cast(), page_size()) }?;
                first
            }
        };
    }
    // SAFETY: a mapped page that is never unmapped; zeros, which a fork makes of it, are a valid number.
    Ok(unsafe { &*mark })
}

fn map_wiped_page() -> io::Result<NonNull<AtomicU64>> {
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the address, so no mapping of anybody is replaced.
    let page = unsafe { mmap_anonymous(null_mut(), page_size(), rights, MapFlags::PRIVATE) }?;
    // SAFETY: the mapping that was just made; the advice changes what a fork copies, and no byte here.
    if let Err(error) = unsafe { madvise(page, page_size(), Advice::LinuxWipeOnFork) } {
        // SAFETY: the same mapping, of which nobody has the address.
        unsafe { munmap(page, page_size()) }?;
        return Err(error.into());
    }
    NonNull::new(page.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
