//! What one more wasmtime sandbox costs, by allocation strategy and copy-on-write.
//!
//! A sandbox is a `Store` with one instance in it. The module is compiled beforehand and mapped from
//! its file, as in production: compiling inside the worker would leave freed heap that hides the cost
//! of the first instances.
//!
//! ```text
//!  start            the bare process
//!  engine           + Engine, with the pool's address space where there is one
//!  loaded           + Module, mapped from its precompiled file          (reference of all growth)
//!  live@N           + N instances that have run nothing
//!  called@N         + the first N of them have been called once
//!  dropped          - all instances; the engine and the module stay
//!  trimmed          - what malloc_trim gives back
//! ```

mod sandbox;
mod strategy;

use highwater::{Case, Context, Family, locked_version};

pub use sandbox::{Guest, Sandbox};
pub use strategy::{Allocation, POOL_SLOTS, Strategy};

/// Every strategy with every guest.
#[must_use]
pub fn family() -> Family {
    let cases = Strategy::ALL.into_iter().flat_map(|strategy| {
        Guest::ALL.into_iter().map(move |guest| Box::new(Sandbox { strategy, guest }) as Box<dyn Case>)
    });
    let version = locked_version(include_str!("../../../Cargo.lock"), "wasmtime");
    Family {
        name: "sandbox-scaling",
        unit: "sandbox",
        reference: "loaded",
        context: Context::from([("wasmtime".to_owned(), version.unwrap_or_else(|| "unknown".to_owned()))]),
        cases: cases.collect(),
        claims: Vec::new(),
    }
}
