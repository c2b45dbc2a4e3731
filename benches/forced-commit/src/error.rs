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
    /// Committing on would run out of memory; what was committed has been given back, but for
    /// [`NoHeadroom::kept`].
    #[error(transparent)]
    NoHeadroom(#[from] NoHeadroom),
    /// A commit failed, and not everything that it had made resident could be given back.
    #[error("{cause}; {kept} bytes stay committed: they have contents or could not be given back")]
    PartlyCommitted {
        /// Bytes that the commit made resident and that still are.
        kept: u64,
        /// Why it failed.
        cause: Box<Error>,
    },
    /// The reset was armed by a process of which this one is a fork: what it knows of written pages
    /// is the parent's. Nothing was changed, in either.
    #[error(
        "the reset was armed before a fork and tracks the parent's memory: \
         restore the memory by another reset, then arm this one again in this process"
    )]
    Forked,
    /// Part of the memory was mapped anew since the reset was armed, so writes to it are not tracked.
    /// Nothing was changed.
    #[error(
        "part of the memory was mapped anew since the reset was armed: \
         restore the memory by another reset, then arm this one again"
    )]
    Remapped,
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
    /// Adds how many bytes the failed commit could not give back.
    pub(crate) fn with_kept(self, kept: u64) -> Self {
        match self {
            Self::NoHeadroom(refusal) => Self::NoHeadroom(NoHeadroom { kept, ..refusal }),
            cause if kept > 0 => Self::PartlyCommitted { kept, cause: Box::new(cause) },
            cause => cause,
        }
    }

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
#[error("{needed} more bytes are needed and {available} are available ({limited_by}); {}", kept_text(*kept))]
pub struct NoHeadroom {
    /// Bytes that were still to be committed.
    pub needed: u64,
    /// Bytes that could have been, at that moment.
    pub available: u64,
    /// What sets the limit.
    pub limited_by: Source,
    /// Bytes that the refused commit made resident and that still are: pages with contents, such as
    /// swapped-out ones that were read back, and pages that could not be given back.
    pub kept: u64,
}

fn kept_text(kept: u64) -> String {
    match kept {
        0 => "nothing was kept".to_owned(),
        _ => format!("{kept} bytes stay committed: they have contents or could not be given back"),
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
