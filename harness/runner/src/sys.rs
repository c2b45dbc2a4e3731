//! The raw system calls that rustix does not have, each one short function with its proof.

use std::{
    io,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::Command,
};

use highwater_worker::protocol::WORKER_FD;

use super::controls::ChildSetup;

/// Turns address space layout randomisation off for this process and what it executes.
/// [personality(2)](https://man7.org/linux/man-pages/man2/personality.2.html)
pub(super) fn disable_aslr() -> io::Result<()> {
    // SAFETY: personality() takes no pointers; 0xffffffff asks for the present value without
    // changing it.
    let present = unsafe { libc::personality(0xffff_ffff) };
    if present == -1 {
        return Err(io::Error::last_os_error());
    }
    let wanted = present | libc::ADDR_NO_RANDOMIZE;
    // SAFETY: as above; the flag only affects later execve calls of this process.
    match unsafe { libc::personality(wanted as libc::c_ulong) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Has `setup` applied in the child between fork and exec, and the socket put at [`WORKER_FD`].
pub(super) fn before_exec(command: &mut Command, setup: ChildSetup) {
    let apply = move || {
        setup.apply()?;
        let socket = setup.socket.as_raw_fd();
        // SAFETY: dup2 only touches the child's descriptor table. The socket was moved above 99, so
        // the two differ and the copy is not close-on-exec; number 3 holds nothing of std's own,
        // since lower numbers are given out first and the parent opened several before spawning.
        match unsafe { libc::dup2(socket, WORKER_FD) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure runs in the forked child, where only async-signal-safe work is allowed:
    // it makes system calls on data prepared before the fork and allocates nothing.
    unsafe { command.pre_exec(apply) };
}

/// The version of the C library that this program runs with: `2.36`.
/// [gnu_get_libc_version(3)](https://man7.org/linux/man-pages/man3/gnu_get_libc_version.3.html)
pub(super) fn libc_version() -> Option<String> {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes nothing and returns a static string that ends in a zero.
        let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        Some(version.to_string_lossy().into_owned())
    }
    #[cfg(not(target_env = "gnu"))]
    None
}
