//! Files that are made once and then kept: precompiled guests, so that a measured worker maps a finished artefact and
//! never holds a compiler, and the programs that the crate `wasm-programs` builds.
//!
//! ```text
//! dir/NAME-<key>.cwasm          what the caller's compiler made; key: 16 hex digits of
//!                               SHA-256(the module's SHA-256, the caller's engine key)
//! dir/NAME-<key>.cwasm.sha256   its checksum, as `sha256sum -c` reads it
//! dir/NAME.wasm, + .sha256      what a recipe placed there
//! dir/.lock                     held while an entry is rebuilt
//! ```
//!
//! An entry counts only with a checksum that matches it, and the checksum is written last: whatever interrupts a
//! writer, the next reader sees a whole entry or rebuilds it. That matters beyond tidiness, for engines map these
//! files as code without checking them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Error, Guest, files};

/// A folder of made files, which any number of processes may use at once.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

/// A sound file of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its absolute path.
    pub path: PathBuf,
    /// SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
}

impl Cache {
    /// The cache in that folder, which need not exist yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The absolute path of the folder.
    pub fn dir(&self) -> Result<PathBuf, Error> {
        std::path::absolute(&self.dir).map_err(Error::reading(&self.dir))
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
        let key = format!("{}\n{engine}", guest.entry().wasm_sha256);
        let made = self.made(guest.name(), "cwasm", &key, || {
            compile(&guest.wasm()?).map_err(|error| Error::Compile {
                name: guest.name().to_owned(),
                engine: engine.to_owned(),
                source: error.into(),
            })
        })?;
        Ok(made.path)
    }

    /// The file `NAME-<hash of key>.EXTENSION`, whose content `make` returns unless a sound one is there. `key` must
    /// name everything that the content depends on. `make` must not use this cache: its lock is held.
    pub fn made<E: From<Error>>(
        &self,
        name: &str,
        extension: &str,
        key: &str,
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Made, E> {
        let key = files::sha256(key.as_bytes());
        let path = self.dir()?.join(format!("{name}-{}.{extension}", &key[..16]));
        if let Some(made) = sound(&path) {
            return Ok(made);
        }
        let _lock = self.lock()?;
        // Whoever held the lock before may have made it.
        if let Some(made) = sound(&path) {
            return Ok(made);
        }
        Ok(write(path, &make()?)?)
    }

    /// The folder `NAME`, which `fill` fills unless it is there. It appears whole, with all that `fill` wrote, or not
    /// at all; what is done to it later is not noticed. `fill` must not use this cache: its lock is held.
    pub fn folder<E: From<Error>>(&self, name: &str, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<PathBuf, E> {
        let path = self.dir()?.join(name);
        if path.is_dir() {
            return Ok(path);
        }
        let _lock = self.lock()?;
        if path.is_dir() {
            return Ok(path);
        }
        let unfinished = path.with_added_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(Error::writing(&unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(Error::writing(&unfinished))?;
        fill(&unfinished)?;
        fs::rename(&unfinished, &path).map_err(Error::writing(&path))?;
        Ok(path)
    }

    /// Puts the content into the file of that name, whatever was there.
    pub fn place(&self, file_name: &str, content: &[u8]) -> Result<Made, Error> {
        let _lock = self.lock()?;
        write(self.dir()?.join(file_name), content)
    }

    /// The file of that name, if a sound one was placed.
    pub fn placed(&self, file_name: &str) -> Result<Option<Made>, Error> {
        Ok(sound(&self.dir()?.join(file_name)))
    }

    /// Waits until no other thread or process is making an entry. Without it two writers could pair the artefact of
    /// one with the checksum of the other. The lock ends with the returned file, also when its process is killed.
    fn lock(&self) -> Result<File, Error> {
        let dir = self.dir()?;
        fs::create_dir_all(&dir).map_err(Error::writing(&dir))?;
        let path = dir.join(".lock");
        let file = File::options().create(true).append(true).open(&path).map_err(Error::writing(&path))?;
        file.lock().map_err(Error::writing(&path))?;
        Ok(file)
    }
}

fn write(path: PathBuf, content: &[u8]) -> Result<Made, Error> {
    let sha256 = files::sha256(content);
    files::write_whole(&path, content)?;
    files::write_whole(&checksum_path(&path), checksum_line(&path, &sha256).as_bytes())?;
    Ok(Made { path, sha256 })
}

fn checksum_path(path: &Path) -> PathBuf {
    path.with_added_extension("sha256")
}

fn checksum_line(path: &Path, sha256: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{sha256}  {name}\n")
}

/// The entry, if it is there and is what its checksum says. An unreadable one is as good as none: making it anew
/// either mends that or fails with the reason.
fn sound(path: &Path) -> Option<Made> {
    // The small file first: without it, there is no use in hashing the large one.
    let line = fs::read_to_string(checksum_path(path)).ok()?;
    let sha256 = files::sha256_file(path).ok()?;
    (line == checksum_line(path, &sha256)).then(|| Made { path: path.to_owned(), sha256 })
}
