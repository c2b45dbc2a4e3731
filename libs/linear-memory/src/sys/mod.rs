//! All `unsafe` code of this crate: system calls that act on a linear memory, each a short function over a
//! slice, so that it can only touch memory that its caller owns.
//!
//! A memory is passed as a `&mut [u8]` of whole pages. While such a borrow lives, nothing else reads or
//! writes these bytes, so a call may do anything with the pages as long as the bytes stay readable and
//! writable. [`whole_pages`] is the only place that makes a raw pointer of a slice: the kernel rounds lengths
//! up, and would otherwise affect the adjacent page.

mod address_space;
mod advice;
mod image_file;
mod maps;
mod pagemap;
mod process;
mod protection;
pub(crate) mod smaps;

pub(crate) use address_space::AddressSpace;
pub(crate) use advice::{
    allow_huge_pages, can_populate, collapse, discard, huge_pages, lock, lock_on_fault, page_out, populate,
    populate_read, unlock, will_need,
};
pub(crate) use image_file::ImageFile;
pub(crate) use maps::file_backed;
pub(crate) use pagemap::{Change, Pagemap, Pages};
pub(crate) use process::{minor_faults, thread_cpu_ns};
pub use process::{pin_thread, touch};
pub(crate) use protection::WriteProtection;

use std::{ffi::c_void, io};

/// The size of an OS page in bytes.
#[must_use]
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// The raw range of a slice of whole pages.
fn whole_pages(memory: &mut [u8]) -> io::Result<(*mut c_void, usize)> {
    let page = page_size();
    if memory.as_ptr().addr().is_multiple_of(page) && memory.len().is_multiple_of(page) {
        Ok((memory.as_mut_ptr().cast(), memory.len()))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "the memory is not made of whole pages"))
    }
}
