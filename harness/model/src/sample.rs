//! One worker's life as it was observed: a snapshot per stage, and how it ended. One worker is one
//! observation; nothing inside it counts as a second one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Quantity, Stage};

/// A worker's memory and figures at one stage, in the unit of each quantity ([`Quantity::unit`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Quantity, u64>);

impl Snapshot {
    /// Adds to a quantity; categories with nothing in them are left out.
    pub fn add(&mut self, quantity: impl Into<Quantity>, value: u64) {
        let quantity = quantity.into();
        if value > 0 || quantity.category().is_none() {
            *self.0.entry(quantity).or_default() += value;
        }
    }

    /// The value of a quantity; `None` where it was not read.
    #[must_use]
    pub fn get(&self, quantity: impl Into<Quantity>) -> Option<u64> {
        self.0.get(&quantity.into()).copied()
    }

    /// All quantities, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (Quantity, u64)> + '_ {
        self.0.iter().map(|(quantity, value)| (*quantity, *value))
    }
}

/// What was learnt at one stage: the snapshot from outside, and the time since the stage before as
/// the worker took it, without the pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which stage.
    pub stage: Stage,
    /// Nanoseconds of wall time since the previous stage.
    pub wall_ns: u64,
    /// Nanoseconds of CPU time (all threads) since the previous stage.
    pub cpu_ns: u64,
    /// The worker's memory, read while it was paused.
    pub snapshot: Snapshot,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// It reached its last stage and exited with status 0.
    Completed,
    /// It exited with another status, or before its last stage.
    Exited {
        /// The exit status.
        status: i32,
    },
    /// A signal ended it that neither the harness nor the out-of-memory killer sent.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// The kernel's out-of-memory killer ended it, or an allocation was refused and it gave up.
    OutOfMemory,
    /// It took longer than its time limit and was killed.
    TimedOut {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// It broke the stage protocol and was killed.
    Protocol {
        /// What it said that makes no sense.
        message: String,
    },
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Exited { status } => write!(f, "exited with status {status}"),
            Self::Signaled { signal } => match signal_hook::low_level::signal_name(*signal) {
                Some(name) => write!(f, "killed by signal {signal} ({name})"),
                None => write!(f, "killed by signal {signal}"),
            },
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::TimedOut { limit_ms } => write!(f, "still running after its limit of {limit_ms} ms"),
            Self::Protocol { message } => write!(f, "broke the stage protocol: {message}"),
        }
    }
}

/// Everything seen of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The stages it reached, in order.
    pub readings: Vec<Reading>,
    /// How it ended.
    pub outcome: Outcome,
    /// Nanoseconds from spawn to exit, pauses included.
    pub lifetime_ns: u64,
    /// What it told in words, by name.
    pub notes: Vec<(String, String)>,
    /// The last lines it wrote to stdout or stderr.
    pub output_tail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_told_by_number_and_by_name_where_it_has_one() {
        for (signal, told) in [
            (9, "killed by signal 9 (SIGKILL)"),
            (11, "killed by signal 11 (SIGSEGV)"),
            (31, "killed by signal 31 (SIGSYS)"),
            (40, "killed by signal 40"),
        ] {
            assert_eq!(Outcome::Signaled { signal }.to_string(), told);
        }
    }
}
