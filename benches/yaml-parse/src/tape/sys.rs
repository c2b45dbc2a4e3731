//! Mapping a file, a window of it, and giving its pages back: all `unsafe` of the document library.

use std::{fs::File, io, ops::Range};

use memmap2::{Advice, Mmap, UncheckedAdvice};
use rustix::io::Errno;

/// Maps a file for reading.
///
/// # Safety
/// While the mapping lives nobody may write to the file or cut it: the bytes would change under a
/// `&str`, and a page past the new end is a SIGBUS.
pub(super) unsafe fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: passed on to the caller.
    unsafe { Mmap::map(file) }
}

/// Takes the pages of a range out of memory ([madvise(2)], `MADV_DONTNEED`). The next touch reads them
/// from the page cache again. What the system refuses stays in memory, which is harmless.
///
/// [madvise(2)]: https://man7.org/linux/man-pages/man2/madvise.2.html
pub(super) fn give_back(map: &Mmap, range: Range<usize>) {
    // SAFETY: the mapping is of a file, shared and read-only: a dropped page reads the same again, so
    // references into the range stay valid.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
}

/// Brings a range into memory as the one that is read ([madvise(2)], `MADV_SEQUENTIAL` and
/// `MADV_POPULATE_READ`, Linux 5.14). `false` where a part of it is no longer in the file, which a touch
/// would tell by SIGBUS.
///
/// The advice makes the range a mapping of its own to the kernel, and this is the point: since Linux 6.18
/// a fault maps a whole folio of the page cache, which may have 2 MiB, but only one within the mapping.
///
/// [madvise(2)]: https://man7.org/linux/man-pages/man2/madvise.2.html
pub(super) fn focus(map: &Mmap, range: Range<usize>) -> bool {
    let _ = map.advise_range(Advice::Sequential, range.start, range.len());
    let populated = map.advise_range(Advice::PopulateRead, range.start, range.len());
    // Any other refusal, of an old kernel say, leaves it to the faults.
    !populated.is_err_and(|error| error.raw_os_error() == Some(Errno::FAULT.raw_os_error()))
}

/// Ends what [`focus`] began: the range is of one mapping with its neighbours again.
pub(super) fn unfocus(map: &Mmap, range: Range<usize>) {
    let _ = map.advise_range(Advice::Normal, range.start, range.len());
}

/// The text of bytes that were checked before.
///
/// # Safety
/// They must be UTF-8.
pub(super) unsafe fn checked_text(bytes: &[u8]) -> &str {
    // SAFETY: passed on to the caller.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
