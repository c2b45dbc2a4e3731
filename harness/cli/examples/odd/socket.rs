//! The worker's end of the socket, without the checks of a well-behaved worker.

use std::{
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    process::exit,
};

/// The socket of this worker.
#[derive(Clone, Copy)]
pub(crate) struct Socket(BorrowedFd<'static>);

impl Socket {
    /// Reads the job, up to `go`.
    pub(crate) fn open() -> Self {
        // SAFETY: the parent starts this program with a socket at this number, which nothing closes but `close`, after
        // which it is not used.
        let socket = Self(unsafe { BorrowedFd::borrow_raw(3) });
        while socket.line() != "go" {}
        socket
    }

    /// Reads a line. Ends the process when the parent has gone.
    pub(crate) fn line(self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match rustix::io::read(self.0, &mut byte) {
                Ok(1) if byte[0] == b'\n' => return String::from_utf8_lossy(&line).into_owned(),
                Ok(1) => line.push(byte[0]),
                _ => exit(3),
            }
        }
    }

    /// Sends bytes. Ends the process when the parent has gone.
    pub(crate) fn send(mut self, bytes: impl AsRef<[u8]>) {
        if self.write_all(bytes.as_ref()).is_err() {
            exit(4);
        }
    }

    pub(crate) fn fd(self) -> BorrowedFd<'static> {
        self.0
    }

    /// Pauses at a stage.
    pub(crate) fn reached(self, stage: impl std::fmt::Display) {
        self.send(format!("reached {stage}\n"));
        self.line();
    }

    /// Ends the case as the protocol asks for.
    pub(crate) fn end(self) -> ! {
        self.send("end\n");
        exit(0)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0.as_fd(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
