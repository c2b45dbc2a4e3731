//! Errors of this crate. Each error states the next step, and each I/O error names its path.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. The cause, if any, is its `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No program has that name.
    #[error("unknown program `{name}`; known programs: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// The program is built by a recipe that was not run on this machine.
    #[error("guest not built, see {recipe}")]
    NotBuilt {
        /// The program.
        program: &'static str,
        /// The command that builds it.
        recipe: &'static str,
    },
    /// A package could not be fetched from crates.io.
    #[error("cannot get {package} from crates.io: {detail}; it is needed once, and `cargo info {package}` must work")]
    Fetch {
        /// Name and version.
        package: String,
        /// The failure, in one line.
        detail: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The cache, or a core guest.
    #[error(transparent)]
    Guests(#[from] wasm_guests::Error),
    /// Linking, compiling, instantiating or snapshotting failed.
    #[error("cannot {action} `{program}`")]
    Engine {
        /// The attempted action, as a verb.
        action: &'static str,
        /// Which program.
        program: &'static str,
        /// The error of the engine or the linker.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The code that a sandbox executed failed, with its message, for example a Python traceback.
    #[error("the guest's code failed: {0}")]
    Code(String),
    /// The check of a program printed something unexpected.
    #[error("`{program}` printed {found:?} in its check, not {expected:?}")]
    Check {
        /// Which program.
        program: &'static str,
        /// What it printed.
        found: String,
        /// What it should print.
        expected: &'static str,
    },
}

impl Error {
    /// For `map_err`: reading or writing `path` failed.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// For `map_err`: the engine could not do that with the program.
    pub(crate) fn engine<E>(action: &'static str, program: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Engine { action, program, source: source.into() }
    }
}
