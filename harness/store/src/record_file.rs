//! Reading and writing of records and baselines: errors name the file and the problem in one line, and writes are
//! atomic.

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

/// Why a record or a baseline could not be read or written. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file does not exist.
    #[error("{0}: no such record")]
    Missing(PathBuf),
    /// An I/O error.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The file is not a record, or it is truncated.
    #[error("{path}: not a complete Highwater record ({problem}); restore it from git, or remove it and measure again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        problem: String,
    },
    /// A baseline has an invalid line.
    #[error("{path}:{line}: {problem}; restore the baseline from git, or measure and bless")]
    BaselineLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A baseline in the JSON format that preceded the text format.
    #[error(
        "{path}: a baseline in the JSON format of an older version; convert it: highwater bless --run {folder} \
         --baselines {baselines} --reason \"converted\" --allow-dirty --allow-failures"
    )]
    OldBaseline {
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// The folder of all baselines.
        baselines: PathBuf,
    },
    /// A record that no reader would accept.
    #[error("{path}: not written, because it could not be read again: {problem}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What is wrong with the record.
        problem: String,
    },
    /// The file is valid, but belongs to another family or machine class.
    #[error(
        "{path}: contains the record of {found}; move it to the right place, and restore this file from git if needed"
    )]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The family and machine class in the file.
        found: String,
    },
    /// The call stacks of a case are not those that this build expects there.
    #[error("{path}: no call stacks of this case ({problem}); run `highwater explain` again")]
    Stacks {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
    /// The file was written by an older build.
    #[error("{path}: schema version {found}, this build reads version {SCHEMA_VERSION}; remove it and measure again")]
    Older {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u64,
    },
    /// The file was written by a newer build.
    #[error("{path}: schema version {found}, this build reads up to {SCHEMA_VERSION}; use a newer highwater")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u64,
    },
}

#[derive(Deserialize)]
struct Versioned {
    schema: u64,
    /// Only in baselines in the old JSON format.
    #[serde(default)]
    blessed: Option<IgnoredAny>,
}

/// The maximum size of a record. One with twelve cases of twenty workers each has 0.3 MiB.
const LARGEST: Bytes = Bytes(256 << 20);

/// Reads and validates a record.
///
/// # Errors
/// A [`StoreError`], whose one-line message names the file and a remedy.
pub fn read_record(path: &Path) -> Result<Record, StoreError> {
    let text = read_file(path, LARGEST).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => StoreError::Io { path: path.to_owned(), source },
    })?;
    parse_record(path, &text)
}

/// The maximum size of a baseline. That of sandbox-scaling has 0.2 MiB.
const LARGEST_BASELINE: Bytes = Bytes(16 << 20);

/// Reads a baseline.
///
/// # Errors
/// A [`StoreError`], whose one-line message names the file and a remedy.
pub fn read_baseline(path: &Path) -> Result<Baseline, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let text = read_file(path, LARGEST_BASELINE).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => io(source),
    })?;
    let text = String::from_utf8(text).map_err(|error| io(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    parse_baseline(path, &text)
}

/// Writes a baseline to a temporary file; see [`Staged`].
///
/// # Errors
/// [`StoreError::Io`] if the folder or the file cannot be written.
pub fn stage_baseline(path: &Path, baseline: &Baseline) -> Result<Staged, StoreError> {
    stage(path, baseline_text(baseline).as_bytes())
}

fn parse_record(path: &Path, text: &[u8]) -> Result<Record, StoreError> {
    let malformed = |problem: String| StoreError::Malformed { path: path.to_owned(), problem: one_line(&problem) };
    let version: Versioned = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    match version.schema {
        0 => return Err(malformed("schema version 0".into())),
        // A baseline in the old format has version 1, and is converted below.
        found if found < u64::from(SCHEMA_VERSION) && version.blessed.is_none() => {
            return Err(StoreError::Older { path: path.to_owned(), found });
        }
        found if found > u64::from(SCHEMA_VERSION) => return Err(StoreError::Newer { path: path.to_owned(), found }),
        _ => {}
    }
    let parsed = match version.blessed {
        None => serde_json::from_slice(text),
        Some(_) => serde_json::from_slice(text).map(converted).and_then(serde_json::from_value),
    };
    let record: Record = parsed.map_err(|error| malformed(error.to_string()))?;
    match record.validate() {
        Err(problem) => Err(malformed(problem)),
        Ok(()) => Ok(record),
    }
}

/// Turns a baseline in the old JSON format, a record of version 1 with additional fields, into the record of its run.
fn converted(mut record: Value) -> Value {
    fn rename(value: &mut Value, from: &str, to: Option<&str>) {
        let Some(fields) = value.as_object_mut() else { return };
        if let (Some(value), Some(to)) = (fields.remove(from), to) {
            fields.insert(to.to_owned(), value);
        }
    }
    rename(&mut record, "blessed", None);
    rename(&mut record, "reference", Some("baseline_stage"));
    rename(&mut record, "schema", None);
    if let Some(fields) = record.as_object_mut() {
        fields.insert("schema".to_owned(), SCHEMA_VERSION.into());
    }
    for case in record.get_mut("cases").and_then(Value::as_array_mut).into_iter().flatten() {
        rename(case, "noise", None);
        rename(case, "died", Some("failures"));
    }
    record
}

/// Writes a record atomically ([`write_atomically`]).
///
/// # Errors
/// [`StoreError::Unwritable`] if [`read_record`] would reject it, and [`StoreError::Io`] if the folder or the file cannot
/// be written.
pub fn write_record(path: &Path, record: &Record) -> Result<(), StoreError> {
    stage_record(path, record)?.commit()
}

/// Writes a file with a temporary file in the same folder, fsync and rename. Creates the folder if it does not exist.
///
/// # Errors
/// [`StoreError::Io`] if the folder or the file cannot be written; an existing file is then unchanged.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    stage(path, content)?.commit()
}

/// A file that is complete on disk under a temporary name, in the folder of the file that it is to replace. To update
/// several files, stage all of them before committing the first: if there is not enough space, none is changed.
/// Dropping it removes the temporary file.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

fn stage_record(path: &Path, record: &Record) -> Result<Staged, StoreError> {
    let unwritable = |problem: String| StoreError::Unwritable { path: path.to_owned(), problem: one_line(&problem) };
    record.validate().map_err(unwritable)?;
    let text = json::to_text(record).map_err(|error| StoreError::Io { path: path.to_owned(), source: error.into() })?;
    if text.len() as u64 > LARGEST.0 {
        return Err(unwritable(format!("it would have {}, more than {LARGEST}", Bytes(text.len() as u64))));
    }
    stage(path, text.as_bytes())
}

/// The prefix of temporary files. They have no extension, so that they are not mistaken for records.
const TEMPORARY_PREFIX: &str = ".highwater-";

/// Whether this is the name of a temporary file.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes())
}

fn stage(path: &Path, content: &[u8]) -> Result<Staged, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(io)?;
    let mut file = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder).map_err(io)?;
    // Write to the inner file, because errors of `NamedTempFile` name the temporary path.
    file.as_file_mut().write_all(content).map_err(io)?;
    // Temporary files are private by default.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    Ok(Staged { file, path: path.to_owned() })
}

impl Staged {
    /// Renames the file to its final name.
    ///
    /// # Errors
    /// [`StoreError::Io`] if that fails; an existing file is then unchanged.
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
