//! The marginal cost of a wasmtime sandbox by allocation strategy, copy-on-write, access and load, with
//! guests from a module that does nothing to CPython with numpy.
//!
//! A sandbox is a `Store` with one instance. Modules and components are precompiled and mapped from files, as
//! in production: compiling inside the worker would leave freed heap that hides the cost of the first
//! instances.
//!
//! ```text
//!  start            the bare process
//!  engine           + Engine, with the address space of its pool, if any
//!  loaded           + code, mapped from its precompiled file            (growth is measured from here)
//!  live@N           + N instances that have run nothing
//!  initialised@N    programs: the first N have run "0", which initialises Python
//!  called@N         + the first N of them have been called once; programs: their check passed
//!  again@N          programs: the first N have run their check a second time
//!  dropped          - all instances; engine and code stay
//!  trimmed          - what malloc_trim returns to the system
//! ```

mod axes;
mod caused;
mod ceiling;
pub mod claims;
mod guest;
mod host;
mod matrix;
mod program;
pub mod questions;
mod room;
mod sandbox;
mod session;
mod strategy;
mod threads;

use highwater_worker::{Case, Family};

pub use axes::{Access, Load};
pub use caused::{Caused, LIMIT, LIMITER, Limited, NOTHING, Route};
pub use ceiling::{Ceiling, Limit};
pub use guest::Guest;
pub use matrix::ROWS;
pub use sandbox::Sandbox;
pub use session::{Code, Session, WINDOW};
pub use strategy::{Allocation, POOL_SLOTS, PROGRAM_SLOTS, Pool, Shape, Strategy};

/// The family's name.
pub const NAME: &str = "sandbox-scaling";

/// The family with all cases.
#[must_use]
pub fn family() -> Family {
    let mut cases: Vec<Box<dyn Case>> = Vec::new();
    add(&mut cases, ROWS.iter().copied());
    add(&mut cases, Session::ALL);
    add(&mut cases, Ceiling::ALL);
    add(&mut cases, Caused::all());
    Family { name: NAME, unit: "sandbox", baseline_stage: "loaded", cases }
}

fn add<C: Case + 'static>(cases: &mut Vec<Box<dyn Case>>, more: impl IntoIterator<Item = C>) {
    cases.extend(more.into_iter().map(|case| Box::new(case) as Box<dyn Case>));
}
