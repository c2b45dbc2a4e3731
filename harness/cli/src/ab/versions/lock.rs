//! The lock file: which packages it has, where they come from, who requires them, and what changed in it.

use std::{collections::BTreeSet, fs, path::Path};

use semver::Version;
use serde::Deserialize;

use super::Requested;
use crate::CliError;

/// How similar a name has to be that is suggested instead of an unknown one.
const SIMILAR: f64 = 0.8;

/// A `Cargo.lock`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Lock {
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
}

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// The registry or repository; none for packages of the workspace.
    #[serde(default)]
    pub(crate) source: Option<String>,
}

impl Lock {
    /// Reads the lock file of a workspace.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] if it does not exist, or is not a lock file.
    pub(crate) fn read(workspace: &Path) -> Result<Self, CliError> {
        let path = workspace.join("Cargo.lock");
        let text = fs::read_to_string(&path).map_err(|error| {
            CliError::Usage(format!("{}: {error}; build once, so that cargo writes it", path.display()))
        })?;
        toml::from_str(&text).map_err(|_| CliError::Usage(format!("{} is not a lock file", path.display())))
    }

    /// The package that a request is about.
    ///
    /// # Errors
    /// Returns [`CliError::Usage`] if the lock file has no such package, or several versions of it, or it is not from a registry.
    pub(crate) fn find(&self, requested: &Requested) -> Result<&Package, CliError> {
        let Requested { name, old, .. } = requested;
        let of_name: Vec<&Package> = self.packages.iter().filter(|package| package.name == *name).collect();
        let fits = |package: &&&Package| old.as_deref().is_none_or(|old| is_prefix(old, &package.version));
        let found: Vec<&Package> = of_name.iter().filter(fits).copied().collect();
        let problem = match (found.as_slice(), of_name.as_slice()) {
            ([], []) => format!("`{name}` is not in Cargo.lock{}", self.similar(name)),
            ([], others) => format!(
                "`{name}@{}` is not in Cargo.lock, which has {name} {}",
                old.as_deref().unwrap_or_default(),
                versions(others)
            ),
            ([package], _) => match package.source.as_deref() {
                Some(source) if !source.starts_with("git+") => return Ok(*package),
                Some(_) => format!("`{name}` comes from a git repository; only packages of a registry have versions"),
                None => format!("`{name}` comes from a folder; only packages of a registry have versions"),
            },
            (several, _) => format!(
                "Cargo.lock has {name} {}; choose one, for example `{name}@{}={}`",
                versions(several),
                several[0].version,
                requested.version
            ),
        };
        Err(CliError::Usage(problem))
    }

    /// Whether it has this version of a package.
    pub(crate) fn has(&self, name: &str, version: &Version) -> bool {
        self.packages.iter().any(|package| package.name == name && is_same(&package.version, version))
    }

    /// What else changed from `self` to `after`, as `name 1.0.0 -> 1.1.0`, `name 1.0.0 added` or `name 1.0.0 removed`,
    /// without the packages of these names.
    pub(crate) fn other_changes(&self, after: &Self, except: &BTreeSet<&str>) -> Vec<String> {
        let set = |lock: &Self| -> BTreeSet<Package> {
            lock.packages.iter().filter(|package| !except.contains(package.name.as_str())).cloned().collect()
        };
        let (before, after) = (set(self), set(after));
        let gone: BTreeSet<&Package> = before.difference(&after).collect();
        let new: BTreeSet<&Package> = after.difference(&before).collect();
        let names: BTreeSet<&str> = gone.iter().chain(&new).map(|package| package.name.as_str()).collect();
        let of = |set: &BTreeSet<&Package>, name: &str| -> Vec<Package> {
            set.iter().filter(|package| package.name == name).map(|package| (*package).clone()).collect()
        };
        let change = |name: &str| match (of(&gone, name), of(&new, name)) {
            (gone, new) if new.is_empty() => format!("{name} {} removed", versions(&gone)),
            (gone, new) if gone.is_empty() => format!("{name} {} added", versions(&new)),
            (gone, new) => format!("{name} {} -> {}", versions(&gone), versions(&new)),
        };
        names.into_iter().map(change).collect()
    }

