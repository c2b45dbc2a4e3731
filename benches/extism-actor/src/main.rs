//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use extism_actor::{claims, family, questions};
use wasm_guests::GuestTarget;

/// The newest version, which this toolchain cannot build. For readers of a record: its figures are not about it.
const CURRENT: (&str, &str) = ("extism_current", "1.41.0, not measured: it needs wasmtime 49 and Rust 1.96");

pub(crate) fn main() -> ExitCode {
    let worker = option_env!("CARGO_BIN_EXE_extism-actor-worker").unwrap_or("extism-actor-worker");
    highwater::bench(family)
        // Extism and the control share this version of wasmtime; the other families use a different one.
        .locked_versions(include_str!("../../../Cargo.lock"), ["extism", "wasmtime@43"])
        .context([GuestTarget::context(), (CURRENT.0.to_owned(), CURRENT.1.to_owned())])
        .claims(claims::all())
        .questions(questions::all())
        .worker(worker)
        .main()
}
