//! Records on disk: read with one clear error for whatever is wrong, written whole or not at all.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Record, SCHEMA_VERSION, json};

/// Why a record could not be read or written. Every one names the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("{0}: no such record")]
    Missing(PathBuf),
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is not a record, or only part of one.
    #[error("{path}: not a whole Highwater record ({problem}); restore it from git or measure again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        problem: String,
    },
    /// It is a whole record, and not the one that belongs here.
    #[error("{path}: holds the record of {found}; move it to its place or restore this one from git")]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// Family and machine class of what it holds.
        found: String,
    },
    /// It was written by a newer build.
    #[error("{path}: record of schema version {found}, this build reads up to {SCHEMA_VERSION}; use a newer highwater")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

#[derive(Deserialize)]
struct Versioned {
    schema: u64,
}

/// Reads a record and checks that its columns fit together.
///
/// # Errors
/// [`StoreError`], one line that names the file and what to do.
pub fn read_record(path: &Path) -> Result<Record, StoreError> {
    let text = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => StoreError::Io { path: path.to_owned(), source },
    })?;
    parse_record(path, &text)
}

fn parse_record(path: &Path, text: &[u8]) -> Result<Record, StoreError> {
    let malformed = |problem: String| StoreError::Malformed { path: path.to_owned(), problem };
    let version: Versioned = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    if version.schema > u64::from(SCHEMA_VERSION) {
        return Err(StoreError::Newer { path: path.to_owned(), found: version.schema });
    }
    let record: Record = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    match record.cases.iter().find_map(|case| case.flaw()) {
        Some(flaw) => Err(malformed(flaw)),
        None => Ok(record),
    }
}

/// Writes a record whole or not at all ([`write_atomically`]).
///
/// # Errors
/// [`StoreError::Io`] when the folder or the file cannot be written.
pub fn write_record(path: &Path, record: &Record) -> Result<(), StoreError> {
    let text = json::to_text(record).map_err(|error| StoreError::Io { path: path.to_owned(), source: error.into() })?;
    write_atomically(path, text.as_bytes())
}

/// Writes a file by way of a temporary one beside it, fsync and rename; creates the folder.
///
/// # Errors
/// [`StoreError::Io`] when the folder or the file cannot be written; the old file then stands.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io)?;
    let mut file = tempfile::Builder::new().prefix(".highwater-").tempfile_in(folder).map_err(io)?;
    file.write_all(content).map_err(io)?;
    // Temporary files are private by default; a record is as readable as any other file.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}
