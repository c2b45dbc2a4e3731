//! The folders of guest sources, and the hash that detects changed sources.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::files;

/// The names of the guests that have a source folder under `guests`, sorted.
pub(crate) fn names(guests: &Path) -> Result<Vec<String>, Error> {
    let folders = files::entries(guests)?.into_iter().filter(|path| path.is_dir());
    Ok(folders.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
}

/// SHA-256 over the relative path and content of every file in a guest's folder, in path order. Each is preceded by its
/// length, so that no two different folders hash the same bytes. Hidden files are included, because
/// `.cargo/config.toml` contains the linker's options; build output in `target/` is not.
pub(crate) fn sha256(folder: &Path) -> Result<String, Error> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.retain(|path| !path.starts_with(folder.join("target")));
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        for bytes in [relative.as_os_str().as_encoded_bytes(), &files::read(&path)?] {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    for path in files::entries(folder)? {
        // Links are not followed: a cycle would never end.
        if fs::symlink_metadata(&path).map_err(Error::reading(&path))?.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn hash(files: &[(&str, &str)]) -> String {
        sha256(folder(files).path()).unwrap()
    }

    #[test]
    fn the_hash_does_not_depend_on_where_the_folder_is() {
        assert_eq!(hash(&[("a", "1"), ("src/b", "2")]), hash(&[("src/b", "2"), ("a", "1")]));
    }

    #[test]
    fn the_hash_depends_on_content_path_and_their_boundary() {
        let hashes = [
            hash(&[("a", "1")]),
            hash(&[("a", "2")]),
            hash(&[("b", "1")]),
            hash(&[("ab", "")]),
            hash(&[("a", "1"), ("b", "")]),
            hash(&[(".cargo/a", "1")]),
        ];
        assert_eq!(hashes.iter().collect::<std::collections::BTreeSet<_>>().len(), hashes.len());
    }

    #[test]
    fn build_output_is_not_a_source() {
        assert_eq!(hash(&[("a", "1"), ("target/release/x", "2")]), hash(&[("a", "1")]));
        assert_ne!(hash(&[("a", "1"), ("src/target/x", "2")]), hash(&[("a", "1")]));
    }

    #[test]
    fn guests_are_folders_in_sorted_order() {
        let guests = folder(&[("b/x", ""), ("a/x", ""), ("README.md", "")]);
        assert_eq!(names(guests.path()).unwrap(), ["a", "b"]);
    }
}
