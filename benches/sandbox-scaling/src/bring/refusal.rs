//! Why a module was not tried to its end: one line each, with what to do, and an exit status by whose
//! doing it is.

use std::{io, path::PathBuf};

use highwater_model::exit;

/// The program failed when it was run: a trap, its time limit, its own exit status.
pub const FAILED: u8 = exit::REGRESSED;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is no WebAssembly, or none that this engine runs.
    #[error("{path}: {problem}")]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It imports what nothing here provides.
    #[error("it imports {what}, which nothing here provides{hint}")]
    Imports {
        /// The first such import, and how many more there are.
        what: String,
        /// What may help, with a separator before it.
        hint: &'static str,
    },
    /// The function that is to be called is not there, or its arguments are not right.
    #[error("{0}")]
    Call(String),
    /// It ran and failed.
    #[error("{0}")]
    Failed(String),
    /// The harness failed.
    #[error("{0}")]
    Harness(String),
    /// The user stopped it.
    #[error("stopped by the user")]
    Interrupted,
}

impl Refusal {
    /// The exit status that says the same.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::NotWasm { .. } | Self::Imports { .. } | Self::Call(_) => exit::USAGE,
            Self::Failed(_) => FAILED,
            Self::Harness(_) => exit::INTERNAL,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }
}

/// An engine's error in one line: its causes, each by its first line, from the outermost in.
pub(super) fn one_line(error: &wasmtime::Error) -> String {
    let first = |text: String| text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned();
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(|cause| first(cause.to_string())) {
        let is_said = causes.last().is_some_and(|last| last.contains(&cause));
        // A backtrace, which says where in a module of somebody else's.
        if !is_said && !cause.starts_with("error while executing at wasm backtrace") {
            causes.push(cause.trim_end_matches(':').to_owned());
        }
    }
    causes.join(": ")
}
