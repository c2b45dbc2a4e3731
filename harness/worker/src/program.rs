//! The program that a worker executes: one that speaks the stage protocol, or any other.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use highwater_model::Stage;
use serde::{Deserialize, Serialize};

/// The program that a worker executes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// The worker of the bench: a binary of the same package, or the bench binary itself.
    Own,
    /// Another program that speaks the stage protocol.
    Other {
        /// The path.
        path: PathBuf,
        /// The arguments.
        args: Vec<OsString>,
    },
    /// A program that knows nothing of the stage protocol. It is stopped while it is read.
    Unmodified(UnmodifiedProgram),
}

/// A program that knows nothing of the stage protocol. Names may be any bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmodifiedProgram {
    /// The absolute path.
    pub path: OsString,
    /// The name by which it is called (`argv[0]`).
    pub name: OsString,
    /// The arguments.
    pub args: Vec<OsString>,
    /// The working directory.
    pub folder: OsString,
    /// The stages that its output shows, in the order in which a line is compared with them.
    pub stages: Vec<OutputStage>,
    /// After this time, it is read once more and killed, which completes the worker. Without it, the program must exit.
    pub stop_after: Option<Duration>,
    /// The interval at which it is read between its stages, too. Older plans do not have this field.
    #[serde(default)]
    pub read_every: Option<Duration>,
}

/// A stage that the first matching line of a program's output begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputStage {
    /// The stage.
    pub stage: Stage,
    /// The regular expression.
    pub pattern: String,
}
