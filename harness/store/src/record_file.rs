//! Records on disk: read with one clear error for whatever is wrong, written whole or not at all.

use std::{
    ffi::OsStr,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use highwater_model::{Baseline, Bytes, Record, SCHEMA_VERSION};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::{baseline_text, json, one_line, parse_baseline, read_file};

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
    #[error("{path}: not a whole Highwater record ({problem}); restore it from git, or remove it and measure again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        problem: String,
    },
    /// A baseline has a line that makes no sense.
    #[error("{path}:{line}: {problem}; restore the baseline from git, or measure and bless")]
    BaselineLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A baseline of the form before text.
    #[error(
        "{path}: a baseline of an older highwater, in JSON; convert it: highwater bless --run {folder} \
         --baselines {baselines} --reason \"converted\" --allow-dirty --allow-died"
    )]
    OldBaseline {
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// The folder of all baselines.
        baselines: PathBuf,
    },
    /// It is a whole record, and not the one that belongs here.
    #[error(
        "{path}: holds the record of {found}; move it to its place, and restore this one from git if there was one"
    )]
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
    /// Of a baseline of the form before text.
    #[serde(default)]
    blessed: Option<IgnoredAny>,
}

/// The largest record that is read. One of twelve cases with twenty workers each has 0.3 MiB.
const LARGEST: Bytes = Bytes(256 << 20);

/// Reads a record and checks that it is sound.
///
/// # Errors
/// [`StoreError`], one line that names the file and what to do.
pub fn read_record(path: &Path) -> Result<Record, StoreError> {
    let text = read_file(path, LARGEST).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => StoreError::Io { path: path.to_owned(), source },
    })?;
    parse_record(path, &text)
}

/// The largest baseline that is read. That of sandbox-scaling has 0.2 MiB.
const LARGEST_BASELINE: Bytes = Bytes(16 << 20);

/// Reads a baseline.
///
/// # Errors
/// [`StoreError`], one line that names the file and what to do.
pub fn read_baseline(path: &Path) -> Result<Baseline, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let text = read_file(path, LARGEST_BASELINE).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => io(source),
    })?;
    let text = String::from_utf8(text).map_err(|error| io(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    parse_baseline(path, &text)
}

/// Stages a baseline.
///
/// # Errors
/// [`StoreError::Io`] when the folder or the file cannot be written.
pub fn stage_baseline(path: &Path, baseline: &Baseline) -> Result<Staged, StoreError> {
    stage(path, baseline_text(baseline).as_bytes())
}

fn parse_record(path: &Path, text: &[u8]) -> Result<Record, StoreError> {
    let malformed = |problem: String| StoreError::Malformed { path: path.to_owned(), problem: one_line(&problem) };
    let version: Versioned = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    match version.schema {
        0 => return Err(malformed("schema version 0".into())),
        found if found > u64::from(SCHEMA_VERSION) => return Err(StoreError::Newer { path: path.to_owned(), found }),
        _ => {}
    }
    let parsed = match version.blessed {
        None => serde_json::from_slice(text),
        Some(_) => serde_json::from_slice(text).map(without_old_fields).and_then(serde_json::from_value),
    };
    let record: Record = parsed.map_err(|error| malformed(error.to_string()))?;
    match record.check() {
        Err(flaw) => Err(malformed(flaw)),
        Ok(()) => Ok(record),
    }
}

/// A baseline of the form before text as the record of its run: without the blessing and the noise of its cases.
fn without_old_fields(mut record: Value) -> Value {
    let remove = |value: &mut Value, field: &str| value.as_object_mut().and_then(|fields| fields.remove(field));
    let _ = remove(&mut record, "blessed");
    for case in record.get_mut("cases").and_then(Value::as_array_mut).into_iter().flatten() {
        let _ = remove(case, "noise");
    }
    record
}

/// Writes a record whole or not at all ([`write_atomically`]).
///
/// # Errors
/// [`StoreError::Io`] when the folder or the file cannot be written.
pub fn write_record(path: &Path, record: &Record) -> Result<(), StoreError> {
    stage_record(path, record)?.commit()
}

/// Writes a file by way of a temporary one beside it, fsync and rename; creates the folder.
///
/// # Errors
/// [`StoreError::Io`] when the folder or the file cannot be written; the old file then stands.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    stage(path, content)?.commit()
}

/// A file that lies whole on the disk under a temporary name, beside the one it is to replace. Of
/// several, all are staged before the first is committed: what fails for want of space then changes
/// none of them. Dropped, it is removed.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

/// Stages a record.
///
/// # Errors
/// [`StoreError::Io`] when the folder or the file cannot be written.
fn stage_record(path: &Path, record: &Record) -> Result<Staged, StoreError> {
    let text = json::to_text(record).map_err(|error| StoreError::Io { path: path.to_owned(), source: error.into() })?;
    stage(path, text.as_bytes())
}

/// Temporary files begin with this and end in letters and digits, so that none is taken for a record.
const TEMPORARY: &str = ".highwater-";

/// Whether a file's name is that of one that was staged.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

fn stage(path: &Path, content: &[u8]) -> Result<Staged, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(io)?;
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(io)?;
    // Not through `file` itself, whose errors name the temporary file.
    file.as_file_mut().write_all(content).map_err(io)?;
    // Temporary files are private by default; a record is as readable as any other file.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    Ok(Staged { file, path: path.to_owned() })
}

impl Staged {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`StoreError::Io`] when that is refused; the old file then stands.
    pub fn commit(self) -> Result<(), StoreError> {
        let Self { file, path } = self;
        let io = |source| StoreError::Io { path: path.clone(), source };
        file.persist(&path).map_err(|error| io(error.error))?;
        let folder = folder_of(&path);
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
