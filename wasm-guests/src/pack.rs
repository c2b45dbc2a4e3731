//! The last step of a rebuild: built modules become artefacts and a manifest. `build-guests.sh` runs it as
//! `guests pack DIR`.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::error::REBUILD;
use crate::{Entry, Error, Manifest, Shape, artefact, files, manifest, source};

/// What packing did to one guest. It prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The guest.
    pub name: String,
    /// What became of its module.
    pub change: Change,
}

/// What became of a guest's module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is byte for byte the one that was there.
    Same,
    /// It replaced another.
    Changed,
    /// There was none.
    Added,
    /// Its sources are gone, and so now is its artefact.
    Removed,
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Same => "the same as before",
            Change::Changed => "changed",
            Change::Added => "new",
            Change::Removed => "removed, for it has no sources",
        };
        write!(f, "{}: {change}", self.name)
    }
}

/// Compresses `built/NAME.wasm` of each guest that has sources under `root`, the folder of this crate, and rewrites
/// the manifest. `toolchain` is what the manifest will say built them.
pub fn pack(root: &Path, built: &Path, toolchain: &str) -> Result<Vec<Packed>, Error> {
    let path = root.join(manifest::FILE);
    let before = match files::read_text(&path) {
        Ok(text) => Manifest::parse(&text, &path)?,
        // The very first time there is none.
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
    // Last: should any of this stop half-way, the old manifest makes the check say so.
    files::write_whole(&path, after.render(&path)?.as_bytes())?;
    Ok(packed)
}

fn pack_one(root: &Path, built: &Path, name: &str, toolchain: &str) -> Result<Entry, Error> {
    let folder = root.join("guests").join(name);
    let unusable = |detail: String| Error::Module { name: name.to_owned(), detail, advice: REBUILD };
    if !manifest::is_name(name) {
        let advice = "rename its folder: a guest's name has only a-z, 0-9 and -";
        return Err(Error::Module { name: name.to_owned(), detail: "it has a bad name".to_owned(), advice });
    }
    let wasm = files::read(&built.join(format!("{name}.wasm")))?;
    let shape = Shape::of(&wasm).map_err(|error| unusable(error.to_string()))?;
    if !shape.exports.iter().any(|export| export == "memory") {
        return Err(unusable("it exports no `memory`, without which its pages cannot be told apart".to_owned()));
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

/// The description in a guest's `Cargo.toml`: the manifest repeats it, so that it is written once.
fn description(path: &Path) -> Result<String, Error> {
    let unusable = |detail: &str| Error::Text {
        path: path.to_owned(),
        detail: detail.replace('\n', " "),
        advice: "a guest's package says in its `description` what the guest is for",
    };
    let text = files::read_text(path)?;
    let toml: toml::Table = toml::from_str(&text).map_err(|error| unusable(error.message()))?;
    let description = toml.get("package").and_then(|package| package.get("description")?.as_str());
    description.map(str::to_owned).ok_or_else(|| unusable("it has no package.description"))
}
