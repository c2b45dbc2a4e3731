//! The last step of a rebuild: turns built modules into artefacts and a manifest. `build-guests.sh` runs it as
//! `guests pack DIR`.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::error::REBUILD;
use crate::{Entry, Error, Manifest, Shape, artefact, files, manifest, source};

/// The result of packing one guest. Displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The guest.
    pub name: String,
    /// How its module changed.
    pub change: Change,
}

/// How a guest's module changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is identical to the previous one.
    Same,
    /// It replaced a different module.
    Changed,
    /// It is new.
    Added,
    /// Its sources no longer exist, so its artefact was removed.
    Removed,
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Same => "unchanged",
            Change::Changed => "changed",
            Change::Added => "new",
            Change::Removed => "removed (no sources)",
        };
        write!(f, "{}: {change}", self.name)
    }
}

/// Compresses `built/NAME.wasm` of each guest that has sources under `root`, the folder of this crate, and rewrites
/// the manifest. `toolchain` is recorded in the manifest as the compiler that built them.
pub fn pack(root: &Path, built: &Path, toolchain: &str) -> Result<Vec<Packed>, Error> {
    let path = root.join(manifest::FILE);
    let before = match files::read_text(&path) {
        Ok(text) => Manifest::parse(&text, &path)?,
        // The file does not exist on the first run.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Manifest::default(),
        Err(error) => return Err(error),
    };
    let mut after = Manifest::default();
    let mut packed = Vec::new();
    for name in source::names(&root.join("guests"))? {
        let entry = pack_one(root, built, &name, toolchain)?;
        let change = match before.get(&name) {
            Some(old) if old.wasm_sha256 == entry.wasm_sha256 => Change::Same,
            Some(_) => Change::Changed,
            None => Change::Added,
        };
        packed.push(Packed { name, change });
        after.guests.push(entry);
    }
    for Entry { name, .. } in before.guests {
        let stray = artefact::path(root, &name);
        if after.get(&name).is_none() {
            if stray.exists() {
                fs::remove_file(&stray).map_err(Error::writing(&stray))?;
            }
            packed.push(Packed { name, change: Change::Removed });
        }
    }
    // Written last: if packing stops before this, the check detects it by the old manifest.
    files::write_whole(&path, after.render(&path)?.as_bytes())?;
    Ok(packed)
}

fn pack_one(root: &Path, built: &Path, name: &str, toolchain: &str) -> Result<Entry, Error> {
    let folder = root.join("guests").join(name);
    let unusable = |detail: String| Error::Module { name: name.to_owned(), detail, advice: REBUILD };
    if !manifest::is_name(name) {
        let advice = "rename its folder: a guest's name consists of a-z, 0-9 and -";
        return Err(Error::Module { name: name.to_owned(), detail: "its name is invalid".to_owned(), advice });
    }
    let wasm = files::read(&built.join(format!("{name}.wasm")))?;
    let shape = Shape::of(&wasm).map_err(|error| unusable(error.to_string()))?;
    if !shape.exports.iter().any(|export| export == "memory") {
        return Err(unusable("it does not export `memory`, which is needed to identify its pages".to_owned()));
    }
    let path = artefact::path(root, name);
    let gz = artefact::compress(&wasm).map_err(|error| unusable(error.to_string()))?;
    files::write_whole(&path, &gz)?;
    Ok(Entry {
        name: name.to_owned(),
        description: description(&folder.join("Cargo.toml"))?,
        wasm_sha256: files::sha256(&wasm),
        wasm_bytes: wasm.len() as u64,
        source_sha256: source::sha256(&folder)?,
        shape,
        toolchain: toolchain.to_owned(),
    })
}

/// The description in a guest's `Cargo.toml`, which the manifest repeats.
fn description(path: &Path) -> Result<String, Error> {
    let unusable = |detail: &str| Error::Text {
        path: path.to_owned(),
        detail: detail.replace('\n', " "),
        advice: "state the guest's purpose in its package's `description`",
    };
    let text = files::read_text(path)?;
    let toml: toml::Table = toml::from_str(&text).map_err(|error| unusable(error.message()))?;
    let description = toml.get("package").and_then(|package| package.get("description")?.as_str());
    description.map(str::to_owned).ok_or_else(|| unusable("it has no package.description"))
}
