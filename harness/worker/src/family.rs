//! A family: the cases of one bench crate and the claims that they decide.

use highwater_model::Context;

use crate::{Case, Claim};

/// One bench crate.
pub struct Family {
    /// Its name, the first part of every case id.
    pub name: &'static str,
    /// What one unit of a ladder is, in the singular: `sandbox`.
    pub unit: &'static str,
    /// The stage that growth is measured from: everything shared is there, no unit is.
    pub reference: &'static str,
    /// Versions and settings worth knowing when two runs differ.
    pub context: Context,
    /// Its lines.
    pub cases: Vec<Box<dyn Case>>,
    /// What people say about its subject.
    pub claims: Vec<Claim>,
}

/// The version of a package in a `Cargo.lock`, for [`Family::context`]. Where the lock has several, the
/// newest; `wasmtime@43` is the newest of 43.
#[must_use]
pub fn locked_version(lock: &str, package: &str) -> Option<String> {
    let (name, line) = package.split_once('@').unwrap_or((package, ""));
    let field = |entry: &str, key: &str| {
        let value = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(value.trim_matches('"').to_owned())
    };
    let versions = lock.split("[[package]]").filter(|entry| field(entry, "name").as_deref() == Some(name));
    // Cargo sorts entries of one name by version.
    versions
        .filter_map(|entry| field(entry, "version"))
        .filter(|version| line.is_empty() || version.strip_prefix(line).is_some_and(|rest| rest.starts_with('.')))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_version_is_found_by_the_whole_name() {
        let lock = "[[package]]\nname = \"wasmtime-environ\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked_version(lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn of_several_versions_the_newest_of_those_asked_for_is_told() {
        let entry = |version: &str| format!("[[package]]\nname = \"wasmtime\"\nversion = \"{version}\"\n\n");
        let lock = ["4.0.0", "43.0.1", "43.0.2", "48.0.8"].map(entry).concat();
        let told = |package| locked_version(&lock, package);
        assert_eq!(told("wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(told("wasmtime@43").as_deref(), Some("43.0.2"));
        assert_eq!(told("wasmtime@4").as_deref(), Some("4.0.0"));
        assert_eq!(told("wasmtime@5"), None);
    }
}
