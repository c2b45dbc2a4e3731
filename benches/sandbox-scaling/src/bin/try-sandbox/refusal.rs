//! Why a module could not be measured: an error message of one line with the next step, and an exit status
//! that says whose fault it is.

use std::{io, path::PathBuf};

use highwater_model::exit;

/// Exit status for a program that failed when it ran: a trap, its time limit or its own exit status.
pub(super) const FAILED: u8 = exit::REGRESSED;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error that the system returned.
        source: io::Error,
    },
    /// It is not WebAssembly, or needs features that this engine lacks.
    #[error("{path}: {problem}")]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It has an import that nothing here provides.
    #[error("it imports {what}, which nothing here provides{hint}")]
    Imports {
        /// The first such import and the number of others.
        what: String,
        /// A hint, preceded by a separator.
        hint: &'static str,
    },
    /// The function does not exist, or its arguments are invalid.
    #[error("{0}")]
    Call(String),
    /// It ran and failed.
    #[error("{0}")]
    Failed(String),
    /// The harness failed.
    #[error("{0}")]
    Harness(String),
    /// The user interrupted it.
    #[error("stopped by the user")]
    Interrupted,
}

impl Refusal {
    /// The corresponding exit status.
    #[must_use]
    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::NotWasm { .. } | Self::Imports { .. } | Self::Call(_) => exit::USAGE,
            Self::Failed(_) => FAILED,
            Self::Harness(_) => exit::INTERNAL,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }
}

/// An engine's error on one line: the first line of each cause, from the outermost in.
pub(super) fn one_line(error: &wasmtime::Error) -> String {
    let first = |text: String| text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned();
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(|cause| first(cause.to_string())) {
        let is_said = causes.last().is_some_and(|last| last.contains(&cause));
        // A backtrace only gives positions in a third-party module.
        if !is_said && !cause.starts_with("error while executing at wasm backtrace") {
            causes.push(cause.trim_end_matches(':').to_owned());
        }
    }
    causes.join(": ")
}
