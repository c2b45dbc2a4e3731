//! The check that committed artefacts, sources and manifest match. It needs no build and no toolchain, only hashes,
//! so it can run anywhere.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::REBUILD;
use crate::{Entry, Error, Manifest, Shape, artefact, files, manifest, source};

/// A mismatch. Displays as one line, which ends with the next step.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The sources of a guest are not those that its artefact was built from.
    SourceChanged {
        /// The guest.
        name: String,
        /// The hash in the manifest.
        listed: String,
        /// The hash of its folder.
        found: String,
    },
    /// A guest is in the manifest but has no source folder.
    SourceMissing {
        /// The guest.
        name: String,
    },
    /// A source folder is not in the manifest.
    SourceUnlisted {
        /// The guest.
        name: String,
    },
    /// An artefact is not the module that the manifest describes.
    ArtefactAltered {
        /// The guest.
        name: String,
        /// The difference, in one line.
        detail: String,
    },
    /// A guest is in the manifest but has no artefact.
    ArtefactMissing {
        /// The guest.
        name: String,
    },
    /// A file in the artefacts folder belongs to no guest of the manifest.
    ArtefactUnlisted {
        /// The file.
        path: PathBuf,
    },
    /// Something could not be read and was not checked.
    Unreadable(Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceChanged { name, listed, found } => {
                let (listed, found) = (short(listed), short(found));
                write!(f, "{name}: its sources changed since it was built (hash {found}, listed {listed}); {REBUILD}")
            }
            Self::SourceMissing { name } => {
                write!(f, "{name}: listed in the manifest, but guests/{name}/ is missing; restore it, or {REBUILD}")
            }
            Self::SourceUnlisted { name } => {
                write!(f, "{name}: guests/{name}/ is not listed in the manifest; {REBUILD}")
            }
            Self::ArtefactAltered { name, detail } => {
                write!(f, "{name}: its artefact does not match the manifest: {detail}; restore it, or {REBUILD}")
            }
            Self::ArtefactMissing { name } => write!(
                f,
                "{name}: listed in the manifest, but artefacts/{name}{} is missing; restore it, or {REBUILD}",
                artefact::SUFFIX
            ),
            Self::ArtefactUnlisted { path } => {
                write!(f, "{}: no guest in the manifest has this artefact; remove it", path.display())
            }
            Self::Unreadable(error) => f.write_str(&error.one_line()),
        }
    }
}

/// A hash, shortened for display.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// All mismatches in this crate's folder at `root`, sorted by guest; empty if everything matches.
pub fn check(root: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(error) = check_all(root, &mut problems) {
        problems.push(Problem::Unreadable(error));
    }
    problems
}

fn check_all(root: &Path, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let path = root.join(manifest::FILE);
    let manifest = Manifest::parse(&files::read_text(&path)?, &path)?;
    let sources: BTreeSet<_> = source::names(&root.join("guests"))?.into_iter().collect();
    let mut strays: BTreeSet<_> = files::entries(&root.join("artefacts"))?.into_iter().collect();

    for entry in &manifest.guests {
        problems.extend(match sources.contains(&entry.name) {
            true => check_source(root, entry).unwrap_or_else(|error| Some(Problem::Unreadable(error))),
            false => Some(Problem::SourceMissing { name: entry.name.clone() }),
        });
        let path = artefact::path(root, &entry.name);
        problems.extend(match strays.remove(&path) {
            true => check_artefact(&path, entry).unwrap_or_else(|error| Some(Problem::Unreadable(error))),
            false => Some(Problem::ArtefactMissing { name: entry.name.clone() }),
        });
    }
    let unlisted = sources.into_iter().filter(|name| manifest.get(name).is_none());
    problems.extend(unlisted.map(|name| Problem::SourceUnlisted { name }));
    problems.extend(strays.into_iter().map(|path| Problem::ArtefactUnlisted { path }));
    Ok(())
}

fn check_source(root: &Path, entry: &Entry) -> Result<Option<Problem>, Error> {
    let found = source::sha256(&root.join("guests").join(&entry.name))?;
    Ok((found != entry.source_sha256).then(|| Problem::SourceChanged {
        name: entry.name.clone(),
        listed: entry.source_sha256.clone(),
        found,
    }))
}

fn check_artefact(path: &Path, entry: &Entry) -> Result<Option<Problem>, Error> {
    let gz = files::read(path)?;
    let detail = differs(&gz, entry).err();
    Ok(detail.map(|detail| Problem::ArtefactAltered { name: entry.name.clone(), detail }))
}

/// The first difference between an artefact and its entry. Size and shape are compared too, because the hash verifies
/// only the module, not the manifest's other fields.
fn differs(gz: &[u8], entry: &Entry) -> Result<(), String> {
    let wasm = artefact::decompress(gz).map_err(|error| error.to_string())?;
    same("SHA-256", &files::sha256(&wasm), &entry.wasm_sha256)?;
    same("size in bytes", &(wasm.len() as u64), &entry.wasm_bytes)?;
    let shape = Shape::of(&wasm).map_err(|error| error.to_string())?;
    same("exports", &shape.exports.join(", "), &entry.shape.exports.join(", "))?;
    same("declared memory in wasm pages", &shape.memory_pages, &entry.shape.memory_pages)?;
    same("initialised bytes", &shape.data_bytes, &entry.shape.data_bytes)
}

fn same<T: PartialEq + fmt::Display>(what: &str, found: &T, listed: &T) -> Result<(), String> {
    if found == listed { Ok(()) } else { Err(format!("its {what}: {found}, listed {listed}")) }
}
