//! The stage protocol, as far as both sides need it: `docs/protocol.md` describes it whole, with workers in Python and
//! Bash. The parent's side is in `highwater-runner`.

use std::os::fd::RawFd;

/// The version in the first line of a job.
pub const VERSION: u32 = 1;

/// The descriptor on which a worker talks with its parent.
pub const WORKER_FD: RawFd = 3;

/// The one argument of a worker that is the bench binary again: the same length for every case, since
/// arguments lie on the stack.
pub const WORKER_ARGUMENT: &str = "--highwater-worker";

/// The longest line either side may send, newline included.
pub const MAX_LINE: usize = 8192;

/// Whether this process was started as a worker. A program with a command line of its own calls `highwater::main` then.
#[must_use]
pub fn is_worker() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == WORKER_ARGUMENT)
}
