//! What the workers of all engines share: the cases as data, the stages of a case, and [`Engine`], the calls that a
//! worker implements with its engine. The bench binary reads the same cases and links no engine.
//!
//! An instance has a store of its own, as for untrusted code: nothing but the module is shared.
//!
//! ```text
//!  instance: instances of one module    module: modules                      call: calls of one instance
//!
//!  start       the bare process          start     the bare process           start     the bare process
//!  engine      + the engine                                                   engine    + the engine
//!  loaded      + the module              loaded    + the bytes, to compile    loaded    + the module
//!  live@N      + N instances             live@N    + N engines, each with     live      + an instance
//!  called@N    the first N called once               its copy of the module   called@N  after N calls
//!  dropped     - the instances           dropped   - all of them              dropped   - the instance
//!  trimmed     - what malloc_trim returns to the system, in all kinds
//! ```
//!
//! `given` has the stages of `instance` for a module and a call that a user chooses (`just try`), and one more: `cycled`,
//! after instances were created, called and dropped one by one, with the median times.
//!
//! Growth is measured from `loaded`.

mod engine;
mod given;
mod guest;
mod host;
mod matrix;
mod process;
mod row;
mod setup;
mod stages;

pub use highwater_worker::{CaseResult, NotRun};

pub use engine::{Compiler, Engine};
pub use given::{Call, Given, INITIALIZE, Value};
pub use guest::Guest;
pub use host::{ELEMENTS, HOST, HostGuest, HostRow, Kept, LIMIT, LIMITER, Limited, NOTHING, Route, host_rows};
pub use matrix::{given_row, rows};
pub use process::{PRECOMPILE, main};
pub use row::{AnyRow, Kind, Load, Row};
pub use setup::{BUILDS, Build, SETUPS, Setup, wasmtime_versions};

/// The family's name.
pub const NAME: &str = "engines";
/// A unit of the ladders, in the singular.
pub const UNIT: &str = "unit";
/// The stage that growth is measured from.
pub const BASELINE_STAGE: &str = "loaded";
