//! Revisions that could not be measured, each with the reason, so that the next `backfill` does not build them again.

use std::path::{Path, PathBuf};

use highwater_model::Bytes;
use highwater_store::{StoreError, read_file, write_atomically};
use serde::{Deserialize, Serialize};

use super::revisions::Revision;
use crate::CliError;

/// The name of the file in the folder of `backfill`.
const NAME: &str = "unmeasured.json";
/// The largest file that is read.
const LARGEST: Bytes = Bytes(16 << 20);

/// The revisions that could not be measured with any packages and filter.
pub(super) struct Unmeasured {
    path: PathBuf,
    /// What is measured now: what other packages or cases of a revision are is another question.
    what: What,
    entries: Vec<Entry>,
}

/// The packages and the filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct What {
    packages: Vec<String>,
    filter: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    commit: String,
    what: What,
    reason: String,
}

impl Unmeasured {
    /// Reads the file. One that cannot be read is only a list of what to try again.
    pub(super) fn read(folder: &Path, packages: &[String], filter: Option<&str>) -> Self {
        let path = folder.join(NAME);
        let mut packages = packages.to_vec();
        packages.sort();
        let text = read_file(&path, LARGEST).unwrap_or_default();
        let entries = serde_json::from_slice(&text).unwrap_or_default();
        Self { path, what: What { packages, filter: filter.map(str::to_owned) }, entries }
    }

    /// Why a revision could not be measured before.
    pub(super) fn reason(&self, revision: &Revision) -> Option<String> {
        let is_it = |entry: &&Entry| entry.commit == revision.commit && entry.what == self.what;
        self.entries.iter().find(is_it).map(|entry| entry.reason.clone())
    }

    /// Forgets revisions, so that they are tried again.
    pub(super) fn forget(&mut self, revisions: &[Revision]) {
        let is_of = |entry: &Entry| revisions.iter().any(|revision| revision.commit == entry.commit);
        self.entries.retain(|entry| entry.what != self.what || !is_of(entry));
    }

    /// Adds a revision and writes the file.
    pub(super) fn add(&mut self, revision: &Revision, reason: &str) -> Result<(), CliError> {
        let entry = Entry { commit: revision.commit.clone(), what: self.what.clone(), reason: reason.to_owned() };
        self.entries.push(entry);
        let text = serde_json::to_string_pretty(&self.entries)
            .map_err(|error| StoreError::Io { path: self.path.clone(), source: error.into() })?;
        Ok(write_atomically(&self.path, format!("{text}\n").as_bytes())?)
    }
}