    /// Names of packages that are similar to an unknown one.
    fn similar(&self, name: &str) -> String {
        let names: BTreeSet<&str> = self.packages.iter().map(|package| package.name.as_str()).collect();
        let mut similar: Vec<(f64, &str)> = names
            .into_iter()
            .map(|known| (strsim::jaro_winkler(name, known), known))
            .filter(|(similarity, _)| *similarity > SIMILAR)
            .collect();
        similar.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        match similar.iter().take(3).map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>() {
            none if none.is_empty() => String::new(),
            names => format!("; similar names: {}", names.join(", ")),
        }
    }
}

/// Whether two versions are the same for cargo, which ignores what follows a `+`.
pub(crate) fn is_same(one: &Version, other: &Version) -> bool {
    one.cmp_precedence(other).is_eq()
}

/// Whether a version begins with these parts: 48.0.8 begins with `48` and `48.0`.
fn is_prefix(parts: &str, version: &Version) -> bool {
    version.to_string().strip_prefix(parts).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `43.0.2 and 48.0.8`.
fn versions(packages: &[impl std::borrow::Borrow<Package>]) -> String {
    let versions: Vec<String> = packages.iter().map(|package| package.borrow().version.to_string()).collect();
    versions.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn lock(packages: &[(&str, &str, Option<&str>)]) -> Lock {
        let package = |(name, version, source): &(&str, &str, Option<&str>)| Package {
            name: (*name).to_owned(),
            version: version.parse().expect("a version"),
            source: source.map(str::to_owned),
        };
        Lock { packages: packages.iter().map(package).collect() }
    }

    fn found(lock: &Lock, request: &str) -> Result<String, String> {
        let found = lock.find(&request.parse().expect("a request"));
        found.map(|package| package.version.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_package_is_found_by_its_name_and_part_of_its_version() {
        let lock = lock(&[
            ("wasmtime", "43.0.2", Some(REGISTRY)),
            ("wasmtime", "48.0.8", Some(REGISTRY)),
            ("wasmtime-wasi", "48.0.8", Some(REGISTRY)),
            ("ours", "0.1.0", None),
            ("forked", "1.0.0", Some("git+https://example.org/forked#0123")),
        ]);
        assert_eq!(found(&lock, "wasmtime-wasi=47.0.4"), Ok("48.0.8".to_owned()));
        assert_eq!(found(&lock, "wasmtime@48=47.0.4"), Ok("48.0.8".to_owned()));
        assert_eq!(found(&lock, "wasmtime@43.0.2=47.0.4"), Ok("43.0.2".to_owned()));
        let errors =
            ["wasmtime=47.0.4", "wasmtime@4=47.0.4", "wasmtim=1.0.0", "zstd=1.0.0", "ours=1.0.0", "forked=1.0.1"];
        insta::assert_snapshot!(errors.map(|request| found(&lock, request).expect_err(request)).join("\n"), @r"
        Cargo.lock has wasmtime 43.0.2 and 48.0.8; choose one, for example `wasmtime@43.0.2=47.0.4`
        `wasmtime@4` is not in Cargo.lock, which has wasmtime 43.0.2 and 48.0.8
        `wasmtim` is not in Cargo.lock; similar names: `wasmtime`, `wasmtime-wasi`
        `zstd` is not in Cargo.lock
        `ours` comes from a folder; only packages of a registry have versions
        `forked` comes from a git repository; only packages of a registry have versions
        ");
    }

    #[test]
    fn the_build_of_a_version_does_not_matter() {
        let lock = lock(&[("serde_yaml", "0.9.34+deprecated", Some(REGISTRY))]);
        assert!(lock.has("serde_yaml", &Version::new(0, 9, 34)) && !lock.has("serde_yaml", &Version::new(0, 9, 33)));
    }

    #[test]
    fn other_changes_are_listed_by_name() {
        let before = lock(&[("a", "1.0.0", None), ("b", "1.0.0", None), ("c", "1.0.0", None), ("d", "1.0.0", None)]);
        let after = lock(&[("a", "2.0.0", None), ("b", "1.5.0", None), ("d", "1.0.0", None), ("e", "3.0.0", None)]);
        let changes = before.other_changes(&after, &["a"].into());
        assert_eq!(changes, ["b 1.0.0 -> 1.5.0", "c 1.0.0 removed", "e 3.0.0 added"]);
        assert_eq!(before.other_changes(&before, &BTreeSet::new()), Vec::<String>::new());
    }
}
