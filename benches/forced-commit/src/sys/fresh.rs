//! A fresh anonymous mapping that the kernel populates: what committing takes without guest or library.

use std::{ffi::c_void, io, ptr::NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Alignment of the shares of threads: a huge page, so that no two threads populate parts of the same.
const BORDER: usize = 2 << 20;

/// A mapping of its own, backed by huge pages where allowed, unmapped when dropped. Nothing reads or writes it.
#[derive(Debug)]
pub(crate) struct Fresh {
    start: NonNull<c_void>,
    length: usize,
}

/// A part of a mapping.
struct Share(NonNull<c_void>, usize);

// SAFETY: only an address and a length; `Fresh::populate` joins the threads while it borrows the mapping.
unsafe impl Send for Share {}

impl Share {
    fn populate(self) -> io::Result<()> {
        // SAFETY: a part of a mapping that outlives the thread and that nobody refers to; the advice changes no byte.
        Ok(unsafe { madvise(self.0.as_ptr(), self.1, Advice::LinuxPopulateWrite) }?)
    }
}

impl Fresh {
    /// Maps this many bytes without committing any.
    pub(crate) fn map(length: usize) -> io::Result<Self> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), length, rights, MapFlags::PRIVATE) }?;
        let fresh = Self { start: NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?, length };
        // SAFETY: the mapping of this value; the advice changes no byte.
        unsafe { madvise(start, length, Advice::LinuxHugepage) }?;
        Ok(fresh)
    }

    /// Populates everything with one call on each of `threads` threads, each of which first calls `prepare` with its
    /// number.
    pub(crate) fn populate(&mut self, threads: usize, prepare: impl Fn(usize) + Sync) -> io::Result<()> {
        let share = self.length.div_ceil(threads.max(1)).next_multiple_of(BORDER);
        let shares = (0..self.length).step_by(share.max(1)).map(|at| {
            // SAFETY: within the mapping.
            Share(unsafe { self.start.byte_add(at) }, share.min(self.length - at))
        });
        if threads <= 1 {
            return shares.into_iter().try_for_each(Share::populate);
        }
        std::thread::scope(|scope| {
            let prepare = &prepare;
            let threads: Vec<_> = shares
                .enumerate()
                .map(|(number, share)| {
                    scope.spawn(move || {
                        prepare(number);
                        share.populate()
                    })
                })
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, io::Result<()>>| {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
            };
            threads.into_iter().try_for_each(join)
        })
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped in `map`; no reference into it exists. A failure leaves it mapped, and
        // there is no one to report it to.
        let _ = unsafe { munmap(self.start.as_ptr(), self.length) };
    }
}
