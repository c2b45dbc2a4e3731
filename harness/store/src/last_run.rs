//! What the last run measured. Each bench binary of a `cargo bench` adds an entry for its family. `compare` and `bless`
//! use it to find the records of the run, and the families that did not finish or that the filter excluded.

use std::{collections::BTreeMap, io, path::Path};

use highwater_model::Bytes;
use serde::{Deserialize, Serialize};

use crate::{StoreError, one_line, read_file, write_atomically};

/// The name of the file in the run's folder. It has no extension, unlike records.
const NAME: &str = "last-run";
/// The maximum size of the file.
const MAX_SIZE: Bytes = Bytes(1 << 20);

/// The last run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRun {
    /// An id shared by all binaries that one process started, for example `cargo bench`.
    pub id: String,
    /// The filter that selected the cases.
    pub filter: Option<String>,
    /// The progress of each family.
    pub families: BTreeMap<String, Progress>,
}

/// The progress of a family's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The run has begun. If a reader finds this, the run did not finish.
    Begun,
    /// The record was written.
    Measured,
    /// The filter selected no case.
    NothingSelected,
}

impl LastRun {
    /// Reads the file; `None` if it does not exist.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(NAME);
        let text = match read_file(&path, MAX_SIZE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let parsed = serde_json::from_slice(&text);
        parsed.map(Some).map_err(|error| StoreError::Malformed { path, problem: one_line(&error.to_string()) })
    }

    /// Updates the progress of a family. Entries of another run are removed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note(
        folder: &Path,
        id: &str,
        filter: Option<&str>,
        family: &str,
        progress: Progress,
    ) -> Result<(), StoreError> {
        // A damaged file must be from an earlier run.
        let same = Self::read(folder).ok().flatten().filter(|last| last.id == id);
        let mut last = same.unwrap_or_else(|| Self { id: id.to_owned(), ..Self::default() });
        last.filter = filter.map(str::to_owned);
        last.families.insert(family.to_owned(), progress);
        let path = folder.join(NAME);
        let text = serde_json::to_string_pretty(&last)
            .map_err(|error| StoreError::Io { path: path.clone(), source: error.into() })?;
        write_atomically(&path, format!("{text}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_of_the_same_run_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let note = |id, family, progress| LastRun::note(folder.path(), id, None, family, progress).expect("written");
        assert_eq!(LastRun::read(folder.path()).expect("nothing"), None);
        note("1", "a", Progress::Begun);
        note("1", "a", Progress::Measured);
        note("1", "b", Progress::NothingSelected);
        let families = || LastRun::read(folder.path()).expect("read").expect("there").families;
        assert_eq!(families().into_values().collect::<Vec<_>>(), [Progress::Measured, Progress::NothingSelected]);
        note("2", "b", Progress::Begun);
        assert_eq!(families().into_iter().collect::<Vec<_>>(), [("b".to_owned(), Progress::Begun)]);
    }
}
