//! Processes that a worker forks.

use std::{fs::File, io, os::fd::AsRawFd};

use rustix::pipe::PipeFlags;

/// A forked child that shares the memory of this process until [`Child::end`].
pub(crate) struct Child {
    pid: libc::pid_t,
    /// The child exits when this end of its pipe is closed.
    hold: File,
}

impl Child {
    /// Forks, and returns when the child has called `work`, which must not allocate.
    pub(crate) fn fork(work: impl FnOnce()) -> io::Result<Self> {
        let (wait, hold) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (worked, work_end) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        // SAFETY: the worker's only other thread waits for this one to end. The child only calls async-signal-safe
        // functions and `work`, and exits with _exit, so no destructor runs twice.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                work();
                let mut byte = 0_u8;
                // SAFETY: the descriptors are open and owned by this process, and `byte` has room for one byte. `read`
                // returns when the parent closes its `hold`.
                unsafe {
                    libc::close(hold.as_raw_fd());
                    libc::close(work_end.as_raw_fd());
                    libc::read(wait.as_raw_fd(), (&raw mut byte).cast(), 1);
                    libc::_exit(0)
                }
            }
            pid => {
                drop(work_end);
                // Ends when the child closes its copy.
                rustix::io::read(&worked, &mut [0])?;
                Ok(Self { pid, hold: hold.into() })
            }
        }
    }

    /// Lets the child exit and waits until its memory is released.
    pub(crate) fn end(self) -> io::Result<()> {
        drop(self.hold);
        // SAFETY: `pid` is an unreaped child of this process, and the status pointer may be null.
        match unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// Starts a process whose parent exits, in a session of its own, that ignores the usual signals and never ends. Returns
/// when it has called `work`, which must not allocate.
pub(crate) fn daemon(work: impl FnOnce()) -> io::Result<()> {
    let (worked, work_end) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // SAFETY: as for `Child::fork`. The signal set and the pointers are those of the calls' documentation.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => return Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: as above.
            unsafe {
                if libc::fork() != 0 {
                    libc::_exit(0);
                }
                libc::setsid();
                for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
                    libc::signal(signal, libc::SIG_IGN);
                }
            }
            work();
            // SAFETY: the descriptor is open and owned by this process.
            unsafe { libc::close(work_end.as_raw_fd()) };
            loop {
                // SAFETY: takes no arguments.
                unsafe { libc::pause() };
            }
        }
        _ => {}
    }
    drop(work_end);
    rustix::io::read(&worked, &mut [0])?;
    // SAFETY: `pid` is an unreaped child of this process, and the status pointer may be null.
    match unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
