//! Mapping a file, focusing on a window of it and releasing its pages, and words as bytes. It contains all `unsafe` code of the document
//! library.

use std::{fs::File, io, ops::Range};

use memmap2::{Advice, Mmap, UncheckedAdvice};
use rustix::io::Errno;

use crate::Word;

/// Maps a file for reading.
///
/// # Safety
/// The file must not be modified or truncated while the mapping lives: the bytes would change under a `&str`, and
/// accessing a page past the new end raises SIGBUS.
pub(crate) unsafe fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the caller upholds the contract.
    unsafe { Mmap::map(file) }
}

/// Releases the pages of a range ([madvise(2)], `MADV_DONTNEED`). The next access maps them from the page cache again.
/// If the system call fails, the pages stay in memory, which is harmless.
///
/// [madvise(2)]: https://man7.org/linux/man-pages/man2/madvise.2.html
pub(crate) fn give_back(map: &Mmap, range: Range<usize>) {
    // SAFETY: the mapping is a shared read-only mapping of a file. A released page has the same content when accessed
    // again, so references into the range stay valid.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
}

/// Loads a range as the current window ([madvise(2)], `MADV_SEQUENTIAL` and `MADV_POPULATE_READ`, Linux 5.14). Returns
/// `false` if part of it is no longer in the file, where an access would raise SIGBUS.
///
/// The purpose of the advice is to make the range a separate mapping in the kernel: since Linux 6.18, a fault maps a
/// whole folio of the page cache, which can be 2 MiB, but only one that lies within the mapping.
///
/// [madvise(2)]: https://man7.org/linux/man-pages/man2/madvise.2.html
pub(crate) fn focus(map: &Mmap, range: Range<usize>) -> bool {
    let _ = map.advise_range(Advice::Sequential, range.start, range.len());
    let populated = map.advise_range(Advice::PopulateRead, range.start, range.len());
    // On any other error, such as on an old kernel, page faults load the range.
    !populated.is_err_and(|error| error.raw_os_error() == Some(Errno::FAULT.raw_os_error()))
}

/// Loads all pages of a mapping at once, which is faster than one fault after the other. If the system call fails, page
/// faults load them.
pub(crate) fn load(map: &Mmap) {
    let _ = map.advise(Advice::PopulateRead);
}

/// Reverts [`focus`]: the kernel merges the range with the adjacent mappings again.
pub(crate) fn unfocus(map: &Mmap, range: Range<usize>) {
    let _ = map.advise_range(Advice::Normal, range.start, range.len());
}

/// Returns the bytes of words, to write them to a file.
pub(crate) fn bytes_of(words: &[Word]) -> &[u8] {
    // SAFETY: a word is a transparent `u64`, which has no padding, and a byte has no alignment.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// Returns bytes as words.
///
/// # Safety
/// `W` must be [`Word`], for which every bit pattern is valid.
pub(crate) unsafe fn words<W>(bytes: &[u8]) -> &[W] {
    // SAFETY: the caller upholds the contract; `align_to` leaves out what is not aligned or incomplete.
    unsafe { bytes.align_to().1 }
}

/// Returns bytes that were checked before as text.
///
/// # Safety
/// The bytes must be valid UTF-8.
pub(crate) unsafe fn checked_text(bytes: &[u8]) -> &str {
    // SAFETY: the caller upholds the contract.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

/// Returns bytes that were checked before as a text.
///
/// # Safety
/// The bytes must be valid UTF-8.
pub(crate) unsafe fn checked_string(bytes: Vec<u8>) -> String {
    // SAFETY: the caller upholds the contract.
    unsafe { String::from_utf8_unchecked(bytes) }
}
