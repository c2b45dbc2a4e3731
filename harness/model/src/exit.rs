//! Exit statuses of `highwater` and of every bench binary.

/// Everything passed. Improvements pass, too.
pub const PASSED: u8 = 0;
/// The harness failed: for example, a file could not be read or written, or a system call failed. From `highwater
/// doctor`: nothing can be measured on this machine.
pub const INTERNAL: u8 = 1;
/// The command line or a policy is invalid.
pub const USAGE: u8 = 2;
/// A gated metric regressed or exceeded its budget, workers failed that do not fail in the baseline, or a case of the
/// baseline is missing or was not run. From `highwater capacity --verify`: a prediction is off by more than 5 %. From
/// `highwater bisect` and `ab --bisect-versions`: the change was found.
pub const REGRESSED: u8 = 3;
/// There is no baseline for this machine class.
pub const NO_BASELINE: u8 = 4;
/// A regression was neither confirmed nor refuted; only with `--strict`. From `highwater capacity --verify`: a
/// prediction could not be tested on this machine.
pub const UNCONFIRMED: u8 = 5;
/// From `highwater ab` and `bisect`: one of the revisions cannot be measured, for example because it does not build.
/// `git bisect run` skips a revision with this status.
pub const UNTESTABLE: u8 = 125;
/// The user interrupted the run: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;
