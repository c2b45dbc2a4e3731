//! The unsafe part of page-fault events: opening them, and their ring buffers.
//! [perf_event_open(2)](https://man7.org/linux/man-pages/man2/perf_event_open.2.html)

use std::{
    io,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use perf_event_open_sys::{
    bindings::{
        PERF_COUNT_SW_PAGE_FAULTS, PERF_FLAG_FD_CLOEXEC, PERF_SAMPLE_ADDR, PERF_SAMPLE_REGS_USER,
        PERF_SAMPLE_STACK_USER, PERF_SAMPLE_TID, PERF_TYPE_SOFTWARE, perf_event_attr, perf_event_mmap_page,
    },
    perf_event_open,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The registers of a sample, as bits of `sample_regs_user`, in the order in which the kernel writes them: the frame
/// pointer, the stack pointer and the instruction pointer.
#[cfg(target_arch = "x86_64")]
const REGISTERS: u64 = 1 << 6 | 1 << 7 | 1 << 8;
/// The frame pointer, the link register, the stack pointer and the program counter.
#[cfg(target_arch = "aarch64")]
const REGISTERS: u64 = 1 << 29 | 1 << 30 | 1 << 31 | 1 << 32;
/// The number of registers of a sample.
pub(super) const REGISTER_COUNT: usize = REGISTERS.count_ones() as usize;

/// The page faults of a process and of the threads and processes that it starts, on one CPU.
#[derive(Debug)]
pub(super) struct FaultEvents {
    fd: OwnedFd,
    /// The page of figures, and the ring after it.
    start: NonNull<perf_event_mmap_page>,
    page: usize,
    ring: usize,
}

// SAFETY: the mapping belongs to this value alone, and the kernel permits any thread to read it.
unsafe impl Send for FaultEvents {}

impl FaultEvents {
    /// Opens the events of a process on a CPU, with a ring of `ring` bytes (a power of two). Each has the registers and
    /// at most `stack` bytes of the user stack. `in_kernel` includes faults that system calls cause.
    pub(super) fn open(pid: u32, cpu: usize, in_kernel: bool, stack: u32, ring: usize) -> io::Result<Self> {
        let mut attributes = perf_event_attr {
            type_: PERF_TYPE_SOFTWARE,
            size: size_of::<perf_event_attr>() as u32,
            config: u64::from(PERF_COUNT_SW_PAGE_FAULTS),
            sample_type: u64::from(PERF_SAMPLE_TID | PERF_SAMPLE_ADDR | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER),
            sample_regs_user: REGISTERS,
            sample_stack_user: stack,
            ..perf_event_attr::default()
        };
        attributes.__bindgen_anon_1.sample_period = 1;
        attributes.set_inherit(1);
        attributes.set_exclude_kernel(u64::from(!in_kernel));
        attributes.set_exclude_hv(1);
        attributes.set_watermark(1);
        attributes.__bindgen_anon_2.wakeup_watermark = (ring / 4) as u32;
        // SAFETY: the attributes are initialised, and the event only reads the process.
        let fd = unsafe {
            let flags = u64::from(PERF_FLAG_FD_CLOEXEC);
            perf_event_open(&raw mut attributes, pid as i32, cpu as i32, -1, flags)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call returned a new descriptor.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let page = rustix::param::page_size();
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no mapping is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), page + ring, protection, MapFlags::SHARED, &fd, 0) }?;
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("the ring is at address 0"))?;
        Ok(Self { fd, start, page, ring })
    }

    /// Readable while the ring is more than a quarter full.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.fd.as_fd()
    }

    /// Moves all records to `records`.
    pub(super) fn drain(&mut self, records: &mut Vec<u8>) {
        // SAFETY: the page is mapped while this value lives, and both figures are aligned words that are only accessed
        // as atomics here.
        let (head, tail) = unsafe {
            let page = self.start.as_ptr();
            (AtomicU64::from_ptr(&raw mut (*page).data_head), AtomicU64::from_ptr(&raw mut (*page).data_tail))
        };
        let (end, begin) = (head.load(Ordering::Acquire), tail.load(Ordering::Relaxed));
        let length = end.wrapping_sub(begin) as usize;
        let offset = begin as usize % self.ring;
        let first = length.min(self.ring - offset);
        for (from, count) in [(offset, first), (0, length - first)] {
            // SAFETY: the range is inside the ring, which follows the page, and the kernel does not write to it until
            // the tail has moved beyond it.
            let part =
                unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast::<u8>().add(self.page + from), count) };
            records.extend_from_slice(part);
        }
        tail.store(end, Ordering::Release);
    }
}

impl Drop for FaultEvents {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing borrows it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.page + self.ring) };
    }
}
