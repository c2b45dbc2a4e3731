//! The calls of [ptrace(2)](https://man7.org/linux/man-pages/man2/ptrace.2.html) that stop an unmodified program when it
//! starts and before it exits, each wrapped in one short function. The tracer of a process is the thread that started
//! it, and only that thread may make these calls.

use std::{io, ptr};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Why a traced thread is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A signal, or 0 for none, is about to be delivered. The program gets it when it is resumed with it.
    Signal(i32),
    /// It is stopped together with all threads of its process, as by SIGSTOP.
    Group,
    /// It executes another program.
    Exec,
    /// It exits, and still has its memory.
    Exit,
}

/// Lets the thread that started this process trace it. The next `execve` stops it.
pub(super) fn trace_me() -> io::Result<()> {
    // SAFETY: PTRACE_TRACEME ignores its other arguments.
    result(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, ptr::null_mut::<u8>(), ptr::null_mut::<u8>()) })
}

/// Stops at `execve` and at the exit, and the end of the process with its tracer.
const OPTIONS: libc::c_int = libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_EXITKILL;

/// Requests stops at `execve` and at the exit of a stopped process, and its end with its tracer.
pub(super) fn set_options(pid: u32) -> io::Result<()> {
    // SAFETY: PTRACE_SETOPTIONS takes the options as a number in place of a pointer, and no address.
    result(unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, ptr::null_mut::<u8>(), OPTIONS as usize) })
}

/// Traces the main thread of a running child, with the same stops.
pub(super) fn seize(pid: u32) -> io::Result<()> {
    // SAFETY: PTRACE_SEIZE takes the options as a number in place of a pointer, and no address.
    result(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, ptr::null_mut::<u8>(), OPTIONS as usize) })
}

/// Lets a stopped thread continue, with a signal or 0.
pub(super) fn resume(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: PTRACE_CONT takes the signal as a number in place of a pointer, and no address.
    result(unsafe { libc::ptrace(libc::PTRACE_CONT, pid, ptr::null_mut::<u8>(), signal as usize) })
}

/// The stop that the thread has reached since the last call, if any. An exit is not waited for.
pub(super) fn next_stop(pid: u32) -> io::Result<Option<Stop>> {
    let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    let status = match waitid(WaitId::Pid(id), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG) {
        Ok(Some(status)) => status,
        Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(code) = status.trapping_signal().or(status.stopping_signal()) else { return Ok(None) };
    let signal = code & 0xff;
    Ok(Some(match code >> 8 {
        libc::PTRACE_EVENT_EXEC => Stop::Exec,
        libc::PTRACE_EVENT_EXIT => Stop::Exit,
        // Of a thread that was seized.
        libc::PTRACE_EVENT_STOP if stops(signal) => Stop::Group,
        libc::PTRACE_EVENT_STOP => Stop::Signal(0),
        _ if stops(signal) && !has_signal(pid) => Stop::Group,
        _ => Stop::Signal(signal),
    }))
}

/// Whether a signal stops a process by default.
fn stops(signal: i32) -> bool {
    [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal)
}

/// Whether the thread is stopped for a signal that is being delivered. A group stop has no signal.
fn has_signal(pid: u32) -> bool {
    // SAFETY: siginfo_t consists of numbers and pointers, for which zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: PTRACE_GETSIGINFO writes one siginfo_t, to a local variable.
    result(unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, pid, ptr::null_mut::<u8>(), &raw mut info) }).is_ok()
}

/// The CPU time of all threads of a process so far, in nanoseconds.
/// [clock_getcpuclockid(3)](https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html)
pub(super) fn cpu_time(pid: u32) -> Option<u64> {
    let mut clock = 0;
    // SAFETY: writes one number to a local variable.
    let error = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) };
    if error != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec to a local variable.
    match unsafe { libc::clock_gettime(clock, &raw mut time) } {
        0 => Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64),
        _ => None,
    }
}

fn result(returned: libc::c_long) -> io::Result<()> {
    if returned == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
