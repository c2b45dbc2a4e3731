//! Error types. Each error names the operation that failed and distinguishes "this kernel cannot", "there is
//! not enough memory" and everything else, because a host handles them differently.

use std::{fmt, io};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel or the process's privileges lack something that the strategy needs. [`crate::best`] falls
    /// back to a strategy that works without it.
    #[error("{what} is not available here: {reason}")]
    Unsupported {
        /// The missing feature.
        what: &'static str,
        /// How its absence was detected.
        reason: String,
    },
    /// Committing more would run out of memory. Everything committed so far has been released, except for
    /// [`NoHeadroom::kept`].
    #[error(transparent)]
    NoHeadroom(#[from] NoHeadroom),
    /// The memory may not be locked.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
    /// A commit failed, and not all pages that it had made resident could be released.
    #[error("{cause}; {kept} bytes stay committed: they have contents or could not be released")]
    PartlyCommitted {
        /// Bytes that the commit made resident and that are still resident.
        kept: u64,
        /// Why it failed.
        cause: Box<Error>,
    },
    /// The reset was armed in the parent, before this process was forked, so it tracks the parent's written
    /// pages. Nothing was changed in either process.
    #[error(
        "the reset was armed before a fork and tracks the parent's memory: \
         restore the memory with another reset, then arm this one again in this process"
    )]
    Forked,
    /// Part of the memory was remapped after the reset was armed, so writes to it are not tracked. Part of
    /// the memory may have been restored.
    #[error(
        "part of the memory was remapped after the reset was armed: \
         restore the memory with another reset, then arm this one again"
    )]
    Remapped,
    /// A system call failed.
    #[error("cannot {what}: {source}")]
    System {
        /// The operation that failed.
        what: &'static str,
        /// The error that the system returned.
        source: io::Error,
    },
    /// The memory grew after its image was taken. A memory cannot shrink, so only a new instance is clean.
    #[error("the linear memory grew from {initial} to {now} bytes: only a new instance is clean")]
    Grown {
        /// Its initial size in bytes.
        initial: usize,
        /// Its current size in bytes.
        now: usize,
    },
    /// A table grew. A table cannot shrink, so only a new instance is clean.
    #[error("table `{0}` grew: only a new instance is clean")]
    TableGrown(String),
    /// The target does not support an operation that the strategy needs.
    #[error("the target cannot {0}")]
    Lacking(&'static str),
    /// The guest or the engine failed.
    #[error("the guest failed: {0}")]
    Guest(String),
}

impl Error {
    /// Adds the number of bytes that the failed commit could not release.
    pub(crate) fn with_kept(self, kept: u64) -> Self {
        match self {
            Self::NoHeadroom(refusal) => Self::NoHeadroom(NoHeadroom { kept, ..refusal }),
            cause if kept > 0 => Self::PartlyCommitted { kept, cause: Box::new(cause) },
            cause => cause,
        }
    }

    /// Wraps the error of a system call with the operation that it was part of.
    ///
    /// `what` completes the sentence "cannot ...".
    pub fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

/// The process may not lock as much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{needed} more bytes are to be locked, {locked} are locked, and RLIMIT_MEMLOCK allows {limit}: \
     raise it (`ulimit -l`, `LimitMEMLOCK=`) or grant CAP_IPC_LOCK"
)]
pub struct NotHeld {
    /// Bytes to be locked that are not locked yet.
    pub needed: u64,
    /// Bytes that the process has locked.
    pub locked: u64,
    /// The limit in bytes.
    pub limit: u64,
}

/// Less memory is available than the commit needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{needed} more bytes are needed and {available} are available ({limited_by}); {}", kept_text(*kept))]
pub struct NoHeadroom {
    /// Bytes that were still to be committed.
    pub needed: u64,
    /// Bytes that were available at that moment.
    pub available: u64,
    /// What sets the limit.
    pub limited_by: Source,
    /// Bytes that the refused commit made resident and that are still resident: pages with contents, such as
    /// swapped-out pages that were read back, and pages that could not be released.
    pub kept: u64,
}

fn kept_text(kept: u64) -> String {
    match kept {
        0 => "nothing was kept".to_owned(),
        _ => format!("{kept} bytes stay committed: they have contents or could not be released"),
    }
}

/// Where a limit on memory comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `MemAvailable` of the whole machine.
    Machine,
    /// A memory cgroup, the process's own or one above it.
    Cgroup(std::path::PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("MemAvailable in /proc/meminfo"),
            Self::Cgroup(folder) => write!(f, "cgroup {}", folder.display()),
        }
    }
}
