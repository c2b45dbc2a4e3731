//! Reading, hashing and atomic writing of files, with errors that name the path.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Error;

/// The content of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::reading(path))
}

/// The content of a text file.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::reading(path))
}

/// The entries of a folder, sorted by path.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        .map_err(Error::reading(folder))?;
    paths.sort();
    Ok(paths)
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// SHA-256 of a file's content, read in chunks: the caller may be a worker whose memory is being measured, and reading
/// a compiled guest as a whole would enlarge its heap.
pub(crate) fn sha256_file(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash)).map_err(Error::reading(path))?;
    Ok(format!("{:x}", hash.finalize()))
}

/// Atomically replaces the content of `path` with `bytes`: readers, and a machine that crashes, see either the old or
/// the new content.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes).map_err(Error::writing(path))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    // Readable by all, less the umask: temporary files are private by default, and rename keeps the permissions.
    let mut file = tempfile::Builder::new()
        .prefix(".")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    // Sync before the rename, or a crash could leave an empty file under the new name. There is a second reason: pages
    // that the kernel has not written back yet count as private dirty in a process that maps the file, so a new
    // `.cwasm` would be measured as that process's private memory.
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn writing_replaces_the_file_and_leaves_no_temporary_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"old").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(entries(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn write_errors_contain_the_path() {
        let error = write_whole(Path::new("/no/such/folder/file"), b"").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/file"), "{error}");
    }

    #[test]
    fn a_file_and_its_bytes_have_the_same_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        write_whole(&path, b"abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), known);
        assert_eq!(sha256_file(&path).unwrap(), known);
    }
}
