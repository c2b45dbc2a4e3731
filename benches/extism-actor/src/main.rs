//! The family as a program: the bench target runs it, and tests, profilers and debuggers can.

use std::process::ExitCode;

use extism_actor::{claims, family};
use wasm_guests::GuestTarget;

pub(crate) fn main() -> ExitCode {
    let version = |package| highwater::locked_version(include_str!("../../../Cargo.lock"), package);
    let unknown = || "unknown".to_owned();
    // Extism and the control share this version of wasmtime; the other families use a different one.
    let versions = [("extism", version("extism")), ("wasmtime", version("wasmtime@43"))];
    let versions = versions.map(|(name, version)| (name.to_owned(), version.unwrap_or_else(unknown)));
    let worker = option_env!("CARGO_BIN_EXE_extism-actor-worker").unwrap_or("extism-actor-worker");
    highwater::bench(family)
        .context(versions)
        .context([GuestTarget::context()])
        .claims(claims::all())
        .worker(worker)
        .main()
}
