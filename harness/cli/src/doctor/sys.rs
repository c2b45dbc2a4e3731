//! The raw system calls of the doctor: pages of its own to try things on, and the few calls that
//! rustix does not have. Each is one short function with its proof.

use std::{
    ffi::c_void,
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    ptr,
};

use rustix::{
    ioctl::{Updater, ioctl, opcode},
    mm::{MapFlags, ProtFlags, UserfaultfdFlags, mmap_anonymous, munmap, userfaultfd},
    process::{PidfdFlags, getpid, pidfd_open},
};

/// Anonymous private pages, untouched until [`Ground::dirty`]; unmapped when dropped.
#[derive(Debug)]
pub(super) struct Ground {
    start: *mut c_void,
    pages: usize,
}

impl Ground {
    pub(super) fn map(pages: usize) -> io::Result<Self> {
        let size = pages * rustix::param::page_size();
        // SAFETY: a new mapping at a place of the kernel's choice aliases nothing.
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

    /// Writes to a page; one beyond the last counts from the first again.
    pub(super) fn dirty(&mut self, page: usize) {
        let offset = page % self.pages * rustix::param::page_size();
        // SAFETY: the offset lies in the mapping, which is writable, lives as long as `self`, and is
        // reached by nobody else (`&mut`).
        unsafe { self.start.cast::<u8>().add(offset).write_volatile(1) };
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `map` made; nothing borrowed from it outlives `self`.
        // A refusal would leave a few pages mapped, which harms nobody.
        let _ = unsafe { munmap(self.start, self.size()) };
    }
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct PageScan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of `linux/fs.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGEMAP_SCAN: rustix::ioctl::Opcode = opcode::read_write::<PageScan>(b'f', 16);

/// How many pages of `ground` are present, by the ioctl `PAGEMAP_SCAN` (Linux 6.7); as far as they
/// lie in up to eight pieces.
/// [PAGEMAP_SCAN(2const)](https://man7.org/linux/man-pages/man2/PAGEMAP_SCAN.2const.html)
pub(super) fn scan_pagemap(ground: &Ground) -> io::Result<usize> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let mut regions = [PageRegion::default(); 8];
    let start = ground.address() as u64;
    let mut scan = PageScan {
        size: size_of::<PageScan>() as u64,
        start,
        end: start + ground.size() as u64,
        vec: regions.as_mut_ptr().expose_provenance() as u64,
        vec_len: regions.len() as u64,
        category_mask: PAGE_IS_PRESENT,
        return_mask: PAGE_IS_PRESENT,
        ..PageScan::default()
    };
    // SAFETY: opcode and struct are those of linux/fs.h, `vec` and `vec_len` describe `regions`,
    // which outlives the call, and without flags the scan changes no page.
    unsafe { ioctl(&pagemap, Updater::<PAGEMAP_SCAN, PageScan>::new(&mut scan))? };
    let bytes: u64 = regions.iter().map(|region| region.end - region.start).sum();
    Ok(bytes as usize / rustix::param::page_size())
}

/// `struct uffdio_api` of `linux/userfaultfd.h`.
#[repr(C)]
struct UserfaultfdApi {
    api: u64,
    features: u64,
    ioctls: u64,
}

const UFFD_API: u64 = 0xaa;
const UFFD_FEATURE_WP_ASYNC: u64 = 1 << 15;
const UFFDIO_API: rustix::ioctl::Opcode = opcode::read_write::<UserfaultfdApi>(0xaa, 0x3f);

/// Asks for a userfaultfd with asynchronous write protection (Linux 6.7).
/// [userfaultfd(2)](https://man7.org/linux/man-pages/man2/userfaultfd.2.html)
pub(super) fn try_userfaultfd(flags: UserfaultfdFlags) -> io::Result<()> {
    // SAFETY: no range is ever registered with it, so no fault of this process depends on it.
    let fd: OwnedFd = unsafe { userfaultfd(flags | UserfaultfdFlags::CLOEXEC)? };
    let mut api = UserfaultfdApi { api: UFFD_API, features: UFFD_FEATURE_WP_ASYNC, ioctls: 0 };
    // SAFETY: opcode and struct are those of linux/userfaultfd.h; the kernel only fills the struct.
    unsafe { ioctl(&fd, Updater::<UFFDIO_API, UserfaultfdApi>::new(&mut api))? };
    Ok(())
}

/// Advises the kernel that `ground` is cold, by `process_madvise` on this process (Linux 5.10).
/// [process_madvise(2)](https://man7.org/linux/man-pages/man2/process_madvise.2.html)
pub(super) fn try_process_madvise(ground: &Ground) -> io::Result<()> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let range = libc::iovec { iov_base: ground.start, iov_len: ground.size() };
    // SAFETY: one iovec that outlives the call, over a mapping that is `ground`'s own; MADV_COLD
    // changes no content.
    let advised = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            own.as_raw_fd(),
            ptr::from_ref(&range),
            1_usize,
            libc::MADV_COLD,
            0_usize,
        )
    };
    if advised == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
