//! A copy of this crate's sources, artefacts and manifest that a test may damage.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The copy; removed on drop.
pub(crate) struct Tree(TempDir);

impl Tree {
    /// A copy of the committed files.
    pub(crate) fn copy() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let committed = committed();
        for part in ["guests", "artefacts"] {
            copy_folder(&committed.join(part), &tree.root().join(part));
        }
        fs::copy(committed.join("manifest.toml"), tree.root().join("manifest.toml")).unwrap();
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn artefact(&self, name: &str) -> PathBuf {
        self.root().join(format!("artefacts/{name}.wasm.gz"))
    }
}

/// The folder of this crate.
pub(crate) fn committed() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, with its content.
#[allow(dead_code, reason = "not every test binary compares trees")]
pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path())).unwrap();
        // As in the source hash, build output is not a source.
        if path.is_dir() && name != "target" {
            copy_folder(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
