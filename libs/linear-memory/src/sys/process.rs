//! Operations on the thread: faults, CPU time, CPU affinity, and writes that the compiler must not remove.

use std::{
    hint::black_box,
    io,
    mem::MaybeUninit,
    sync::atomic::{AtomicU8, Ordering},
};

use rustix::{
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

/// Minor faults of this thread so far.
pub(crate) fn minor_faults() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer has room for the struct that the call fills. This `who` is always valid, so the
    // call cannot fail, and zeros would be a valid struct if it did.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    usage.ru_minflt.unsigned_abs()
}

/// Rewrites the first byte of every `step` bytes with its current value. Uses a single write, so that an
/// absent page costs one fault: reading first would map the zero page and cost a second fault.
pub fn touch(memory: &mut [u8], step: usize) {
    for part in memory.chunks_mut(step) {
        // SAFETY: the byte is borrowed for writing, so nothing else accesses it meanwhile.
        let byte = unsafe { AtomicU8::from_ptr(&raw mut part[0]) };
        // The operand is opaque to the compiler, which would otherwise turn this into a read.
        byte.fetch_or(black_box(0), Ordering::Relaxed);
    }
}

/// CPU time of this thread, in nanoseconds. Other processes that use the CPU do not add to it.
pub(crate) fn thread_cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Pins this thread to one of the CPUs that it may use, selected by `number` modulo their count.
pub fn pin_thread(number: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let cpu = cpus.clone().nth(number % cpus.count().max(1)).ok_or(io::ErrorKind::NotFound)?;
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}
