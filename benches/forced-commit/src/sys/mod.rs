//! All `unsafe` of this crate: the system calls that act on a linear memory, each one short function
//! over a slice, so that what it may touch is what its caller owns.
//!
//! A memory is passed as `&mut [u8]` of whole pages. While such a borrow lives nobody else reads or
//! writes these bytes, so a call may do with the pages what it likes as long as the bytes stay
//! readable and writable afterwards. [`whole_pages`] is the one gate to a raw pointer: the kernel
//! rounds lengths up, and would otherwise reach into the neighbour's page.

mod address_space;
mod advice;
mod mapping;
mod maps;
mod pagemap;
mod process;
mod protection;
pub(crate) mod smaps;
mod target;

pub(crate) use address_space::AddressSpace;
pub(crate) use advice::{
    allow_huge_pages, can_populate, collapse, discard, huge_pages, lock, lock_on_fault, page_out, populate,
    populate_read, will_need,
};
pub(crate) use mapping::{HostMemory, ImageFile};
pub(crate) use maps::file_backed;
pub(crate) use pagemap::{Change, Pagemap, Pages};
pub use process::{Child, Ended, pin_thread, touch};
pub(crate) use process::{load_module, minor_faults, thread_cpu};
pub(crate) use protection::WriteProtection;
pub(crate) use target::compile_for;

use std::{ffi::c_void, io};

/// Bytes of an OS page.
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
