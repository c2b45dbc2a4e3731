//! The raw system calls and C library functions of a worker, each wrapped in one short function.

use std::{
    io,
    ops::Range,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
    ptr::null_mut,
};

use highwater_model::Metric;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

use crate::protocol::WORKER_FD;

/// The socket to the parent, in a process that was started as a worker. Must be called at most once.
///
/// # Errors
/// If this process was not started as a worker.
pub fn worker_channel() -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is only borrowed for one call, which returns an error if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(WORKER_FD) };
    rustix::io::fcntl_getfd(borrowed)?;
    // SAFETY: it is open (just checked), the parent created it for this purpose, and nothing else in a worker owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(WORKER_FD) })
}

/// Bytes in use and bytes retained by malloc; `None` if the C library does not report them.
/// [mallinfo2(3)](https://man7.org/linux/man-pages/man3/mallinfo.3.html)
pub(crate) fn heap_figures() -> Option<[(Metric, u64); 2]> {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes no arguments and returns a plain struct by value.
        let info = unsafe { libc::mallinfo2() };
        let (in_use, retained) = (info.uordblks + info.hblkhd, info.arena + info.hblkhd);
        Some([(Metric::HeapInUse, in_use as u64), (Metric::HeapRetained, retained as u64)])
    }
    #[cfg(not(target_env = "gnu"))]
    None
}

/// Returns free heap to the system, if the C library supports it.
/// [malloc_trim(3)](https://man7.org/linux/man-pages/man3/malloc_trim.3.html)
pub(crate) fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Size of [`use_signal_stack`]'s stack: with this much wasmtime uses the present one instead of mapping its own.
const SIGNAL_STACK: usize = 256 << 10;

/// Gives the calling thread a stack for signal handlers whose pages are all resident, and returns its addresses. It stays
/// mapped for as long as the process runs.
///
/// The kernel saves the registers of the interrupted code on it, which are 1 to 12 KiB depending on the CPU
/// (`AT_MINSIGSTKSZ`). Without this, the first trap of a WebAssembly guest adds one page on one machine and two on another.
/// [sigaltstack(2)](https://man7.org/linux/man-pages/man2/sigaltstack.2.html)
pub(crate) fn use_signal_stack() -> io::Result<Range<usize>> {
    let page = rustix::param::page_size();
    // Guard pages on both sides: the kernel would merge the stack with a neighbouring mapping of the case.
    // SAFETY: the kernel chooses the address, so no mapping is replaced.
    let guard = unsafe { mmap_anonymous(null_mut(), SIGNAL_STACK + 2 * page, ProtFlags::empty(), MapFlags::PRIVATE) }?;
    // SAFETY: within the mapping that was just made, which nothing else points into.
    let start = unsafe {
        let start = guard.byte_add(page);
        mprotect(start, SIGNAL_STACK, MprotectFlags::READ | MprotectFlags::WRITE)?;
        start.cast::<u8>().write_bytes(1, SIGNAL_STACK);
        start
    };
    let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: SIGNAL_STACK };
    // SAFETY: the stack is mapped, is never unmapped, and belongs to this thread alone.
    match unsafe { libc::sigaltstack(&raw const stack, null_mut()) } {
        0 => Ok(start.addr()..start.addr() + SIGNAL_STACK),
        _ => Err(io::Error::last_os_error()),
    }
}
