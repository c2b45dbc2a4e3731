//! The limit of one memory cgroup, version 1 or 2.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procfs::{FromBufRead, ProcessCGroups, process::MountInfos};

use super::read;
use crate::Error;

/// A memory cgroup that has a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    folder: PathBuf,
    version: u8,
    /// In bytes; the lower of `memory.max` and `memory.high` in version 2.
    limit: u64,
}

impl Level {
    /// The cgroup of this process and its ancestors, as far as they are visible and have a limit.
    ///
    /// # Errors
    /// When a limit exists but cannot be read.
    pub(super) fn of_this_process() -> Result<Vec<Self>, Error> {
        match locate_own() {
            Some((folder, version)) => Self::upwards(&folder, version),
            // Without a memory controller there is no limit.
            None => Ok(Vec::new()),
        }
    }

    /// The cgroup in `folder` and its ancestors that have a limit.
    ///
    /// # Errors
    /// When one of their files exists but cannot be parsed.
    pub fn upwards(folder: &Path, version: u8) -> Result<Vec<Self>, Error> {
        let mut levels = Vec::new();
        for folder in folder.ancestors() {
            let mut limit: Option<u64> = None;
            for name in limit_files(version) {
                let path = folder.join(name);
                // In version 2 the root has no such file, and above the mount point there are no cgroup files
                // at all.
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

    /// Bytes still available: the limit minus usage, not counting file pages that the kernel drops first.
    ///
    /// # Errors
    /// When a value cannot be read.
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

/// The folder and the version of this process's memory cgroup, if a memory controller is mounted.
fn locate_own() -> Option<(PathBuf, u8)> {
    let groups = ProcessCGroups::from_buf_read(fs::read("/proc/self/cgroup").ok()?.as_slice()).ok()?;
    let mounts = MountInfos::from_buf_read(fs::read("/proc/self/mountinfo").ok()?.as_slice()).ok()?;
    locate(&groups, &mounts)
}

/// The folder and the version of the memory cgroup that these files of a process describe.
pub(super) fn locate(groups: &ProcessCGroups, mounts: &MountInfos) -> Option<(PathBuf, u8)> {
    let mount = |kind: &str, option: Option<&str>| {
        mounts
            .0
            .iter()
            .find(|mount| mount.fs_type == kind && option.is_none_or(|option| mount.super_options.contains_key(option)))
    };
    // Version 1 names its controllers. The unified hierarchy has number 0 and no names; in a hybrid setup it has
    // no memory controller, which then has a line of version 1.
    let in_version_1 = groups.0.iter().find(|group| group.controllers.iter().any(|name| name == "memory"));
    let (group, version, mount) = match in_version_1 {
        Some(group) => (group, 1, mount("cgroup", Some("memory"))?),
        None => (groups.0.iter().find(|group| group.hierarchy == 0)?, 2, mount("cgroup2", None)?),
    };
    // In a container, the mount may show only a part of the hierarchy, below its root.
    let inside = group.pathname.strip_prefix(&mount.root).unwrap_or(&group.pathname);
    Some((mount.mount_point.join(inside.trim_start_matches('/')), version))
}

/// Bytes available under a limit. Usage includes droppable pages and may exceed the limit for a moment.
pub(super) fn left(limit: u64, used: u64, droppable: u64) -> u64 {
    limit.saturating_sub(used.saturating_sub(droppable))
}

/// Above `memory.high` no process is killed, but all are throttled to reclaim memory, which defeats memory
/// that is meant to stay resident.
fn limit_files(version: u8) -> &'static [&'static str] {
    if version == 1 { &["memory.limit_in_bytes"] } else { &["memory.max", "memory.high"] }
}

/// Version 2 writes `max` for no limit, version 1 the largest multiple of the page size.
pub(super) fn parse_limit(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "max" => Some(None),
        number => number.parse::<u64>().ok().map(|bytes| (bytes < i64::MAX as u64 >> 1).then_some(bytes)),
    }
}
