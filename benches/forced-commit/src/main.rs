//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use forced_commit::{claims, family, questions};
use wasm_guests::GuestTarget;

pub(crate) fn main() -> ExitCode {
    let worker = option_env!("CARGO_BIN_EXE_forced-commit-worker").unwrap_or("forced-commit-worker");
    highwater::bench(family)
        .locked_versions(include_str!("../../../Cargo.lock"), ["wasmtime"])
        .context([GuestTarget::context()])
        .claims(claims::all())
        .questions(questions::all())
        .worker(worker)
        .main()
}
