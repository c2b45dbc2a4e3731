//! madvise(2) and mlock(2) over a slice.

use std::io;

use rustix::mm::{Advice, MlockFlags, madvise, mlock, mlock_with, munlock};

use super::whole_pages;

/// Applies advice. No advice passed here makes bytes unreadable or unwritable, and none changes them except
/// `LinuxDontNeed`, which is documented to.
fn advise(memory: &mut [u8], advice: Advice) -> io::Result<()> {
    let (start, length) = whole_pages(memory)?;
    // SAFETY: the range is whole pages of a slice that is borrowed for writing: nothing else accesses it
    // meanwhile, and afterwards it is still readable and writable bytes.
    Ok(unsafe { madvise(start, length, advice) }?)
}

/// Makes every page present and writable at once (`MADV_POPULATE_WRITE`, Linux 5.14). Contents do not change.
pub(crate) fn populate(memory: &mut [u8]) -> io::Result<()> {
    advise(memory, Advice::LinuxPopulateWrite)
}

/// Whether this kernel supports the advice: it checks the advice before the range, which is empty.
pub(crate) fn can_populate() -> io::Result<()> {
    // SAFETY: a range of no bytes.
    Ok(unsafe { madvise(std::ptr::null_mut(), 0, Advice::LinuxPopulateWrite) }?)
}

/// Makes every page readable. In a fresh private mapping this maps the zero page.
pub(crate) fn populate_read(memory: &mut [u8]) -> io::Result<()> {
    advise(memory, Advice::LinuxPopulateRead)
}

/// Asks for read-ahead, which anonymous memory has none of.
pub(crate) fn will_need(memory: &mut [u8]) -> io::Result<()> {
    advise(memory, Advice::WillNeed)
}

/// Lets 2 MiB pages back the memory (`MADV_HUGEPAGE`).
pub(crate) fn huge_pages(memory: &mut [u8]) -> io::Result<()> {
    advise(memory, Advice::LinuxHugepage)
}

/// Whether this process gets huge pages when it asks for them: they are not turned off for the machine or
/// with prctl(2).
pub(crate) fn allow_huge_pages() -> io::Result<bool> {
    if rustix::thread::transparent_huge_pages_are_disabled()? {
        return Ok(false);
    }
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let modes =
        std::fs::read_to_string(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    Ok(!modes.contains("[never]"))
}

/// Collapses small pages into huge pages (`MADV_COLLAPSE`, Linux 6.1). Contents do not change.
pub(crate) fn collapse(memory: &mut [u8]) -> io::Result<()> {
    let (start, length) = whole_pages(memory)?;
    // SAFETY: as in `advise`; rustix lacks this advice. It copies the bytes.
    match unsafe { libc::madvise(start, length, libc::MADV_COLLAPSE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Discards the pages. The next read returns zeros in an anonymous mapping, and the file's bytes in a private
/// mapping of a file.
pub(crate) fn discard(memory: &mut [u8]) -> io::Result<()> {
    advise(memory, Advice::LinuxDontNeed)
}

/// Swaps out every page that can be (`MADV_PAGEOUT`, Linux 5.4). Does nothing without swap.
pub(crate) fn page_out(memory: &mut [u8]) -> io::Result<()> {
    advise(memory, Advice::LinuxPageOut)
}

/// Makes every page present and pins it (mlock(2)). Needs `RLIMIT_MEMLOCK` or `CAP_IPC_LOCK`.
pub(crate) fn lock(memory: &mut [u8]) -> io::Result<()> {
    let (start, length) = whole_pages(memory)?;
    // SAFETY: as in `advise`; locking changes no byte.
    Ok(unsafe { mlock(start, length) }?)
}

/// Lets the pages be swapped out again (munlock(2)).
pub(crate) fn unlock(memory: &mut [u8]) -> io::Result<()> {
    let (start, length) = whole_pages(memory)?;
    // SAFETY: as in `advise`; unlocking changes no byte.
    Ok(unsafe { munlock(start, length) }?)
}

/// Pins pages when they are faulted in, and faults none in (mlock2(2), `MLOCK_ONFAULT`).
pub(crate) fn lock_on_fault(memory: &mut [u8]) -> io::Result<()> {
    let (start, length) = whole_pages(memory)?;
    // SAFETY: as in `advise`; locking changes no byte.
    Ok(unsafe { mlock_with(start, length, MlockFlags::ONFAULT) }?)
}
