//! Precompiled guests on disk, so that a measured worker maps a finished artefact and never holds a compiler.
//!
//! ```text
//! dir/NAME-<key>.cwasm          what the caller's compiler made; key: 16 hex digits of
//!                               SHA-256(the module's SHA-256, the caller's engine key)
//! dir/NAME-<key>.cwasm.sha256   its checksum, as `sha256sum -c` reads it
//! dir/.lock                     held while an entry is rebuilt
//! ```
//!
//! An entry counts only with a checksum that matches it, and the checksum is written last: whatever interrupts a
//! writer, the next reader sees a whole entry or rebuilds it. That matters beyond tidiness, for engines map these
//! files as code without checking them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Error, Guest, files};

/// A folder of precompiled guests, which any number of processes may use at once.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The cache in that folder, which need not exist yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The absolute path of the guest's precompiled form, which `compile` makes from the module unless a sound one
    /// is there. `engine` must name everything that the form depends on: the engine, its version, its settings and
    /// the machine where those matter. When nothing is to be made, this costs one hash of the file.
    pub fn precompiled<E>(
        &self,
        guest: &Guest,
        engine: &str,
        compile: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<PathBuf, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let dir = std::path::absolute(&self.dir).map_err(Error::reading(&self.dir))?;
        let path = dir.join(file_name(guest, engine));
        if is_sound(&path) {
            return Ok(path);
        }
        fs::create_dir_all(&dir).map_err(Error::writing(&dir))?;
        let _lock = lock(&dir)?;
        // Whoever held the lock before may have made it.
        if is_sound(&path) {
            return Ok(path);
        }
        let compiled = compile(&guest.wasm()?).map_err(|error| Error::Compile {
            name: guest.name().to_owned(),
            engine: engine.to_owned(),
            source: error.into(),
        })?;
        files::write_whole(&path, &compiled)?;
        files::write_whole(&checksum_path(&path), checksum_line(&path, &files::sha256(&compiled)).as_bytes())?;
        Ok(path)
    }
}

fn file_name(guest: &Guest, engine: &str) -> String {
    let key = files::sha256(format!("{}\n{engine}", guest.entry().wasm_sha256).as_bytes());
    format!("{}-{}.cwasm", guest.name(), &key[..16])
}

fn checksum_path(path: &Path) -> PathBuf {
    path.with_added_extension("sha256")
}

fn checksum_line(path: &Path, sha256: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{sha256}  {name}\n")
}

/// Whether the entry is there and is what its checksum says. An unreadable one is as good as none: making it anew
/// either mends that or fails with the reason.
fn is_sound(path: &Path) -> bool {
    // The small file first: without it, there is no use in hashing the large one.
    let Ok(line) = fs::read_to_string(checksum_path(path)) else {
        return false;
    };
    files::sha256_file(path).is_ok_and(|sha256| line == checksum_line(path, &sha256))
}

/// Waits until no other thread or process is making an entry. Without it two writers could pair the artefact of one
/// with the checksum of the other. The lock ends with the returned file, also when its process is killed.
fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(".lock");
    let file = File::options().create(true).append(true).open(&path).map_err(Error::writing(&path))?;
    file.lock().map_err(Error::writing(&path))?;
    Ok(file)
}
