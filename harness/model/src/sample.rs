//! The sample of one worker: a snapshot per stage, and how the worker ended. Each worker is one independent
//! observation; readings of the same worker are not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Quantity, Stage, Timeline};

/// A worker's memory and figures at one stage, in the unit of each quantity ([`Quantity::unit`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Quantity, u64>);

impl Snapshot {
    /// Adds to a quantity; empty categories are left out.
    pub fn add(&mut self, quantity: impl Into<Quantity>, value: u64) {
        let quantity = quantity.into();
        if value > 0 || quantity.category().is_none() {
            *self.0.entry(quantity).or_default() += value;
        }
    }

    /// The value of a quantity; `None` if it was not read.
    #[must_use]
    pub fn get(&self, quantity: impl Into<Quantity>) -> Option<u64> {
        self.0.get(&quantity.into()).copied()
    }

    /// All quantities, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (Quantity, u64)> + '_ {
        self.0.iter().map(|(quantity, value)| (*quantity, *value))
    }
}

/// The observations at one stage: the snapshot, read from outside, and the time since the previous stage, measured by
/// the worker without pauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The stage.
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
    /// It exited with another status, or before it reached its last stage.
    Exited {
        /// The exit status.
        status: i32,
    },
    /// It was terminated by a signal that neither the harness nor the out-of-memory killer sent.
    Signaled {
        /// The signal number.
        signal: i32,
    },
    /// The kernel's out-of-memory killer terminated it, or it aborted because an allocation failed.
    OutOfMemory,
    /// It exceeded its time limit and was killed.
    TimedOut {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// It violated the stage protocol and was killed.
    Protocol {
        /// What was wrong.
        message: String,
    },
    /// Its files could not be prepared, so no worker was started.
    NotPrepared {
        /// The family's error.
        reason: String,
    },
    /// Its program could not be executed.
    NotStarted {
        /// The error, without the path of the program, which differs between machines.
        reason: String,
    },
    /// Its memory could not be read, and it was killed.
    Unreadable {
        /// The file of `/proc` and the error, without the process id.
        reason: String,
    },
}

/// Baselines store this text, so it must not change.
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
            Self::NotPrepared { reason } => write!(f, "could not be prepared: {reason}"),
            Self::NotStarted { reason } => write!(f, "could not be started: {reason}"),
            Self::Unreadable { reason } => write!(f, "its memory could not be read: {reason}"),
        }
    }
}

/// Everything observed about one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The stages it reached, in order.
    pub readings: Vec<Reading>,
    /// The readings between its stages, if they were asked for.
    pub timeline: Option<Timeline>,
    /// How it ended.
    pub outcome: Outcome,
    /// Nanoseconds from spawn to exit, including pauses.
    pub lifetime_ns: u64,
    /// The text it reported, by name.
    pub notes: Vec<(String, String)>,
    /// The last lines that it wrote to stdout or stderr.
    pub output_tail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_printed_with_its_number_and_name() {
        for (signal, text) in [
            (9, "killed by signal 9 (SIGKILL)"),
            (11, "killed by signal 11 (SIGSEGV)"),
            (31, "killed by signal 31 (SIGSYS)"),
            (40, "killed by signal 40"),
        ] {
            assert_eq!(Outcome::Signaled { signal }.to_string(), text);
        }
    }
}
