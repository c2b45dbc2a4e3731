//! The first file of an archive: what is in it, and where it can run.

use std::{env::consts, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The version of the format.
pub(super) const FORMAT: u32 = 1;
/// The path of the manifest in an archive.
pub(super) const PATH: &str = "highwater-archive/manifest.json";

/// What is in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of the format.
    pub(super) format: u32,
    /// The version of the command that packed it.
    pub(super) highwater: String,
    /// The architecture and the operating system of its programs.
    pub(super) arch: String,
    pub(super) os: String,
    /// The commit of the sources.
    pub(super) commit: Option<String>,
    /// When it was packed.
    pub(super) packed: String,
    /// The benches.
    pub(super) benches: Vec<PackedBench>,
}

/// A bench.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PackedBench {
    /// Its family.
    pub(super) family: String,
    /// Its binary, as a path in the archive.
    pub(super) program: PathBuf,
}

impl Manifest {
    /// Why its programs cannot run here.
    pub(super) fn problem(&self) -> Option<String> {
        let here = (consts::ARCH, consts::OS);
        if self.format != FORMAT {
            return Some(format!("an archive of format {}; this command reads format {FORMAT}", self.format));
        }
        ((self.arch.as_str(), self.os.as_str()) != here).then(|| {
            format!("its programs are for {} on {}, this machine is {} on {}", self.arch, self.os, here.0, here.1)
        })
    }
}
