//! The revisions of a range, and those that a store has.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, SystemTime},
};

use highwater_history::read_history;
use highwater_report::{Backfilled, BackfilledRevision, terminal::note};
use highwater_runner::machine_class;

use crate::{CliError, git};

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    /// The full hash.
    pub(super) commit: String,
    /// The commit time, in seconds since 1970.
    time: i64,
}

impl Revision {
    /// The abbreviated hash.
    pub(super) fn label(&self) -> String {
        self.commit.chars().take(12).collect()
    }

    /// The revision with what became of it.
    pub(super) fn with(&self, result: Backfilled) -> BackfilledRevision {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.time).unwrap_or(0));
        let time = humantime::format_rfc3339_seconds(time).to_string();
        BackfilledRevision { commit: self.commit.clone(), day: time.chars().take(10).collect(), result }
    }
}

/// Every `every`-th revision of a range, newest first, of those that change a file that matches one of `globs`.
pub(super) fn of_range(range: &str, every: u32, globs: &[String]) -> Result<Vec<Revision>, CliError> {
    if !range.contains("..") || range.starts_with('-') {
        return Err(CliError::Usage(format!("`{range}` is not a range; expected REV..REV, such as v1.0..main")));
    }
    let pathspecs: Vec<String> = globs.iter().map(|glob| format!(":(glob){glob}")).collect();
    let commits = git::commits_of_range(range, &pathspecs)
        .map_err(|error| CliError::Usage(format!("the revisions of {range} are unknown: {error}")))?;
    if commits.is_empty() {
        let what = if globs.is_empty() { String::new() } else { format!(" that changes {}", globs.join(" or ")) };
        return Err(CliError::Usage(format!("{range} has no revision{what}")));
    }
    let revision = |(commit, time)| Revision { commit, time };
    Ok(commits.into_iter().map(revision).step_by(every as usize).collect())
}

/// The revisions that a store has a run of with a wanted case, of the class of this machine. Whether address space
/// layout randomisation could be disabled shows only when a worker runs, so that either counts.
pub(super) fn stored(store: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<BTreeSet<String>, CliError> {
    if !store.exists() {
        return Ok(BTreeSet::new());
    }
    let here = [true, false].map(machine_class);
    let history = read_history(store, is_wanted)?;
    for skipped in &history.skipped {
        note(format_args!("note: skipping {}: {}", skipped.path.display(), skipped.problem));
    }
    let of_class = history.runs.into_iter().filter(|run| here.contains(&run.class));
    Ok(of_class.map(|run| run.revision).collect())
}
