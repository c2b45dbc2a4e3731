//! What a worker is told beside the compiled code: a small JSON file among its inputs.

use std::path::{Path, PathBuf};

use highwater_store::write_atomically;
use serde::{Deserialize, Serialize};

use super::{Refusal, strategy::Needs};

/// What is run, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// A component, and not a core module.
    pub component: bool,
    /// Give it WASI.
    pub wasi: bool,
    /// Give it imports that trap for those that nothing provides.
    pub stub: bool,
    /// What to call.
    pub call: Call,
    /// What a pool has to have room for.
    pub needs: Needs,
    /// How many sandboxes it has to have room for.
    pub sandboxes: u32,
    /// What is asked of the worker.
    pub errand: Errand,
}

/// What every sandbox is made to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Nothing beyond being instantiated.
    Nothing,
    /// Run as a command with these arguments: `_start`, or `run` of `wasi:cli/run`.
    Command(Vec<String>),
    /// One function with these arguments, as they were given.
    Function {
        /// Its name; of a component also `INTERFACE#NAME`.
        name: String,
        /// Numbers, or JSON.
        args: Vec<String>,
    },
}

impl Call {
    /// The call in the words of an error.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Nothing => "instantiating it".to_owned(),
            Self::Command(_) => "running it".to_owned(),
            Self::Function { name, .. } => format!("calling `{name}`"),
        }
    }
}

/// What is asked of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// See whether it runs at all, and keep what it writes to standard error.
    Trial,
    /// Measure memory, then time.
    Measure,
}

impl Order {
    /// Writes it where a worker finds it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let text = serde_json::to_vec(self).map_err(|error| Refusal::Harness(error.to_string()))?;
        write_atomically(path, &text).map_err(|error| Refusal::Harness(error.to_string()))?;
        Ok(path.to_owned())
    }

    /// Reads it in the worker.
    ///
    /// # Errors
    /// When the file cannot be read or is none of ours.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let harness = |problem: String| Refusal::Harness(format!("{}: {problem}", path.display()));
        let text = std::fs::read(path).map_err(|error| harness(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| harness(error.to_string()))
    }
}
