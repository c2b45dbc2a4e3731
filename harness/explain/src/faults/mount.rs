//! The file system of tracepoints where it is not mounted: a mount that only this process can reach, by its descriptor.

use std::{
    ffi::{CStr, c_long},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr::null,
};

/// [fsconfig(2)](https://man7.org/linux/man-pages/man2/fsconfig.2.html): create the file system.
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;

/// Opens the file system of tracepoints without mounting it in a folder.
///
/// # Errors
/// If this user may not (it needs `CAP_SYS_ADMIN`), or the kernel has none.
pub(super) fn detached_tracefs() -> io::Result<OwnedFd> {
    let name: &CStr = c"tracefs";
    // SAFETY: the name ends with a zero, and the call only reads it.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), libc::c_uint::from(1_u8)) })?;
    let fd = context.as_raw_fd();
    // SAFETY: the command has neither key nor value.
    let created = unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, null::<u8>(), null::<u8>(), 0) };
    if created < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the arguments are numbers: the descriptor, close on exec, and no attributes.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, fd, libc::c_uint::from(1_u8), libc::c_uint::from(0_u8)) })
}

/// The descriptor that a system call returned.
fn owned(result: c_long) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: the call returned a new descriptor.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
