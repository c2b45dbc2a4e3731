//! Hard-links compiled dependencies to a second target folder, so that the base does not compile them again. Crates
//! of the workspace are excluded: cargo gives their artifacts the same names in every checkout and would mix up
//! the revisions.

use std::{collections::BTreeSet, fs, path::Path};

/// The subfolders of a profile.
const FOLDERS: [&str; 3] = [".fingerprint", "build", "deps"];

/// Links artifacts that are missing in `to`, except those of `workspace`, a set of package and target names. Failures
/// are ignored, for example across file systems: cargo then compiles more.
pub(super) fn link_dependencies(from: &Path, to: &Path, workspace: &BTreeSet<String>) {
    for folder in FOLDERS {
        let (from, to) = (from.join("release").join(folder), to.join("release").join(folder));
        for entry in from.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !belongs_to(&name.to_string_lossy(), workspace) && !to.join(&name).exists() {
                link(&entry.path(), &to.join(&name));
            }
        }
    }
}

/// Whether an artifact such as `libhighwater-0123456789abcdef.rlib` belongs to one of these packages or targets.
fn belongs_to(artifact: &str, names: &BTreeSet<String>) -> bool {
    let stem = artifact.split('.').next().unwrap_or(artifact);
    let Some((name, _hash)) = stem.rsplit_once('-') else { return false };
    let plain = |name: &str| names.contains(&name.replace('_', "-"));
    plain(name) || name.strip_prefix("lib").is_some_and(plain)
}

/// Links a file, or all files of a folder.
fn link(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in from.read_dir().into_iter().flatten().flatten() {
            link(&entry.path(), &to.join(entry.file_name()));
        }
    } else if let Some(folder) = to.parent() {
        let _ = fs::create_dir_all(folder);
        let _ = fs::hard_link(from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_of_the_workspace_are_not_linked() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let files = [
            "deps/libserde-12.rlib",
            "deps/libwasm_guests-34.rlib",
            "deps/wasm_guests-34.d",
            "build/wasmtime-56/output",
            "build/highwater-78/output",
            ".fingerprint/wasm-guests-34/lib-wasm_guests",
            ".fingerprint/wasm-encoder-90/lib-wasm_encoder",
        ];
        for file in files {
            let path = from.join("release").join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, file).expect("written");
        }
        let workspace = ["highwater", "wasm-guests"].map(str::to_owned).into();
        link_dependencies(&from, &to, &workspace);
        let linked = files.map(|file| to.join("release").join(file).exists());
        assert_eq!(linked, [true, false, false, true, false, false, true]);
    }
}
