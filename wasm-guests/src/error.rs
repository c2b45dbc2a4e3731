//! Errors of this crate. Each error states the next step, and each I/O error names its path.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. The cause, if any, is its `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No guest has that name.
    #[error("unknown guest `{name}`; known guests: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {} ({advice})", path.display())]
    Io {
        /// The attempted action, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What to do about it.
        advice: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A manifest or a guest's `Cargo.toml` is invalid or incomplete.
    #[error("{} is not usable: {detail}; {advice}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, in one line.
        detail: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A module, compressed or not, is invalid.
    #[error("the module of guest `{name}` is not usable: {detail}; {advice}")]
    Module {
        /// The guest.
        name: String,
        /// What is wrong with it, in one line.
        detail: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The caller's compiler rejected a guest.
    #[error("the engine cannot compile guest `{name}` (its key is `{engine}`)")]
    Compile {
        /// The guest.
        name: String,
        /// The caller's key for the engine.
        engine: String,
        /// The compiler's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The next step when committed files and sources do not match.
pub(crate) const REBUILD: &str = "run `just guests`, or `bash wasm-guests/build-guests.sh`";

impl Error {
    /// For `map_err`: reading `path` failed.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io("read", path, "check that it exists and that you may read it")
    }

    /// For `map_err`: writing `path` failed.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io("write", path, "check the disk's free space and that you may write in its folder")
    }

    fn io(action: &'static str, path: &Path, advice: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), advice, source }
    }

    /// The error and its causes in one line, for reports with one line per problem.
    pub(crate) fn one_line(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |error| error.source());
        std::iter::once(self.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_io_errors_contain_path_advice_and_cause() {
        let error = Error::reading(Path::new("/no/such"))(io::ErrorKind::NotFound.into());
        assert_eq!(
            error.one_line(),
            "cannot read /no/such (check that it exists and that you may read it): entity not found"
        );
    }
}
