//! Identifies the current address space. A fork copies it, but file descriptors of a page map or of
//! userfaultfd(2) that were opened before the fork still act on the parent's. Whoever keeps such a descriptor
//! compares address spaces before using it.
//!
//! The identity is a number in a page that the kernel wipes in every fork (`MADV_WIPEONFORK`, Linux 4.14). A
//! process id would not do: a child in its own PID namespace may have the same id as its parent.

use std::{
    io,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::page_size;

/// The wiped page; null until it is first needed. No lock guards it, since a fork could copy a lock while it
/// is held.
static MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(null_mut());

/// The last number assigned in this address space or in one that it was copied from.
static LAST: AtomicU64 = AtomicU64::new(0);

/// An address space. It differs from those that it was copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressSpace(u64);

impl AddressSpace {
    /// The address space that this code runs in. Costs one read from memory.
    ///
    /// # Errors
    /// When the page cannot be mapped or marked as wiped on fork. Only the first call in a process maps it.
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
                // SAFETY: the page was mapped above and its address was not shared.
                unsafe { munmap(page.cast(), page_size()) }?;
                first
            }
        };
    }
    // SAFETY: a mapped page that is never unmapped; the zeros that a fork leaves in it are a valid number.
    Ok(unsafe { &*mark })
}

fn map_wiped_page() -> io::Result<NonNull<AtomicU64>> {
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
    let page = unsafe { mmap_anonymous(null_mut(), page_size(), rights, MapFlags::PRIVATE) }?;
    // SAFETY: the mapping was just made; the advice changes what a fork copies, and no byte here.
    if let Err(error) = unsafe { madvise(page, page_size(), Advice::LinuxWipeOnFork) } {
        // SAFETY: the same mapping, whose address was not shared.
        unsafe { munmap(page, page_size()) }?;
        return Err(error.into());
    }
    NonNull::new(page.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
