//! A new file that replaces the one of a kept tape when it is complete.
//!
//! A kept tape `NAME.tape` is written to `NAME.tape.new`, which is locked ([flock(2)]) until it is renamed. Of several
//! processes, one writes. A process that ends early leaves the file without a lock, and the next one removes it: there is
//! at most one for each kept tape. Nothing is ever written to a file that this process did not create.
//!
//! [flock(2)]: https://man7.org/linux/man-pages/man2/flock.2.html

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, OFlags, flock};

/// The path of a kept tape.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The mode of folders that are created for it.
    pub(super) folder_mode: u32,
}

/// The new file, which is removed unless it is renamed.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    place: PathBuf,
}

impl Draft {
    /// Creates the file. It is readable by no more users than `input`.
    ///
    /// # Errors
    /// When another process writes it at the moment, or the folder or the file cannot be created.
    pub(super) fn create(place: &Place, input: &File) -> io::Result<Self> {
        let mode = input.metadata()?.permissions().mode() & 0o444 | 0o600;
        if let Some(folder) = place.path.parent() {
            DirBuilder::new().recursive(true).mode(place.folder_mode).create(folder)?;
        }
        let mut name = place.path.as_os_str().to_owned();
        name.push(".new");
        let path = PathBuf::from(name);
        let file = match create_new(&path, mode) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                remove_abandoned(&path)?;
                create_new(&path, mode)
            }
            created => created,
        }?;
        // Another process may have taken the file for an abandoned one before it was locked.
        if !lock(&file, &path)? {
            return Err(ErrorKind::ResourceBusy.into());
        }
        Ok(Self { file, path, place: place.path.clone() })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Replaces the file of the kept tape. It is not synced: what a crash of the system damages is ignored by the next
    /// opener.
    ///
    /// # Errors
    /// When it cannot be renamed, such as over a directory.
    pub(super) fn replace(self) -> io::Result<()> {
        fs::rename(&self.path, &self.place)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename, the path is free or that of another process.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Removes a file that no process is writing.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let is_regular = fs::symlink_metadata(path)?.is_file();
    if is_regular {
        let file = File::options().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        if file.metadata()?.is_file() && !lock(&file, path)? {
            return Err(ErrorKind::ResourceBusy.into());
        }
        return fs::remove_file(path);
    }
    // Not one of this library.
    fs::remove_file(path)
}

/// Locks a file. Returns `false` if another process has locked it, or it is no longer at this path.
fn lock(file: &File, path: &Path) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(is_at(file, path)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let there = fs::symlink_metadata(path).map(identity);
    file.metadata().map(identity).is_ok_and(|here| there.is_ok_and(|there| there == here))
}
