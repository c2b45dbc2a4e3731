//! A cache of generated files: precompiled guests, so that a measured worker maps a finished artefact and never runs a
//! compiler, and the programs that the crate `wasm-programs` builds.
//!
//! ```text
//! dir/NAME-<key>.cwasm          output of the caller's compiler; key: 16 hex digits of
//!                               SHA-256(the module's SHA-256, the caller's engine key)
//! dir/NAME-<key>.cwasm.sha256   its checksum, in the format of `sha256sum -c`
//! dir/NAME.wasm, + .sha256      placed by a recipe
//! dir/.lock                     locked while an entry is rebuilt
//! ```
//!
//! An entry is valid only if its checksum matches, and the checksum is written last. If a writer is interrupted, the
//! next reader therefore sees a complete entry or rebuilds it. This is a safety requirement: engines map these files
//! as code without checking them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Error, Guest, files};

/// A folder of generated files, which any number of processes may use concurrently.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

/// A valid file of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its absolute path.
    pub path: PathBuf,
    /// SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
}

impl Cache {
    /// A cache in the given folder, which need not exist yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The absolute path of the folder.
    pub fn dir(&self) -> Result<PathBuf, Error> {
        std::path::absolute(&self.dir).map_err(Error::reading(&self.dir))
    }

    /// Returns the absolute path of the guest's precompiled form. `compile` produces it from the module unless the
    /// cache has a valid one. `engine` must identify everything that the form depends on: the engine, its version,
    /// its settings and, if it matters, the machine. A cache hit costs one hash of the file.
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

    /// Returns the file `NAME-<hash of key>.EXTENSION`. `make` produces its content unless the cache has a valid one.
    /// `key` must identify everything that the content depends on. `make` must not use this cache, which is locked
    /// while it runs.
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
        // The previous holder of the lock may have created it.
        if let Some(made) = sound(&path) {
            return Ok(made);
        }
        Ok(write(path, &make()?)?)
    }

    /// Returns the folder `NAME`. `fill` fills it unless it exists. The folder is created atomically, with everything
    /// that `fill` wrote; later changes to it are not detected. `fill` must not use this cache, which is locked while
    /// it runs.
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

    /// Writes the content to the file of that name, replacing any existing file.
    pub fn place(&self, file_name: &str, content: &[u8]) -> Result<Made, Error> {
        let _lock = self.lock()?;
        write(self.dir()?.join(file_name), content)
    }

    /// The file of that name, if a valid one was placed.
    pub fn placed(&self, file_name: &str) -> Result<Option<Made>, Error> {
        Ok(sound(&self.dir()?.join(file_name)))
    }

    /// Waits until no other thread or process is writing an entry. Without the lock, two writers could pair the
    /// artefact of one with the checksum of the other. Dropping the returned file releases the lock, as does the death
    /// of the process.
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

/// The entry, if it exists and matches its checksum. An unreadable entry counts as missing: rebuilding it either fixes
/// the problem or fails with the reason.
fn sound(path: &Path) -> Option<Made> {
    // The small file first: without it, hashing the large one is pointless.
    let line = fs::read_to_string(checksum_path(path)).ok()?;
    let sha256 = files::sha256_file(path).ok()?;
    (line == checksum_line(path, &sha256)).then(|| Made { path: path.to_owned(), sha256 })
}
