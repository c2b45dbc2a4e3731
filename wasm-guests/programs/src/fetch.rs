//! Fetches packages from crates.io as data. `cargo info` downloads one `.crate` file, without dependencies, into
//! cargo's cache, through whatever mirror or proxy cargo is configured for. The file is used only if it has the pinned
//! SHA-256.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::{Error, Progress};

/// One package.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its exact version.
    pub(crate) version: &'static str,
    /// SHA-256 of its `.crate` file, as in crates.io's index.
    pub(crate) sha256: &'static str,
}

impl Package {
    /// The `.crate` file, a gzipped tar.
    pub(crate) fn get(&self, progress: Progress<'_>) -> Result<Vec<u8>, Error> {
        if let Some(found) = self.cached() {
            return Ok(found);
        }
        progress(&format!("fetching {self} from crates.io"));
        // Not in a workspace's folder, where the lock file would determine the version.
        let elsewhere = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .args(["info", "--quiet", &format!("{}@{}", self.name, self.version)])
            .current_dir(elsewhere.path())
            .output()
            .map_err(|error| self.unavailable(format!("cargo does not start: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(self.unavailable(said.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        self.cached().ok_or_else(|| self.unavailable("cargo's cache has no such file with the pinned SHA-256".into()))
    }

    /// The valid file in cargo's cache, which has one folder per registry or mirror.
    fn cached(&self) -> Option<Vec<u8>> {
        let file = format!("{}-{}.crate", self.name, self.version);
        let registries = fs::read_dir(cargo_home()?.join("registry/cache")).ok()?;
        let candidates = registries.flatten().filter_map(|registry| fs::read(registry.path().join(&file)).ok());
        candidates.into_iter().find(|bytes| format!("{:x}", Sha256::digest(bytes)) == self.sha256)
    }

    fn unavailable(&self, detail: String) -> Error {
        Error::Fetch { package: format!("{}@{}", self.name, self.version), detail }
    }

    /// The files of the package that match `wanted`, with their paths inside it.
    pub(crate) fn files(
        &self,
        progress: Progress<'_>,
        wanted: impl Fn(&Path) -> bool,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let broken = |error: std::io::Error| self.unavailable(error.to_string());
        let content = self.get(progress)?;
        let mut archive = tar::Archive::new(GzDecoder::new(&content[..]));
        let mut files = Vec::new();
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let path = entry.path().map_err(broken)?.components().skip(1).collect::<PathBuf>();
            if wanted(&path) {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(broken)?;
                files.push((path, content));
            }
        }
        Ok(files)
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Cargo's home folder, found as cargo does.
fn cargo_home() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_package_is_a_one_line_error_with_the_command() {
        let package = Package { name: "highwater-no-such-package", version: "0.0.1", sha256: "" };
        let error = package.get(&|_| ()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("cargo info highwater-no-such-package@0.0.1"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
