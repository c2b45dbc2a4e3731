//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use forced_commit::{claims, family};
use wasm_guests::GuestTarget;

pub(crate) fn main() -> ExitCode {
    let version = |package| highwater::locked_version(include_str!("../../../Cargo.lock"), package);
    let unknown = || "unknown".to_owned();
    let versions = [("wasmtime", version("wasmtime"))];
    let versions = versions.map(|(name, version)| (name.to_owned(), version.unwrap_or_else(unknown)));
    let worker = option_env!("CARGO_BIN_EXE_forced-commit-worker").unwrap_or("forced-commit-worker");
    highwater::bench(family)
        .context(versions)
        .context([GuestTarget::context()])
        .claims(claims::all())
        .worker(worker)
        .main()
}
