//! Whole programs as guests of wasmtime: CPython, numpy, sympy and JavaScript engines, and snapshots of a large table.
//! This crate builds their components, takes their snapshots with wasmtime-wizer, and runs them under a WASI with
//! deterministic clocks, random numbers and folders, so that two workers can agree to the page.
//!
//! ```text
//! crates.io --fetch--> libraries --link--> cpython.wasm --snapshot--> cpython-pre.wasm
//! recipes (just guests-numpy, guests-js) --place--> numpy.wasm, ... --snapshot--> numpy-pre.wasm, ...
//!                                                                          |
//!         Program::named("numpy-pre")?.files(&cache, &engine, progress)? <-+   in the parent: compiles, once
//!         Loaded::open(&engine, program, &files)?.instantiate()?.execute("print(1)")?   in the worker
//! ```
//!
//! It is separate from `wasm-guests` because it depends on an engine: wasmtime 48 with `component-model-async`.

mod cpython;
mod error;
mod fetch;
mod folders;
pub mod link;
mod program;
mod sandbox;
mod snapshot;
mod table;
mod wasi;

pub use error::Error;
pub use program::{Abi, Check, Program};
pub use sandbox::{Loaded, Sandbox, configure};
pub use table::Table;
pub use wasi::repeatable;

/// Receives one line for each step that takes seconds.
pub type Progress<'a> = &'a dyn Fn(&str);

/// Prints progress to standard error.
pub fn to_stderr(line: &str) {
    eprintln!("{line}");
}
