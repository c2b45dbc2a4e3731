//! Passes the version of the compiler to the library, for the fingerprint of runs.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&output);
    println!("cargo::rustc-env=HIGHWATER_RUSTC={}", version.trim());
}
