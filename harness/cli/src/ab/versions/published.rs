//! The published versions of a package: from the copy of the registry's index that cargo keeps, or from a local registry
//! that replaces it.

use std::path::Path;

use semver::Version;
use tame_index::{
    Error, KrateName, PathBuf,
    flock::LockOptions,
    index::{ComboIndexCache, FileLock, IndexLocation, IndexUrl},
};

use super::lock::Package;

/// What lock files call crates.io.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A version in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) version: Version,
    pub(crate) is_yanked: bool,
}

/// The versions of a package that cargo last saw in its registry, oldest first. The configuration of cargo is that of the
/// workspace.
///
/// # Errors
/// If the configuration or the index cannot be read.
pub(super) fn versions_of(package: &Package, workspace: &Path) -> Result<Vec<Published>, Error> {
    let url = match package.source.as_deref() {
        None | Some(CRATES_IO) => IndexUrl::crates_io(PathBuf::from_path_buf(workspace.to_owned()).ok(), None, None)?,
        Some(other) => IndexUrl::NonCratesIo(other.to_owned().into()),
    };
    let index = ComboIndexCache::new(IndexLocation::new(url))?;
    // In a folder of cargo that is read-only, no other cargo writes.
    let options = LockOptions::cargo_package_lock(None)?.shared();
    let lock = options.lock(|_| None).unwrap_or_else(|_| FileLock::unlocked());
    let Some(entry) = index.cached_krate(KrateName::try_from(package.name.as_str())?, &lock)? else {
        return Ok(Vec::new());
    };
    let published = |version: &tame_index::IndexVersion| {
        Some(Published { version: version.version.parse().ok()?, is_yanked: version.is_yanked() })
    };
    let mut versions: Vec<Published> = entry.deserialize()?.versions.iter().filter_map(published).collect();
    versions.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(versions)
}
