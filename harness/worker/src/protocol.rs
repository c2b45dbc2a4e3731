//! The parts of the stage protocol that both sides share. `docs/protocol.md` describes the protocol, with workers in
//! Python and Bash. The parent's side is in `highwater-runner`.

use std::os::fd::RawFd;

/// The version in the first line of a job.
pub const VERSION: u32 = 1;

/// The file descriptor of the socket to the parent.
pub const WORKER_FD: RawFd = 3;

/// The only argument of a worker that is the bench binary. It is the same for all cases, because arguments are on the
/// stack and their length would shift it.
pub const WORKER_ARGUMENT: &str = "--highwater-worker";

/// The maximum length of a line from either side, including the newline.
pub const MAX_LINE: usize = 8192;

/// Whether this process was started as a worker. A program with another command line must call `highwater::main` if so.
#[must_use]
pub fn is_worker() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == WORKER_ARGUMENT)
}
