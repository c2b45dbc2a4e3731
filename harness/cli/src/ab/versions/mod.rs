//! Other versions of dependencies: a copy of the sources in which `cargo` resolves a dependency to the version that was
//! asked for (`ab --with`).

mod lock;
mod manifest;
mod published;
mod sources;
mod update;

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use cargo_metadata::MetadataCommand;
use semver::Version;
use toml_edit::DocumentMut;

pub(crate) use self::{lock::is_same, published::Published};
use self::{
    lock::{Lock, Package},
    manifest::Change,
};
use super::{
    Untestable, WORKING_TREE,
    checkout::{Place, Workspace},
    pair::Built,
};
use crate::CliError;

/// A dependency and the version that it gets: `NAME=VERSION`, or `NAME@OLD=VERSION` if the lock file has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requested {
    pub(crate) name: String,
    /// The version in the lock file, or its first parts.
    pub(crate) old: Option<String>,
    pub(crate) version: Version,
}

/// The text is not a dependency and a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestedError {
    /// There is no version.
    #[error("it has no version: use NAME=VERSION, for example wasmtime=47.0.4")]
    NoVersion,
    /// There is no name.
    #[error("it has no name: use NAME=VERSION, for example wasmtime=47.0.4")]
    NoName,
    /// The version is not one.
    #[error("`{0}` is not a version: use all three numbers, for example 47.0.4")]
    Version(String),
}

impl FromStr for Requested {
    type Err = RequestedError;

    fn from_str(text: &str) -> Result<Self, RequestedError> {
        let (package, version) = text.split_once('=').ok_or(RequestedError::NoVersion)?;
        Self::of(package, parsed(version)?)
    }
}

impl Requested {
    /// `NAME` or `NAME@OLD`, and the version that it gets.
    pub(crate) fn of(package: &str, version: Version) -> Result<Self, RequestedError> {
        let (name, old) = match package.split_once('@') {
            Some((name, old)) => (name, Some(old.to_owned())),
            None => (package, None),
        };
        if name.is_empty() {
            return Err(RequestedError::NoName);
        }
        Ok(Self { name: name.to_owned(), old, version })
    }
}

/// A version in full.
pub(crate) fn parsed(version: &str) -> Result<Version, RequestedError> {
    version.parse().map_err(|_| RequestedError::Version(version.to_owned()))
}

/// As it is written on the command line.
impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = self.old.as_ref().map_or(String::new(), |old| format!("@{old}"));
        write!(f, "{}{old}={}", self.name, self.version)
    }
}

/// What was changed in a copy of the sources.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The dependencies that were asked for.
    pub(crate) changes: Vec<Change>,
    /// What else changed in the lock file.
    pub(crate) others: Vec<String>,
}

impl Chosen {
    /// `wasmtime 47.0.4 and wasmtime-wasi 47.0.4`.
    pub(crate) fn new_versions(&self) -> String {
        joined(self.changes.iter().map(|change| format!("{} {}", change.name, change.to)))
    }

