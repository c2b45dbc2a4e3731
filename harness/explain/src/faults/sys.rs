//! The unsafe part of page-fault events: opening them and those of system calls, and their ring buffers.
//! [perf_event_open(2)](https://man7.org/linux/man-pages/man2/perf_event_open.2.html)

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use framehop::UnwindRegsNative;
use perf_event_open_sys::{
    bindings::{
        PERF_COUNT_SW_PAGE_FAULTS, PERF_FLAG_FD_CLOEXEC, PERF_SAMPLE_ADDR, PERF_SAMPLE_IDENTIFIER,
        PERF_SAMPLE_REGS_USER, PERF_SAMPLE_STACK_USER, PERF_SAMPLE_TID, PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT,
        perf_event_attr, perf_event_mmap_page,
    },
    ioctls, perf_event_open,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::calls::Call;

/// The registers of a sample, as bits of `sample_regs_user`, in the order in which the kernel writes them: `rax`, `rdx`,
/// `rsi`, `rdi`, `rbp`, `rsp`, `rip`, `r10`.
#[cfg(target_arch = "x86_64")]
const REGISTERS: u64 = 1 << 0 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 18;
/// `x0` to `x3`, the frame pointer, the link register, the stack pointer and the program counter.
#[cfg(target_arch = "aarch64")]
const REGISTERS: u64 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 29 | 1 << 30 | 1 << 31 | 1 << 32;
/// The number of registers of a sample.
const REGISTER_COUNT: usize = REGISTERS.count_ones() as usize;
/// The bytes of the stack that each event has. The frames beyond them are lost, which is counted.
const STACK_BYTES: u32 = 16 << 10;

/// The registers of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers(pub(super) [u64; REGISTER_COUNT]);

impl Registers {
    /// The instruction pointer, the stack pointer, and the registers for the unwinder.
    pub(super) fn native(self) -> (u64, u64, UnwindRegsNative) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            [.., bp, sp, ip, _r10] => (ip, sp, UnwindRegsNative::new(ip, sp, bp)),
            #[cfg(target_arch = "aarch64")]
            [.., fp, lr, sp, pc] => (pc, sp, UnwindRegsNative::new(lr, sp, fp)),
        }
    }

    /// The first three arguments of a system call that begins.
    pub(super) fn arguments(self) -> [u64; 3] {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            [_rax, rdx, rsi, rdi, ..] => [rdi, rsi, rdx],
            #[cfg(target_arch = "aarch64")]
            [x0, x1, x2, ..] => [x0, x1, x2],
        }
    }

    /// The result of a system call that ends, and its second argument.
    pub(super) fn result(self) -> (u64, u64) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            [rax, _rdx, rsi, ..] => (rax, rsi),
            #[cfg(target_arch = "aarch64")]
            [x0, x1, ..] => (x0, x1),
        }
    }
}

/// The page faults of a process and of the threads and processes that it starts, on one CPU.
#[derive(Debug)]
pub(super) struct FaultEvents {
    fd: OwnedFd,
    pid: u32,
    cpu: usize,
    /// The system calls whose events are in the same ring, with the ids of these events.
    calls: Vec<(u64, Call, OwnedFd)>,
    /// The page of figures, and the ring after it.
    start: NonNull<perf_event_mmap_page>,
    page: usize,
    ring: usize,
}

// SAFETY: the mapping belongs to this value alone, and the kernel permits any thread to read it.
unsafe impl Send for FaultEvents {}

/// Opens an event of every occurrence. Each has its id, the registers and at most `stack` bytes of the user stack.
fn open(
    pid: u32,
    cpu: usize,
    kind: u32,
    config: u64,
    stack: u32,
    change: impl FnOnce(&mut perf_event_attr),
) -> io::Result<OwnedFd> {
    let parts =
        PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_ADDR | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
    let mut attributes = perf_event_attr {
        type_: kind,
        size: size_of::<perf_event_attr>() as u32,
        config,
        sample_type: u64::from(parts),
        sample_regs_user: REGISTERS,
        sample_stack_user: stack,
        ..perf_event_attr::default()
    };
    attributes.__bindgen_anon_1.sample_period = 1;
    attributes.set_inherit(1);
    attributes.set_exclude_hv(1);
    attributes.set_watermark(1);
    change(&mut attributes);
    // SAFETY: the attributes are initialised, and the event only reads the process.
    let fd =
        unsafe { perf_event_open(&raw mut attributes, pid as i32, cpu as i32, -1, u64::from(PERF_FLAG_FD_CLOEXEC)) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call returned a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn checked(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

impl FaultEvents {
    /// Opens the page faults of a process on a CPU, with a ring of `ring` bytes (a power of two). `in_kernel` includes
    /// faults that system calls cause.
    pub(super) fn open(pid: u32, cpu: usize, in_kernel: bool, ring: usize) -> io::Result<Self> {
        let config = u64::from(PERF_COUNT_SW_PAGE_FAULTS);
        let fd = open(pid, cpu, PERF_TYPE_SOFTWARE, config, STACK_BYTES, |attributes| {
            attributes.set_exclude_kernel(u64::from(!in_kernel));
            attributes.__bindgen_anon_2.wakeup_watermark = (ring / 4) as u32;
        })?;
        let page = rustix::param::page_size();
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no mapping is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), page + ring, protection, MapFlags::SHARED, &fd, 0) }?;
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("the ring is at address 0"))?;
        Ok(Self { fd, pid, cpu, calls: Vec::new(), start, page, ring })
    }

    /// Adds the events of a system call, whose tracepoint has this number.
    pub(super) fn add(&mut self, call: Call, tracepoint: u64) -> io::Result<()> {
        let stack = if call.has_stack() { STACK_BYTES } else { 0 };
        let fd = open(self.pid, self.cpu, PERF_TYPE_TRACEPOINT, tracepoint, stack, |_| {})?;
        let mut id = 0;
        // SAFETY: `id` is alive during the call.
        checked(unsafe { ioctls::ID(fd.as_raw_fd(), &raw mut id) })?;
        if let Some(filter) = call.filter() {
            let filter = CString::new(filter)?;
            // SAFETY: the text ends with a zero and is alive during the call, which does not change it.
            checked(unsafe { ioctls::SET_FILTER(fd.as_raw_fd(), filter.as_ptr().cast_mut()) })?;
        }
        // SAFETY: both are events of one CPU. The ring is mapped as long as its event is open.
        checked(unsafe { ioctls::SET_OUTPUT(fd.as_raw_fd(), self.fd.as_raw_fd()) })?;
        self.calls.push((id, call, fd));
        Ok(())
    }

    /// The system call of an event, unless it is a page fault.
    pub(super) fn call(&self, id: u64) -> Option<Call> {
        self.calls.iter().find(|(known, ..)| *known == id).map(|(_, call, _)| *call)
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
