//! Versions of dependencies from a `Cargo.lock`, for the context of a family.

use highwater_model::Context;
use semver::Version;
use serde::Deserialize;

/// The parts of a `Cargo.lock` that are read.
#[derive(Deserialize)]
struct Lockfile {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
}

/// The version of a package in a `Cargo.lock`. If the package occurs in several versions, the newest; `wasmtime@43`
/// selects the newest 43.x. `None` if the text is not a lock file or has no such package.
#[must_use]
pub fn locked_version(lock: &str, package: &str) -> Option<String> {
    newest(&toml::from_str(lock).ok()?, package)
}

/// The versions of those packages that the lock file has, by name.
pub(crate) fn locked_versions(lock: &str, packages: &[&'static str]) -> Context {
    let Ok(lock) = toml::from_str::<Lockfile>(lock) else { return Context::default() };
    let named = |package: &&'static str| {
        let name = package.split('@').next().unwrap_or(package);
        Some((name.to_owned(), newest(&lock, package)?))
    };
    packages.iter().filter_map(named).collect()
}

fn newest(lock: &Lockfile, package: &str) -> Option<String> {
    let (name, prefix) = package.split_once('@').unwrap_or((package, ""));
    let is_wanted = |version: &Version| {
        let text = version.to_string();
        prefix.is_empty() || text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let versions = lock.package.iter().filter(|package| package.name == name);
    versions
        .map(|package| &package.version)
        .filter(|version| is_wanted(version))
        .max()
        .map(|version| version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(packages: &[(&str, &str)]) -> String {
        let entry =
            |(name, version): &(&str, &str)| format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        format!("version = 4\n{}", packages.iter().map(entry).collect::<String>())
    }

    #[test]
    fn a_package_is_matched_by_its_full_name() {
        let lock = lock(&[("wasmtime-environ", "1.0.0"), ("wasmtime", "48.0.8")]);
        assert_eq!(locked_version(&lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked_version(&lock, "wasm"), None);
    }

    #[test]
    fn the_newest_matching_version_is_returned() {
        let versions = ["4.0.0", "43.0.1", "43.0.10", "43.0.9", "48.0.8"];
        let lock = lock(&versions.map(|version| ("wasmtime", version)));
        let version = |package| locked_version(&lock, package);
        assert_eq!(version("wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(version("wasmtime@43").as_deref(), Some("43.0.10"));
        assert_eq!(version("wasmtime@43.0.9").as_deref(), Some("43.0.9"));
        assert_eq!(version("wasmtime@4").as_deref(), Some("4.0.0"));
        assert_eq!(version("wasmtime@5"), None);
    }

    #[test]
    fn versions_are_listed_by_name_without_those_that_are_missing() {
        let lock = lock(&[("extism", "1.30.0"), ("wasmtime", "43.0.2"), ("wasmtime", "48.0.8")]);
        let versions = locked_versions(&lock, &["extism", "wasmtime@43", "wasm"]);
        let expected = [("extism", "1.30.0"), ("wasmtime", "43.0.2")];
        assert_eq!(versions, expected.map(|(name, version)| (name.to_owned(), version.to_owned())).into());
        assert_eq!(locked_versions("not a lock file", &["wasmtime"]), Context::default());
    }

    #[test]
    fn the_lock_file_of_this_workspace_is_read() {
        let lock = include_str!("../../../Cargo.lock");
        assert_eq!(locked_version(lock, "highwater").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(locked_version("not a lock file", "highwater"), None);
    }
}
