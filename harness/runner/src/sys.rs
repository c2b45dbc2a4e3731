//! The raw system calls that rustix does not provide, each wrapped in one short function.

use std::{
    io,
    os::{fd::RawFd, unix::process::CommandExt},
    process::Command,
};

use highwater_worker::protocol::WORKER_FD;

/// Disables address space layout randomisation for this process and the programs that it executes.
/// [personality(2)](https://man7.org/linux/man-pages/man2/personality.2.html)
pub(super) fn disable_aslr() -> io::Result<()> {
    // SAFETY: personality() takes no pointers; 0xffffffff returns the current value without changing it.
    let current = unsafe { libc::personality(0xffff_ffff) };
    if current == -1 {
        return Err(io::Error::last_os_error());
    }
    let new = current | libc::ADDR_NO_RANDOMIZE;
    // SAFETY: as above; the flag only affects later execve calls of this process.
    match unsafe { libc::personality(new as libc::c_ulong) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Lets SIGPIPE terminate this process, as in programs that are not written in Rust.
/// [signal(2)](https://man7.org/linux/man-pages/man2/signal.2.html)
pub(super) fn default_sigpipe() {
    // SAFETY: installs no handler, so no code of this process runs in a signal context.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Calls `setup` in the child between fork and exec, and then duplicates `socket`, if there is one, to [`WORKER_FD`]. A
/// worker has no other descriptors than that and its standard ones: those that this process has inherited, from cargo or
/// a batch system, count towards its limit of open files.
/// `setup` must only make system calls, with data that it already has: after a fork, the locks of other threads may be
/// held for ever. It keeps the socket open.
pub(super) fn before_exec(
    command: &mut Command,
    socket: Option<RawFd>,
    setup: impl Fn() -> io::Result<()> + Send + Sync + 'static,
) {
    let apply = move || {
        setup()?;
        let Some(socket) = socket else { return Ok(()) };
        // SAFETY: close_range with this flag only marks descriptors, so that they are closed when the program is executed.
        // Before Linux 5.11 it fails, and they are inherited.
        unsafe { libc::syscall(libc::SYS_close_range, WORKER_FD + 1, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        // SAFETY: dup2 only changes the child's descriptor table. The socket has a number above 99, so the two differ
        // and the copy is not close-on-exec. std does not use number 3: lower numbers are assigned first, and the
        // parent opened several descriptors before spawning.
        match unsafe { libc::dup2(socket, WORKER_FD) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure runs in the forked child, where only async-signal-safe operations are allowed. It only makes
    // system calls with data prepared before the fork, as `setup` has to, and does not allocate.
    unsafe { command.pre_exec(apply) };
}

/// The version of the C library at run time: `2.36`.
/// [gnu_get_libc_version(3)](https://man7.org/linux/man-pages/man3/gnu_get_libc_version.3.html)
pub(super) fn libc_version() -> Option<String> {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes no arguments and returns a static NUL-terminated string.
        let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        Some(version.to_string_lossy().into_owned())
    }
    #[cfg(not(target_env = "gnu"))]
    None
}
