//! One memory cgroup, version 1 or 2, as a limit.

use std::path::{Path, PathBuf};

use highwater_probe::MemoryCgroup;

use super::read;
use crate::Error;

/// A memory cgroup that has a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    folder: PathBuf,
    version: u8,
    /// Bytes; the lower of the two that version 2 has.
    limit: u64,
}

impl Level {
    /// The group of this process and those above it, as far as they can be seen and have a limit.
    ///
    /// # Errors
    /// When a limit is there and cannot be read.
    pub(super) fn of_this_process() -> Result<Vec<Self>, Error> {
        match MemoryCgroup::of(std::process::id()) {
            Ok(group) => Self::upwards(group.folder(), group.version()),
            // No controller is no limit.
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The group in `folder` and those above it that have a limit.
    ///
    /// # Errors
    /// When a file of theirs is there and is not to be understood.
    pub fn upwards(folder: &Path, version: u8) -> Result<Vec<Self>, Error> {
        let mut levels = Vec::new();
        for folder in folder.ancestors() {
            let mut limit: Option<u64> = None;
            for name in limit_files(version) {
                let path = folder.join(name);
                // The root has no such file in version 2, and above the mount there is none at all.
                if path.exists() {
                    let found = read(&path, parse_limit)?;
                    limit = limit.into_iter().chain(found).min();
                }
            }
            levels.extend(limit.map(|limit| Self { folder: folder.to_owned(), version, limit }));
        }
        Ok(levels)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes that it leaves: the limit, less what is used, but for file pages that are dropped first.
    ///
    /// # Errors
    /// When a figure cannot be read.
    pub fn left(&self) -> Result<u64, Error> {
        let (usage, inactive) = match self.version {
            1 => ("memory.usage_in_bytes", "total_inactive_file "),
            _ => ("memory.current", "inactive_file "),
        };
        let used = read(&self.folder.join(usage), |text| text.trim().parse::<u64>().ok())?;
        let droppable = read(&self.folder.join("memory.stat"), |text| {
            text.lines().find_map(|line| line.strip_prefix(inactive))?.trim().parse::<u64>().ok()
        })?;
        Ok(left(self.limit, used, droppable))
    }
}

/// What a limit leaves. Usage counts the droppable pages, and may be over the limit for a moment.
pub(super) fn left(limit: u64, used: u64, droppable: u64) -> u64 {
    limit.saturating_sub(used.saturating_sub(droppable))
}

/// Beyond `memory.high` nobody is killed, but everybody is slowed down to reclaim: no place for memory
/// that is to stay resident.
fn limit_files(version: u8) -> &'static [&'static str] {
    if version == 1 { &["memory.limit_in_bytes"] } else { &["memory.max", "memory.high"] }
}

/// Version 2 says `max` for no limit, version 1 the largest number of whole pages.
pub(super) fn parse_limit(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "max" => Some(None),
        number => number.parse::<u64>().ok().map(|bytes| (bytes < i64::MAX as u64 >> 1).then_some(bytes)),
    }
}