    /// `wasmtime 48.0.8 and wasmtime-wasi 48.0.8`.
    pub(crate) fn old_versions(&self) -> String {
        joined(self.changes.iter().map(|change| format!("{} {}", change.name, change.from)))
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// The versions that the registry of a dependency has now, oldest first.
///
/// # Errors
/// Returns [`CliError::Usage`] if it is not a dependency, and [`Untestable`] if cargo cannot ask the registry.
pub(crate) fn published(workspace: &Path, requested: &Requested) -> Result<Vec<Published>, CliError> {
    let lock = Lock::read(workspace)?;
    Ok(update::published(workspace, lock.find(requested)?)?)
}

/// The packages of the lock file that are asked for, with their changes.
///
/// # Errors
/// Returns [`CliError::Usage`] if one does not exist, is ambiguous, not from a registry, or asked for twice. With
/// `must_change`, also if it has the version already.
pub(crate) fn find(
    workspace: &Path,
    requested: &[Requested],
    must_change: bool,
) -> Result<Vec<(Change, Package)>, CliError> {
    let lock = Lock::read(workspace)?;
    let mut found: Vec<(Change, Package)> = Vec::new();
    for one in requested {
        let package = lock.find(one)?.clone();
        let Requested { name, version, .. } = one;
        if found.iter().any(|(_, other)| *other == package) {
            return Err(CliError::Usage(format!("{name} {} is named twice", package.version)));
        }
        if must_change && is_same(&package.version, version) {
            return Err(CliError::Usage(format!("{name} is {version} already, so there is nothing to compare")));
        }
        let change = Change { name: name.clone(), from: package.version.clone(), to: version.clone() };
        found.push((change, package));
    }
    Ok(found)
}

/// Chooses the versions in a copy of a workspace. A copy without a lock file gets that of the workspace.
///
/// # Errors
/// Those of [`find()`]; [`CliError::Usage`] for a version that does not exist, and [`Untestable`] if the requirements of
/// other packages do not allow it, or cargo cannot ask the registry.
pub(crate) fn choose(workspace: &Workspace, copy: &Path, requested: &[Requested]) -> Result<Chosen, CliError> {
    let lock = copy.join("Cargo.lock");
    if !lock.exists() {
        let from = workspace.root.join("Cargo.lock");
        fs::copy(&from, &lock).map_err(|source| CliError::Io { path: from, source })?;
    }
    let changes = find(copy, requested, false)?;
    let before = Lock::read(copy)?;
    for path in manifests(copy)? {
        let io_error = |source| CliError::Io { path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(io_error)?;
        let mut manifest: DocumentMut =
            text.parse().map_err(|_| Untestable(format!("{} is not a manifest", path.display())))?;
        // Each is edited: `any` would stop at the first.
        let edited = changes.iter().filter(|(change, _)| manifest::allow(&mut manifest, change)).count();
        if edited > 0 {
            fs::write(&path, manifest.to_string()).map_err(io_error)?;
        }
    }
    update::choose(copy, &changes)?;
    let changes: Vec<Change> = changes.into_iter().map(|(change, _)| change).collect();
    let names: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    let others = before.other_changes(&Lock::read(copy)?, &names);
    let chosen = Chosen { changes, others };
    chosen.verify(copy)?;
    Ok(chosen)
}

impl Chosen {
    /// Checks that the lock file has what was asked for, in place of what it had.
    ///
    /// # Errors
    /// Returns [`Untestable`] if it has not.
    pub(crate) fn verify(&self, workspace: &Path) -> Result<(), CliError> {
        let lock = Lock::read(workspace)?;
        for Change { name, from, to } in &self.changes {
            if !lock.has(name, to) {
                return Err(Untestable(format!("cargo did not choose {name} {to}")).into());
            }
            if !is_same(from, to) && lock.has(name, from) {
                return Err(Untestable(format!("{name} {from} is still required beside {to}")).into());
            }
        }
        Ok(())
    }
}

/// Copies the working tree to a place, with other versions. Returns the root of the workspace there.
///
/// # Errors
/// Those of [`choose()`], or if a file cannot be copied.
pub(crate) fn copy(
    workspace: &Workspace,
    place: Place,
    requested: &[Requested],
) -> Result<(PathBuf, Chosen), CliError> {
    let folder = sources::copy_working_tree(workspace, place)?;
    let chosen = choose(workspace, &folder, requested)?;
    Ok((folder, chosen))
}

/// Builds the benches of a copy.
///
/// # Errors
/// Returns [`Untestable`] if it does not build, or not with these versions.
pub(crate) fn build(
    folder: PathBuf,
    chosen: &Chosen,
    place: Place,
    workspace: &Workspace,
    packages: &[String],
) -> Result<Built, CliError> {
    let benches = workspace.build_at(place, &folder, packages)?;
    chosen.verify(&folder)?;
    let name = chosen.new_versions();
    Ok(Built { commit: format!("{WORKING_TREE} with {name}"), name, root: folder, benches })
}

/// The manifests of a workspace: those of its packages, and its own.
fn manifests(workspace: &Path) -> Result<BTreeSet<PathBuf>, Untestable> {
    let root = workspace.join("Cargo.toml");
    let metadata = MetadataCommand::new().no_deps().manifest_path(&root).exec();
    let metadata = metadata.map_err(|error| Untestable(highwater_store::one_line(error.to_string().trim())))?;
    let members = metadata.packages.into_iter().map(|package| package.manifest_path.into_std_path_buf());
    Ok(members.chain([root]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_name_and_a_version() {
        for text in ["wasmtime=47.0.4", "wasmtime@48=47.0.4", "fyaml-sys=0.1.1-alpha.2"] {
            assert_eq!(text.parse::<Requested>().map(|request| request.to_string()), Ok(text.to_owned()));
        }
        let errors = ["wasmtime", "wasmtime=", "wasmtime=47", "wasmtime=^47.0.0", "=47.0.4"];
        let errors = errors.map(|text| format!("{text}: {}", text.parse::<Requested>().expect_err(text)));
        insta::assert_snapshot!(errors.join("\n"), @r"
        wasmtime: it has no version: use NAME=VERSION, for example wasmtime=47.0.4
        wasmtime=: `` is not a version: use all three numbers, for example 47.0.4
        wasmtime=47: `47` is not a version: use all three numbers, for example 47.0.4
        wasmtime=^47.0.0: `^47.0.0` is not a version: use all three numbers, for example 47.0.4
        =47.0.4: it has no name: use NAME=VERSION, for example wasmtime=47.0.4
        ");
    }

    #[test]
    fn versions_are_listed_as_in_a_sentence() {
        let change = |name: &str| Change { name: name.into(), from: Version::new(2, 0, 0), to: Version::new(1, 0, 0) };
        let chosen =
            |names: &[&str]| Chosen { changes: names.iter().map(|name| change(name)).collect(), others: vec![] };
        assert_eq!(chosen(&["a"]).new_versions(), "a 1.0.0");
        assert_eq!(chosen(&["a", "b", "c"]).old_versions(), "a 2.0.0, b 2.0.0 and c 2.0.0");
    }
}
