//! What can go wrong: every error says what was tried, and tells "this kernel cannot" from "there is
//! not enough memory" from the rest, for a host reacts differently to each.

use std::{fmt, io};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel, or the process's rights, lack something that the strategy needs. [`crate::best`]
    /// falls back to one that does without.
    #[error("{what} is not available here: {reason}")]
    Unsupported {
        /// What is lacking.
        what: &'static str,
        /// How that was told.
        reason: String,
    },
    /// Committing on would run out of memory; what was committed has been given back.
    #[error(transparent)]
    NoHeadroom(#[from] NoHeadroom),
    /// A system call was refused.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The memory grew since its image was taken, and a memory cannot shrink: only a new instance is
    /// clean.
    #[error("the linear memory has {now} bytes and had {initial}: only a new instance is clean")]
    Grown {
        /// Its initial size in bytes.
        initial: usize,
        /// Its size now.
        now: usize,
    },
    /// A table grew, and a table cannot shrink.
    #[error("table `{0}` grew: only a new instance is clean")]
    TableGrown(String),
    /// The strategy asks for something that this target does not have.
    #[error("the target cannot {0}")]
    Lacking(&'static str),
    /// The guest or the engine failed.
    #[error("the guest failed: {0}")]
    Guest(String),
}

impl Error {
    /// Turns a refused system call into an error that says what it was for.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

impl From<wasmtime::Error> for Error {
    fn from(error: wasmtime::Error) -> Self {
        Self::Guest(format!("{error:#}"))
    }
}

/// There is less memory to be had than is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{needed} more bytes are needed and {available} are available ({limited_by}); nothing was kept")]
pub struct NoHeadroom {
    /// Bytes that were still to be committed.
    pub needed: u64,
    /// Bytes that could have been, at that moment.
    pub available: u64,
    /// What sets the limit.
    pub limited_by: Source,
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
