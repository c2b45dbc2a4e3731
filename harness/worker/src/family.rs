//! A family: the cases of one bench crate.

use crate::Case;

/// The cases of one bench crate.
pub struct Family {
    /// The name, which is the first part of each case id.
    pub name: &'static str,
    /// The name of one unit of a ladder, in the singular: `sandbox`.
    pub unit: &'static str,
    /// The stage that growth is measured from: everything shared is loaded, and there are no units yet.
    pub baseline_stage: &'static str,
    /// The cases.
    pub cases: Vec<Box<dyn Case>>,
}

/// The version of a package in a `Cargo.lock`, for the context of a record. If there are several, the newest; `wasmtime@43`
/// selects the newest version 43.
#[must_use]
pub fn locked_version(lock: &str, package: &str) -> Option<String> {
    let (name, prefix) = package.split_once('@').unwrap_or((package, ""));
    let field = |entry: &str, key: &str| {
        let value = entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(value.trim_matches('"').to_owned())
    };
    let versions = lock.split("[[package]]").filter(|entry| field(entry, "name").as_deref() == Some(name));
    // Cargo sorts entries with the same name by version.
    versions
        .filter_map(|entry| field(entry, "version"))
        .filter(|version| prefix.is_empty() || version.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_matched_by_its_full_name() {
        let lock = "[[package]]\nname = \"wasmtime-environ\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked_version(lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn the_newest_matching_version_is_returned() {
        let entry = |version: &str| format!("[[package]]\nname = \"wasmtime\"\nversion = \"{version}\"\n\n");
        let lock = ["4.0.0", "43.0.1", "43.0.2", "48.0.8"].map(entry).concat();
        let version = |package| locked_version(&lock, package);
        assert_eq!(version("wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(version("wasmtime@43").as_deref(), Some("43.0.2"));
        assert_eq!(version("wasmtime@4").as_deref(), Some("4.0.0"));
        assert_eq!(version("wasmtime@5"), None);
    }
}
