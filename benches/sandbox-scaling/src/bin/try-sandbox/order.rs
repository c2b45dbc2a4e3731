//! The order for a worker, in addition to the compiled code: a small JSON file among its inputs.

use std::path::{Path, PathBuf};

use highwater_store::write_atomically;
use serde::{Deserialize, Serialize};

use super::{Refusal, strategy::Needs};

/// What to run, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// Whether the file is a component and not a core module.
    pub(super) component: bool,
    /// Whether to provide WASI.
    pub(super) wasi: bool,
    /// Whether to replace missing imports with stubs that trap.
    pub(super) stub: bool,
    /// What to call.
    pub(super) call: Call,
    /// The capacity that a pool needs.
    pub(super) needs: Needs,
    /// The number of concurrent sandboxes.
    pub(super) sandboxes: u32,
    /// The task of the worker.
    pub(super) errand: Errand,
}

/// What every sandbox executes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    /// Nothing beyond instantiation.
    Nothing,
    /// Run as a command with these arguments: `_start`, or `run` of `wasi:cli/run`.
    Command(Vec<String>),
    /// One function with these arguments, as given.
    Function {
        /// Its name; for a component also `INTERFACE#NAME`.
        name: String,
        /// Numbers, or JSON.
        args: Vec<String>,
    },
}

impl Call {
    /// The call, as described in errors.
    #[must_use]
    pub(super) fn words(&self) -> String {
        match self {
            Self::Nothing => "instantiating it".to_owned(),
            Self::Command(_) => "running it".to_owned(),
            Self::Function { name, .. } => format!("calling `{name}`"),
        }
    }
}

/// The task of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Errand {
    /// Check whether it runs at all, and keep its standard error.
    Trial,
    /// Measure memory, then time.
    Measure,
}

impl Order {
    /// Writes the order to a file for a worker.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let text = serde_json::to_vec(self).map_err(|error| Refusal::Harness(error.to_string()))?;
        write_atomically(path, &text).map_err(|error| Refusal::Harness(error.to_string()))?;
        Ok(path.to_owned())
    }

    /// Reads the order in the worker.
    ///
    /// # Errors
    /// When the file cannot be read or is not an order.
    pub(super) fn read(path: &Path) -> Result<Self, Refusal> {
        let harness = |problem: String| Refusal::Harness(format!("{}: {problem}", path.display()));
        let text = std::fs::read(path).map_err(|error| harness(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| harness(error.to_string()))
    }
}
