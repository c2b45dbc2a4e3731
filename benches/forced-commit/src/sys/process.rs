//! Operations on the process and its threads: precompiled code, CPU time, and a child that the OOM killer may
//! kill.

use std::{
    fs,
    io::{self, PipeReader, PipeWriter},
    path::Path,
    time::Duration,
};

use rustix::{
    process::{Signal, set_parent_process_death_signal},
    time::{ClockId, clock_gettime},
};
use wasmtime::{Engine, Module};

/// Maps a precompiled module.
///
/// # Errors
/// When it was compiled by another version of wasmtime or with other settings.
pub(crate) fn load_module(engine: &Engine, path: &Path) -> wasmtime::Result<Module> {
    // SAFETY: `prepare` made the file with this wasmtime and these settings, and its checksum is verified
    // before every run; nothing writes to the cache while workers run.
    unsafe { Module::deserialize_file(engine, path) }
}

/// CPU time of this thread.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// How a child process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    Signaled(i32),
}

/// A forked child that runs one function and is the preferred victim of the OOM killer.
#[derive(Debug)]
pub struct Child(libc::pid_t);

impl Child {
    /// Forks a child that runs `work` with the write end of a pipe and exits with the status that it returns.
    ///
    /// # Errors
    /// When this process has threads other than the one that runs a worker's case and the main thread, which
    /// waits for it; or when a system call fails.
    pub fn fork(work: impl FnOnce(PipeWriter) -> i32) -> io::Result<(Self, PipeReader)> {
        if fs::read_dir("/proc/self/task")?.count() > 2 {
            return Err(io::Error::other("cannot fork a process that has other threads"));
        }
        let (reader, writer) = io::pipe()?;
        // SAFETY: no other thread is running (a worker's main thread waits for this one and holds no lock),
        // so the child starts with consistent state and may run any code. It leaves by `_exit`, so no
        // destructor or exit handler runs twice.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop(reader);
                let ready = set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
                let ready = ready.and_then(|()| fs::write("/proc/self/oom_score_adj", "1000"));
                let status = match ready {
                    Ok(()) => std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(writer))).unwrap_or(101),
                    Err(_) => 102,
                };
                // SAFETY: ends this process at once; nothing has to stay valid.
                unsafe { libc::_exit(status) }
            }
            pid => Ok((Self(pid), reader)),
        }
    }

    /// Waits for the child to end.
    ///
    /// # Errors
    /// When a system call fails.
    pub fn wait(self) -> io::Result<Ended> {
        let mut status = 0;
        // SAFETY: the pid is an unreaped child of this process (`fork` made it, and `self` is consumed), and
        // `status` has room for the one number.
        while unsafe { libc::waitpid(self.0, &raw mut status, 0) } == -1 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(if libc::WIFSIGNALED(status) {
            Ended::Signaled(libc::WTERMSIG(status))
        } else {
            Ended::Exited(libc::WEXITSTATUS(status))
        })
    }
}
