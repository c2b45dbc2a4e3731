//! Linear memories that are committed when they are created.
//!
//! ```text
//!  |<-- accessible: readable, writable, populated -->|<-- up to the reservation, then the guard -->|
//!   2 MiB boundary                                     PROT_NONE
//! ```

use std::{ffi::c_void, io, ptr::NonNull};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Alignment of a reservation, so that huge pages fit from its first byte on.
const BORDER: usize = 2 << 20;

/// Creates linear memories that are resident before the instance exists: `Config::with_host_memory`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostMemory {
    /// Back them with huge pages: `MADV_HUGEPAGE` and `MADV_POPULATE_WRITE` instead of `MAP_POPULATE`.
    pub(crate) huge: bool,
}

/// A reservation of address space, unmapped when dropped.
#[derive(Debug)]
struct Reservation {
    /// The start of the whole mapping, including the part before the aligned start.
    mapped: NonNull<c_void>,
    mapped_length: usize,
    start: NonNull<c_void>,
    /// Bytes from `start` that may become accessible.
    capacity: usize,
    accessible: usize,
    huge: bool,
}

// SAFETY: this value alone owns the mapping, which is not tied to the thread that made it.
unsafe impl Send for Reservation {}
// SAFETY: a shared reference exposes only the address; wasmtime orders accesses through it.
unsafe impl Sync for Reservation {}

impl Reservation {
    fn new(capacity: usize, guard: usize, huge: bool) -> io::Result<Self> {
        let length = BORDER + capacity + guard;
        // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
        let mapped = unsafe {
            mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE)
        }?;
        let mapped = NonNull::new(mapped).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: advances at most BORDER - 1 bytes, and BORDER more than needed were mapped.
        let start = unsafe { mapped.byte_add(mapped.cast::<u8>().align_offset(BORDER)) };
        Ok(Self { mapped, mapped_length: length, start, capacity, accessible: 0, huge })
    }

    /// Makes the bytes up to `size` accessible and resident.
    fn grow(&mut self, size: usize) -> io::Result<()> {
        if size > self.capacity {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "the memory would outgrow its reservation"));
        }
        if size > self.accessible {
            // SAFETY: within the mapping, see `new`; both ends are whole wasm pages.
            let from = unsafe { self.start.byte_add(self.accessible) }.as_ptr();
            self.commit(from, size - self.accessible)?;
            self.accessible = size;
        }
        Ok(())
    }

    fn commit(&self, from: *mut c_void, length: usize) -> io::Result<()> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        if self.huge {
            // SAFETY: part of this value's own mapping, inaccessible so far: no pointers into it exist.
            unsafe {
                mprotect(from, length, MprotectFlags::READ | MprotectFlags::WRITE)?;
                madvise(from, length, Advice::LinuxHugepage)?;
                madvise(from, length, Advice::LinuxPopulateWrite)?;
            }
        } else {
            let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::POPULATE;
            // SAFETY: replaces a part of this value's own mapping that was inaccessible so far.
            unsafe { mmap_anonymous(from, length, rights, flags) }?;
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped in `new`; the owner of the memory is gone with this value. A
        // failure leaves it mapped, and there is no one to report it to.
        let _ = unsafe { munmap(self.mapped.as_ptr(), self.mapped_length) };
    }
}

// SAFETY: the accessible part only grows and never moves, and what lies beyond it up to the end of the
// guard is inaccessible for as long as the value lives.
unsafe impl LinearMemory for Reservation {
    fn byte_size(&self) -> usize {
        self.accessible
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        Ok(self.grow(new_size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr().cast()
    }
}

// SAFETY: every memory is a separate mapping, zero-filled, with the reservation and the guard that wasmtime
// asks for.
unsafe impl MemoryCreator for HostMemory {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved.or(maximum).unwrap_or(minimum).max(minimum);
        let make = || -> io::Result<Reservation> {
            let mut memory = Reservation::new(capacity, guard, self.huge)?;
            memory.grow(minimum)?;
            Ok(memory)
        };
        let memory = make().map_err(|error| format!("cannot map {minimum} bytes of linear memory: {error}"))?;
        Ok(Box::new(memory))
    }
}
