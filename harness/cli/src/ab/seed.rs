//! Gives a second target folder what cargo has compiled of others' crates already, by hard links: the
//! base would compile every dependency anew otherwise. What is the workspace's own is left out, since
//! cargo names it alike in every checkout and would take one revision's for the other's.

use std::{collections::BTreeSet, fs, path::Path};

/// Cargo's folders of one profile.
const FOLDERS: [&str; 3] = [".fingerprint", "build", "deps"];

/// Links what `from` has of a profile and `to` has not, `own` aside: names of packages and targets.
/// Where that fails (another file system, say) cargo has more to compile, and nothing is wrong.
pub(super) fn seed(from: &Path, to: &Path, own: &BTreeSet<String>) {
    for folder in FOLDERS {
        let (from, to) = (from.join("release").join(folder), to.join("release").join(folder));
        for entry in from.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !is_own(&name.to_string_lossy(), own) && !to.join(&name).exists() {
                link(&entry.path(), &to.join(&name));
            }
        }
    }
}

/// Whether an artefact is of one of these: `libhighwater-0123456789abcdef.rlib`.
fn is_own(artefact: &str, own: &BTreeSet<String>) -> bool {
    let stem = artefact.split('.').next().unwrap_or(artefact);
    let Some((name, _hash)) = stem.rsplit_once('-') else { return false };
    let plain = |name: &str| own.contains(&name.replace('_', "-"));
    plain(name) || name.strip_prefix("lib").is_some_and(plain)
}

/// Links a file, or a folder's files.
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
    fn all_but_the_workspaces_own_is_linked() {
        let place = tempfile::tempdir().expect("a folder");
        let (from, to) = (place.path().join("from"), place.path().join("to"));
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
        let own = ["highwater", "wasm-guests"].map(str::to_owned).into();
        seed(&from, &to, &own);
        let there = files.map(|file| to.join("release").join(file).exists());
        assert_eq!(there, [true, false, false, true, false, false, true]);
    }
}
