//! What can go wrong with programs: each error says what to do next, and each I/O error names its path.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. The cause, where there is one, is its `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No program has that name.
    #[error("no program is called `{name}`; there are: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// The program is made by a recipe that was not run here.
    #[error("guest not built, see {recipe}")]
    NotBuilt {
        /// The program.
        program: &'static str,
        /// The command that builds it.
        recipe: &'static str,
    },
    /// A package of crates.io could not be had.
    #[error("cannot get {package} from crates.io: {detail}; it is needed once, and `cargo info {package}` must work")]
    Fetch {
        /// Name and version.
        package: String,
        /// What happened, in one line.
        detail: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cache, or a core guest.
    #[error(transparent)]
    Guests(#[from] wasm_guests::Error),
    /// Linking, compiling, instantiating or snapshotting failed.
    #[error("cannot {action} `{program}`")]
    Engine {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which program.
        program: &'static str,
        /// What the engine or the linker said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The code that a sandbox executed failed; this is what it said, a Python traceback for instance.
    #[error("the guest's code failed: {0}")]
    Code(String),
    /// A program does not do what its check says.
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
