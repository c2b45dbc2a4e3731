//! The call stacks that `highwater explain` stores for the report: one file per case, below the folder of the run.

use std::{
    io,
    path::{Path, PathBuf},
};

use highwater_model::{Bytes, CaseId, CaseStacks, STACKS_VERSION};
use serde::Deserialize;

use crate::{StoreError, one_line, read_file, write_atomically};

/// The maximum size of a file. That of a case of sandbox-scaling with two revisions has 0.1 MiB.
const LARGEST: Bytes = Bytes(64 << 20);

/// `explain/FAMILY/CASE.json` in the folder of a run. Ids of cases are safe as paths.
fn path_of(run: &Path, case: &CaseId) -> PathBuf {
    run.join("explain").join(format!("{case}.json"))
}

/// Writes the stacks of a case atomically to the folder of the run, and returns the path.
///
/// # Errors
/// [`StoreError::Unwritable`] if [`read_stacks`] would reject them, [`StoreError::Io`] if the file cannot be written.
pub fn write_stacks(run: &Path, stacks: &CaseStacks) -> Result<PathBuf, StoreError> {
    let path = path_of(run, &stacks.case);
    let mut text =
        serde_json::to_vec(stacks).map_err(|error| StoreError::Io { path: path.clone(), source: error.into() })?;
    text.push(b'\n');
    if text.len() as u64 > LARGEST.0 {
        let problem = format!("it would have {}, more than {LARGEST}", Bytes(text.len() as u64));
        return Err(StoreError::Unwritable { path, problem });
    }
    write_atomically(&path, &text)?;
    Ok(path)
}

/// Reads the stacks of a case from the folder of a run; `None` if it was not explained.
///
/// # Errors
/// A [`StoreError`] if the file cannot be read, is of another version, or belongs to another case.
pub fn read_stacks(run: &Path, case: &CaseId) -> Result<Option<CaseStacks>, StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let path = path_of(run, case);
    let text = match read_file(&path, LARGEST) {
        Ok(text) => text,
        // The file of an id that is too long for a file name cannot have been written.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => {
            return Ok(None);
        }
        Err(source) => return Err(StoreError::Io { path, source }),
    };
    let damaged =
        |error: serde_json::Error| StoreError::Stacks { path: path.clone(), problem: one_line(&error.to_string()) };
    let Versioned { version } = serde_json::from_slice(&text).map_err(damaged)?;
    if version != u64::from(STACKS_VERSION) {
        let problem = format!("version {version}, this build reads version {STACKS_VERSION}");
        return Err(StoreError::Stacks { path, problem });
    }
    let stacks: CaseStacks = serde_json::from_slice(&text).map_err(damaged)?;
    match stacks.case == *case {
        true => Ok(Some(stacks)),
        false => Err(StoreError::Stacks { path, problem: format!("it is of the case {}", stacks.case) }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use highwater_model::{BaseStacks, Category, Frame, Moment, Place, RunKey, StackGrowth, StageStacks};

    use super::*;

    fn stacks() -> CaseStacks {
        let frame = |place| Frame { function: "cache::insert".into(), inlined: false, place };
        let place = Place { file: "src/cache.rs".into(), line: 12 };
        let grown = |category, per_unit| StackGrowth {
            bytes: 4096,
            count: 1,
            per_unit,
            category,
            frames: vec![frame(Some(place.clone())), frame(None)],
        };
        CaseStacks {
            version: STACKS_VERSION,
            run: RunKey { run_id: Some("1-2".into()), started: None },
            case: "toy/heap/size=64k".parse().expect("an id"),
            unit: "buffer".into(),
            stages: vec![StageStacks {
                stage: "live@10".parse().expect("a stage"),
                moment: Moment::Peak,
                head: vec![grown(None, Some(409.6)), grown(Some(Category::LinearMemory), None)],
                base: Some(BaseStacks { revision: "main".into(), stacks: Vec::new() }),
            }],
        }
    }

    #[test]
    fn stacks_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let stacks = stacks();
        assert_eq!(read_stacks(folder.path(), &stacks.case).expect("readable"), None);
        let path = write_stacks(folder.path(), &stacks).expect("written");
        assert_eq!(path, folder.path().join("explain/toy/heap/size=64k.json"));
        assert_eq!(read_stacks(folder.path(), &stacks.case).expect("readable"), Some(stacks));
    }

    #[test]
    fn other_versions_other_cases_and_damaged_files_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let stacks = stacks();
        let path = write_stacks(folder.path(), &stacks).expect("written");
        let text = fs::read_to_string(&path).expect("text");
        for (from, to, problem) in [
            ("\"version\":1", "\"version\":2", "version 2, this build reads version 1"),
            ("toy/heap/size=64k", "toy/heap/size=1m", "it is of the case toy/heap/size=1m"),
            ("\"unit\"", "\"units\"", "unknown field `units`"),
            ("}\n", "", "EOF"),
        ] {
            fs::write(&path, text.replace(from, to)).expect("written");
            let error = read_stacks(folder.path(), &stacks.case).expect_err(problem).to_string();
            assert!(error.contains(problem) && error.contains("size=64k.json") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_id_that_is_too_long_for_a_file_has_no_stacks() {
        let folder = tempfile::tempdir().expect("a folder");
        let case = format!("toy/{}", "x".repeat(300)).parse().expect("an id");
        assert_eq!(read_stacks(folder.path(), &case).expect("nothing"), None);
    }
}
