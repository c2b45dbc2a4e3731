//! Write protection that the kernel lifts by itself at the first write: userfaultfd(2) in `WP_ASYNC` mode
//! (Linux 6.7). No fault is delivered to user space; [`super::Pagemap`] reports which pages were written.
//!
//! ```text
//!   protect     every page: write-protected, not `Written`
//!   a write     one fault, 0.5 to 0.7 us; the page is writable again and `Written`
//!   protect     the written pages only
//! ```

use std::{io, ops::Range, os::fd::OwnedFd};

use linux_raw_sys::general::{
    UFFD_API, UFFD_FEATURE_WP_ASYNC, UFFD_USER_MODE_ONLY, UFFDIO_REGISTER_MODE_WP, uffdio_api, uffdio_range,
    uffdio_register, uffdio_writeprotect,
};
use rustix::{
    ioctl::{Opcode, Updater, ioctl, opcode},
    mm::{UserfaultfdFlags, userfaultfd},
};

use super::whole_pages;

// include/uapi/linux/userfaultfd.h
const UFFDIO_API: Opcode = opcode::read_write::<uffdio_api>(0xAA, 0x3F);
const UFFDIO_REGISTER: Opcode = opcode::read_write::<uffdio_register>(0xAA, 0x00);
const UFFDIO_WRITEPROTECT: Opcode = opcode::read_write::<uffdio_writeprotect>(0xAA, 0x06);
const UFFDIO_WRITEPROTECT_MODE_WP: u64 = 1;

/// Write protection of one memory of the process that created it. Dropping it lifts the protection, unless a
/// fork of the process still holds a copy. The pages of a fork are not protected, and dropping the fork's
/// copy changes nothing.
#[derive(Debug)]
pub(crate) struct WriteProtection {
    fd: OwnedFd,
    /// Address range of the registered memory.
    registered: Range<usize>,
}

impl WriteProtection {
    /// # Errors
    /// When this kernel lacks userfaultfd or `WP_ASYNC`, or the process may not use it.
    pub(crate) fn supported() -> io::Result<()> {
        Self::open().map(drop)
    }

    fn open() -> io::Result<OwnedFd> {
        // Faults are never delivered, so the unprivileged mode suffices.
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::from_bits_retain(UFFD_USER_MODE_ONLY);
        // SAFETY: a new descriptor with no range registered affects no memory.
        let fd = unsafe { userfaultfd(flags) }?;
        let mut api = uffdio_api { api: UFFD_API.into(), features: UFFD_FEATURE_WP_ASYNC.into(), ioctls: 0 };
        // SAFETY: the argument has the type of this opcode; it negotiates features and touches no memory.
        unsafe { ioctl(&fd, Updater::<UFFDIO_API, _>::new(&mut api)) }?;
        Ok(fd)
    }

    /// Registers a memory without protecting it yet.
    ///
    /// # Errors
    /// As [`WriteProtection::supported`], and when the memory is already registered elsewhere.
    pub(crate) fn register(memory: &mut [u8]) -> io::Result<Self> {
        let fd = Self::open()?;
        let (start, length) = whole_pages(memory)?;
        let range = uffdio_range { start: start.addr() as u64, len: length as u64 };
        let mut register = uffdio_register { range, mode: UFFDIO_REGISTER_MODE_WP.into(), ioctls: 0 };
        // SAFETY: the argument has the type of this opcode. In asynchronous mode the range stays readable and
        // writable for everyone: the kernel resolves each fault itself.
        unsafe { ioctl(&fd, Updater::<UFFDIO_REGISTER, _>::new(&mut register)) }?;
        Ok(Self { fd, registered: start.addr()..start.addr() + length })
    }

    /// Whether this is the memory that was registered.
    pub(crate) fn covers(&self, memory: &[u8]) -> bool {
        let range = memory.as_ptr_range();
        self.registered == (range.start.addr()..range.end.addr())
    }

    /// Protects the pages: the next write to each is recorded.
    ///
    /// # Errors
    /// When the pages were never registered, or the kernel lacks memory for page tables.
    pub(crate) fn protect(&self, pages: &mut [u8]) -> io::Result<()> {
        self.set(pages, UFFDIO_WRITEPROTECT_MODE_WP)
    }

    /// Lifts the protection: writes cost nothing and are not recorded.
    ///
    /// # Errors
    /// As [`WriteProtection::protect`].
    pub(crate) fn lift(&self, pages: &mut [u8]) -> io::Result<()> {
        self.set(pages, 0)
    }

    fn set(&self, pages: &mut [u8], mode: u64) -> io::Result<()> {
        let (start, length) = whole_pages(pages)?;
        let range = uffdio_range { start: start.addr() as u64, len: length as u64 };
        let mut protect = uffdio_writeprotect { range, mode };
        // SAFETY: the argument has the type of this opcode. The kernel rejects ranges that are not registered
        // with this descriptor; registered ranges stay readable and writable (see `register`).
        Ok(unsafe { ioctl(&self.fd, Updater::<UFFDIO_WRITEPROTECT, _>::new(&mut protect)) }?)
    }
}
