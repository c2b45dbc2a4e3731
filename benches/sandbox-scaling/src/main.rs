//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use sandbox_scaling::{claims, family, questions};
use wasm_guests::GuestTarget;

pub(crate) fn main() -> ExitCode {
    let worker = option_env!("CARGO_BIN_EXE_sandbox-scaling-worker").unwrap_or("sandbox-scaling-worker");
    highwater::bench(family)
        .locked_versions(include_str!("../../../Cargo.lock"), ["wasmtime"])
        .context([GuestTarget::context()])
        .claims(claims::all())
        .questions(questions::all())
        .worker(worker)
        .main()
}
