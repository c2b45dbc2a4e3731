//! The signals of the process that measures: requests to stop, and failures of a write that would otherwise terminate it
//! without a message.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{
    SigId,
    consts::{SIGCHLD, SIGINT, SIGTERM, SIGXFSZ},
    low_level::{pipe, unregister},
};

use super::sys;

/// A flag that SIGINT and SIGTERM set. A second signal terminates the process immediately.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let flag = Arc::clone(&interrupt.0);
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag)?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Whether a signal was received.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Becomes readable when a child stops or exits (SIGCHLD).
#[derive(Debug)]
pub(super) struct ChildChanges {
    reader: UnixStream,
    handler: SigId,
}

impl ChildChanges {
    /// Installs a signal handler, until the value is dropped.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn watch() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        Ok(Self { reader, handler: pipe::register(SIGCHLD, writer)? })
    }

    /// Forgets the changes so far. The caller looks at the child after that.
    pub(super) fn clear(&mut self) {
        while matches!(self.reader.read(&mut [0; 64]), Ok(1..)) {}
    }
}

impl AsFd for ChildChanges {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for ChildChanges {
    fn drop(&mut self) {
        unregister(self.handler);
    }
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail with an error. By default, the kernel terminates the
/// process with SIGXFSZ. A handler does not affect workers, unlike ignoring the signal: programs do not inherit it.
///
/// # Errors
/// If the system refuses.
pub fn report_file_size_limit() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Ends this process quietly if the reader of its output has gone. For processes that only print: a process with workers
/// must be able to write to the socket of a worker that has exited.
pub fn end_on_closed_pipe() {
    sys::default_sigpipe();
}
