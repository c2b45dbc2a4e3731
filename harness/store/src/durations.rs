//! How long the cases and routines of a family took on this machine, so that the next run can say how long it takes.
//! These times decide nothing: a file that is damaged or from another machine counts as absent.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use highwater_model::{Bytes, CaseId};
use serde::{Deserialize, Serialize};

use crate::{StoreError, read_file, write_atomically};

/// The maximum size of the file.
const MAX_SIZE: Bytes = Bytes(16 << 20);

/// The durations of a family, of its last run that had the case or routine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Durations {
    /// The machine: its CPU and the number of CPUs.
    pub machine: String,
    /// The workers of each case.
    pub cases: BTreeMap<CaseId, CaseDuration>,
    /// The seconds of each of criterion's benchmarks (`case/routine`), by the flags that decide how long it takes.
    pub routines: BTreeMap<String, BTreeMap<String, f64>>,
}

/// How long the workers of a case took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseDuration {
    /// The number of workers; 0 if the case could not run.
    pub workers: usize,
    /// The seconds from the first worker to the end of the last one.
    pub seconds: f64,
}

impl CaseDuration {
    /// The mean of a worker, with what is done between workers.
    #[must_use]
    pub fn each(self) -> Duration {
        seconds(self.seconds / self.workers.max(1) as f64)
    }
}

impl Durations {
    /// Reads the durations of a family on this machine; empty if they are unknown.
    #[must_use]
    pub fn read(folder: &Path, family: &str, machine: &str) -> Self {
        let text = read_file(&path(folder, family), MAX_SIZE).unwrap_or_default();
        let read = serde_json::from_slice(&text).ok().filter(|read: &Self| read.machine == machine);
        read.unwrap_or_else(|| Self { machine: machine.to_owned(), ..Self::default() })
    }

    /// Writes the durations of a family.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, folder: &Path, family: &str) -> Result<(), StoreError> {
        let path = path(folder, family);
        let error = |source| StoreError::Io { path: path.clone(), source };
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(error)?;
        let text = serde_json::to_string(self).map_err(|source| error(source.into()))?;
        write_atomically(&path, text.as_bytes())
    }

    /// How long one of criterion's benchmarks took with these flags.
    #[must_use]
    pub fn routine(&self, flags: &str, benchmark: &str) -> Option<Duration> {
        self.routines.get(flags)?.get(benchmark).copied().map(seconds)
    }
}

/// A duration from a file, which may have any number.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

/// The file, in a folder of its own: the JSON files beside `last-run` are records.
fn path(folder: &Path, family: &str) -> PathBuf {
    folder.join("durations").join(format!("{family}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_another_machine_and_damaged_ones_are_unknown() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut durations = Durations::read(folder.path(), "toy", "a CPU, 2 CPUs");
        assert!(durations.cases.is_empty());
        let id: CaseId = "toy/heap/size=1".parse().expect("an id");
        durations.cases.insert(id.clone(), CaseDuration { workers: 4, seconds: 2.0 });
        durations.routines.entry("--quick".into()).or_default().insert("toy/heap/size=1/fill".into(), 1.5);
        durations.write(folder.path(), "toy").expect("written");

        let read = Durations::read(folder.path(), "toy", "a CPU, 2 CPUs");
        assert_eq!(read, durations);
        assert_eq!(read.cases[&id].each(), Duration::from_millis(500));
        assert_eq!(read.routine("--quick", "toy/heap/size=1/fill"), Some(Duration::from_millis(1500)));
        assert_eq!(read.routine("", "toy/heap/size=1/fill"), None);
        assert!(Durations::read(folder.path(), "toy", "another").cases.is_empty());

        for damaged in ["", "{", r#"{"machine":"a CPU, 2 CPUs","cases":[],"routines":{}}"#] {
            fs::write(path(folder.path(), "toy"), damaged).expect("written");
            assert!(Durations::read(folder.path(), "toy", "a CPU, 2 CPUs").cases.is_empty(), "{damaged}");
        }
        let negative = r#"{"machine":"m","cases":{"toy/heap/size=1":{"workers":0,"seconds":-1e300}},"routines":{}}"#;
        fs::write(path(folder.path(), "toy"), negative).expect("written");
        assert_eq!(Durations::read(folder.path(), "toy", "m").cases[&id].each(), Duration::ZERO);
    }
}
