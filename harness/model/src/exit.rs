//! Exit statuses of `highwater` and of every bench binary (design §4).

/// All held; improvements too.
pub const HELD: u8 = 0;
/// The harness failed: a file could not be read or written, a system call was refused. Of
/// `highwater doctor`: nothing can be measured on this machine.
pub const INTERNAL: u8 = 1;
/// The command line or a policy asks for something that makes no sense.
pub const USAGE: u8 = 2;
/// A gated metric regressed, went over its budget, or a worker died that used to live. Of
/// `highwater capacity --verify`: a prediction is more than 5 % off.
pub const REGRESSED: u8 = 3;
/// There is no baseline to compare with for this machine class.
pub const NO_BASELINE: u8 = 4;
/// A regression was neither confirmed nor refuted; only with `--strict`. Of `highwater capacity --verify`:
/// a prediction could not be put to the test here.
pub const UNCONFIRMED: u8 = 5;
/// Of `highwater ab`: one of the revisions cannot be measured (it does not build, say). The number that
/// has `git bisect run` skip a revision.
pub const UNTESTABLE: u8 = 125;
/// The user stopped it: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;
