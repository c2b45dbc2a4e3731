//! What the last run measured. Each bench binary of one `cargo bench` writes its own line, so that what judges a run
//! afterwards knows which records belong to it, and which families matched nothing or did not finish.

use std::{collections::BTreeMap, io, path::Path};

use highwater_model::Bytes;
use serde::{Deserialize, Serialize};

use crate::{StoreError, one_line, read_file, write_atomically};

/// The file's name in the run's folder; without the extension of records.
const NAME: &str = "last-run";
/// The largest that is read.
const LARGEST: Bytes = Bytes(1 << 20);

/// The last run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRun {
    /// The same for all binaries that one process started, `cargo bench` for example.
    pub id: String,
    /// The filter that selected the cases.
    pub filter: Option<String>,
    /// What became of each family.
    pub families: BTreeMap<String, Progress>,
}

/// How far a family's run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It was begun. Found by a reader: it did not finish.
    Begun,
    /// Its record is written.
    Measured,
    /// The filter selects none of its cases.
    NothingSelected,
}

impl LastRun {
    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(NAME);
        let text = match read_file(&path, LARGEST) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let parsed = serde_json::from_slice(&text);
        parsed.map(Some).map_err(|error| StoreError::Malformed { path, problem: one_line(&error.to_string()) })
    }

    /// Notes the progress of a family. The lines of another run are dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(
        folder: &Path,
        id: &str,
        filter: Option<&str>,
        family: &str,
        progress: Progress,
    ) -> Result<(), StoreError> {
        // A damaged file is an earlier run's.
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
    fn families_of_one_run_are_kept_together() {
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
