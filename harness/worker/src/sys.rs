//! The raw system calls and C library functions of a worker, each one short function with its proof.

use std::{
    io,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
};

use highwater_model::Metric;

use crate::protocol::WORKER_FD;

/// The socket to the parent, in a process that was started as a worker. To be called once.
///
/// # Errors
/// When this process was not started as a worker.
pub fn worker_channel() -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is only borrowed for one call that fails cleanly if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(WORKER_FD) };
    rustix::io::fcntl_getfd(borrowed)?;
    // SAFETY: it is open (just checked), was put there for this purpose by the parent, and nothing
    // else in a worker owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(WORKER_FD) })
}

/// Bytes in use and bytes retained by malloc; `None` where the C library does not tell.
/// [mallinfo2(3)](https://man7.org/linux/man-pages/man3/mallinfo.3.html)
pub(crate) fn heap_figures() -> Option<[(Metric, u64); 2]> {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes nothing and returns a plain struct by value.
        let info = unsafe { libc::mallinfo2() };
        let (in_use, retained) = (info.uordblks + info.hblkhd, info.arena + info.hblkhd);
        Some([(Metric::HeapInUse, in_use as u64), (Metric::HeapRetained, retained as u64)])
    }
    #[cfg(not(target_env = "gnu"))]
    None
}

/// Gives free heap back to the system, as far as the C library can.
/// [malloc_trim(3)](https://man7.org/linux/man-pages/man3/malloc_trim.3.html)
pub(crate) fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
