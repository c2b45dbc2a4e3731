//! Brings compiled dependencies into a second target folder, so that the base does not compile them again. Crates
//! of the workspace are excluded: cargo gives their artifacts the same names in every checkout and would mix up
//! the revisions.

use std::{collections::BTreeSet, fs, io, path::Path};

use cargo_metadata::Metadata;

/// The subfolders of a profile.
const FOLDERS: [&str; 3] = [".fingerprint", "build", "deps"];

/// Brings artifacts from the target folder of this workspace, `from`, that are missing in `to`. Failures are ignored:
/// cargo then compiles more.
pub fn bring_dependencies(from: &Path, to: &Path, workspace: &Metadata) {
    let names = workspace.packages.iter().flat_map(|package| {
        std::iter::once(package.name.as_str()).chain(package.targets.iter().map(|target| target.name.as_str()))
    });
    bring_all(from, to, &names.map(|name| name.replace('_', "-")).collect());
}

/// Brings all artifacts but those of `workspace`, a set of package and target names.
fn bring_all(from: &Path, to: &Path, workspace: &BTreeSet<String>) {
    for folder in FOLDERS {
        let (from, to) = (from.join("release").join(folder), to.join("release").join(folder));
        for entry in from.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !belongs_to(&name.to_string_lossy(), workspace) && !to.join(&name).exists() {
                bring(&entry.path(), &to.join(&name));
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

/// Brings a file, or all files of a folder.
fn bring(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in from.read_dir().into_iter().flatten().flatten() {
            bring(&entry.path(), &to.join(entry.file_name()));
        }
    } else if let Some(folder) = to.parent() {
        let _ = fs::create_dir_all(folder);
        let _ = if is_replaced_whole(from) { fs::hard_link(from, to) } else { copy_with_time(from, to) };
    }
}

/// Whether the compiler replaces the file by another one, so that a hard link is safe. Cargo writes everything else in
/// place (fingerprints, lists of dependencies, output of build scripts): through a hard link, a build of the base would
/// make the artifacts of the working tree look stale.
fn is_replaced_whole(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["rlib", "rmeta", "so"].iter().any(|known| extension == *known))
}

/// Cargo compares modification times.
fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_of_the_workspace_are_not_brought() {
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
        bring_all(&from, &to, &workspace);
        let brought = files.map(|file| to.join("release").join(file).exists());
        assert_eq!(brought, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn files_that_cargo_writes_in_place_are_copies_of_the_same_age() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let files = ["deps/libserde-12.rlib", "deps/serde-12.d", ".fingerprint/serde-12/lib-serde", "build/a-1/output"];
        for file in files {
            let path = from.join("release").join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, file).expect("written");
            let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
            fs::File::options().write(true).open(path).and_then(|it| it.set_modified(hour_ago)).expect("set");
        }
        bring_all(&from, &to, &BTreeSet::new());
        let is_shared = files.map(|file| {
            let [a, b] = [&from, &to].map(|root| root.join("release").join(file).metadata().expect("there"));
            assert_eq!(a.modified().expect("known"), b.modified().expect("known"), "{file}");
            a.ino() == b.ino()
        });
        assert_eq!(is_shared, [true, false, false, false]);
    }
}
