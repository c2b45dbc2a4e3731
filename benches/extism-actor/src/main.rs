//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use extism_actor::{claims, family, questions};
use wasm_guests::GuestTarget;

pub(crate) fn main() -> ExitCode {
    let worker = option_env!("CARGO_BIN_EXE_extism-actor-worker").unwrap_or("extism-actor-worker");
    highwater::bench(family)
        // Extism and the control share this version of wasmtime; the other families use a different one.
        .locked_versions(include_str!("../../../Cargo.lock"), ["extism", "wasmtime@43"])
        .context([GuestTarget::context()])
        .claims(claims::all())
        .questions(questions::all())
        .worker(worker)
        .main()
}
