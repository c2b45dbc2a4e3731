//! The limits on what a worker may say, and the violations of the stage protocol. A worker is any program, so the parent
//! never stores or does more for it than these constants allow, whatever it sends. `docs/protocol.md` lists them.

use highwater_model::{MAX_VALUE, Stage};
use highwater_worker::protocol::MAX_LINE;

/// The maximum number of figures of one worker, all stages together. The families of this project report at most 7 per
/// stage. A worker of a thousand stages may report four at each.
pub const MAX_FIGURES: usize = 4096;
/// The maximum number of notes of one worker. The families of this project send at most 12.
pub const MAX_NOTES: usize = 256;
/// The maximum size of all notes of one worker in bytes, names included: eight lines of the maximum length.
pub const MAX_NOTE_BYTES: usize = 64 << 10;
/// The maximum number of labels of one worker: one for each unit of the longest ladder, which ends at a million.
pub const MAX_LABELS: usize = 1 << 20;
/// The maximum number of `forget` messages of one worker: four per stage. Each one visits all labels.
pub const MAX_FORGETS: usize = 4096;
/// The maximum length of a stage's name in bytes, with its scale. Tables have a column of stages.
pub const MAX_STAGE_NAME: usize = 64;
/// The maximum number of bytes of all messages of one worker. [`MAX_LABELS`] labels have at most 48 MiB.
pub const MAX_BYTES: u64 = 64 << 20;

/// What a worker did that the stage protocol does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A line is not a message.
    #[error("{0}")]
    NotAMessage(String),
    /// A line is too long.
    #[error("a line is longer than {MAX_LINE} bytes")]
    LongLine,
    /// A line is not text.
    #[error("a line is not UTF-8")]
    NotUtf8,
    /// A line contains a NUL byte.
    #[error("a line contains a NUL byte")]
    Nul,
    /// More of something than a worker may send.
    #[error("more than {max} {what}")]
    TooMany {
        /// What it sent.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// A stage has a long name.
    #[error("a stage name is longer than {MAX_STAGE_NAME} bytes")]
    LongStage,
    /// A number that a record cannot contain.
    #[error("{name} is {value}, above the limit of 2^53")]
    LargeNumber {
        /// The name of the number.
        name: String,
        /// The number.
        value: u64,
    },
    /// A stage that it had reached before.
    #[error("reached {0} twice")]
    StageTwice(Stage),
    /// A number that it had reported before for the same stage.
    #[error("reported {0} twice for one stage")]
    NumberTwice(String),
    /// It sent something at a stage, before it received `go`.
    #[error("did not wait for `go` at {0}")]
    NotPaused(Stage),
    /// It does not read what the parent sends.
    #[error("does not read its socket")]
    NotReading,
    /// It sent something after `end`.
    #[error("sent a message after `end`")]
    AfterEnd,
}

impl Violation {
    pub(super) fn too_many(what: &'static str, max: usize) -> Self {
        Self::TooMany { what, max: max as u64 }
    }
}

/// Checks that a record can contain a number.
pub(super) fn check_number(name: &str, value: u64) -> Result<(), Violation> {
    match value {
        0..=MAX_VALUE => Ok(()),
        _ => Err(Violation::LargeNumber { name: name.to_owned(), value }),
    }
}
