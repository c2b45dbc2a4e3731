//! The limit of one memory cgroup, version 1 or 2.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Component, Path, PathBuf},
};

use procfs::{
    FromBufRead, ProcessCGroups,
    process::{MountInfo, MountInfos},
};

use super::read;
use crate::Error;

/// A limit of a memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    folder: PathBuf,
    counter: &'static Counter,
    /// In bytes.
    limit: u64,
}

/// A counter of the kernel that a limit applies to.
#[derive(Debug, PartialEq, Eq)]
struct Counter {
    limit: &'static str,
    usage: &'static str,
    /// The line of `memory.stat` with the file pages that the kernel drops first.
    droppable: &'static str,
}

/// Memory, and memory and swap together: a group may reach the second first if some of its pages are in swap. Without
/// swap accounting, the files of the second do not exist.
static VERSION_1: [Counter; 2] = [
    Counter { limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", droppable: "total_inactive_file " },
    Counter {
        limit: "memory.memsw.limit_in_bytes",
        usage: "memory.memsw.usage_in_bytes",
        droppable: "total_inactive_file ",
    },
];

/// Above `memory.high` no process is killed, but all are throttled to reclaim memory, which defeats memory
/// that is meant to stay resident.
static VERSION_2: [Counter; 2] = [
    Counter { limit: "memory.max", usage: "memory.current", droppable: "inactive_file " },
    Counter { limit: "memory.high", usage: "memory.current", droppable: "inactive_file " },
];

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

    /// The limits of the cgroup in `folder` and of its ancestors. In version 2, a group whose parent does not delegate
    /// the controller has no limit of its own.
    ///
    /// # Errors
    /// When one of their files exists but cannot be parsed.
    pub fn upwards(folder: &Path, version: u8) -> Result<Vec<Self>, Error> {
        let counters = if version == 1 { &VERSION_1 } else { &VERSION_2 };
        let mut levels = Vec::new();
        for folder in folder.ancestors() {
            for counter in counters {
                let path = folder.join(counter.limit);
                // In version 2 the root has no such file, and above the mount point there are no cgroup files
                // at all.
                if path.exists() {
                    let limit = read(&path, parse_limit)?;
                    levels.extend(limit.map(|limit| Self { folder: folder.to_owned(), counter, limit }));
                }
            }
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
        let used = read(&self.folder.join(self.counter.usage), |text| text.trim().parse::<u64>().ok())?;
        let droppable = read(&self.folder.join("memory.stat"), |text| {
            text.lines().find_map(|line| line.strip_prefix(self.counter.droppable))?.trim().parse::<u64>().ok()
        })?;
        Ok(left(self.limit, used, droppable))
    }
}

/// The folder and the version of this process's memory cgroup, if a memory controller is mounted.
pub(crate) fn locate_own() -> Option<(PathBuf, u8)> {
    let groups = ProcessCGroups::from_buf_read(fs::read("/proc/self/cgroup").ok()?.as_slice()).ok()?;
    let mounts = cgroup_mounts(BufReader::new(File::open("/proc/self/mountinfo").ok()?))?;
    locate(&groups, &mounts)
}

/// The first mount of version 1 with the memory controller, and the first of version 2. A line at a time, of which only
/// those two are parsed, so that the memory that this takes does not depend on the other mounts of the machine.
pub(super) fn cgroup_mounts(mut mountinfo: impl BufRead) -> Option<MountInfos> {
    let mut mounts = MountInfos(Vec::with_capacity(2));
    let mut line = Vec::with_capacity(LINE);
    while mountinfo.read_until(b'\n', &mut line).ok()? > 0 {
        if let Some(kind) = kind_of_memory_mount(&line)
            && mounts.0.iter().all(|known| known.fs_type != kind)
        {
            mounts.0.push(MountInfo::from_line(str::from_utf8(&line).ok()?.trim_end()).ok()?);
        }
        line.clear();
    }
    Some(mounts)
}

/// The type of the file system of a line, if it is of cgroups with a memory controller. After the optional fields and a
/// dash follow the type, the source and the options (proc_pid_mountinfo(5)).
fn kind_of_memory_mount(line: &[u8]) -> Option<&'static str> {
    const DASH: &[u8] = b" - ";
    let dash = line.windows(DASH.len()).position(|part| part == DASH)?;
    let mut fields = str::from_utf8(&line[dash + DASH.len()..]).ok()?.split_ascii_whitespace();
    match (fields.next()?, fields.nth(1)) {
        ("cgroup2", _) => Some("cgroup2"),
        ("cgroup", Some(options)) if options.split(',').any(|option| option == "memory") => Some("cgroup"),
        _ => None,
    }
}

/// Most lines are shorter.
const LINE: usize = 512;

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
    // In a container, the mount may show only a part of the hierarchy, below its root. In a cgroup namespace, both are
    // relative to the namespace's root, and begin with `/..` above it.
    let inside = Path::new(&group.pathname).strip_prefix(&mount.root).unwrap_or(Path::new(&group.pathname));
    let below = inside.components().filter(|part| matches!(part, Component::Normal(_)));
    // Of a group that the mount does not show, the mount point is the nearest ancestor that it does.
    let folder = if inside.components().any(|part| part == Component::ParentDir) {
        mount.mount_point.clone()
    } else {
        mount.mount_point.join(below.collect::<PathBuf>())
    };
    Some((folder, version))
}

/// Bytes available under a limit. Usage includes droppable pages and may exceed the limit for a moment.
pub(super) fn left(limit: u64, used: u64, droppable: u64) -> u64 {
    limit.saturating_sub(used.saturating_sub(droppable))
}

/// Reads an amount of version 2 in bytes; `max` is the largest.
pub(crate) fn read_amount(path: &Path) -> Result<u64, Error> {
    read(path, |text| match text.trim() {
        "max" => Some(u64::MAX),
        number => number.parse().ok(),
    })
}

/// Version 2 writes `max` for no limit, version 1 the largest multiple of the page size.
pub(super) fn parse_limit(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "max" => Some(None),
        number => number.parse::<u64>().ok().map(|bytes| (bytes < i64::MAX as u64 >> 1).then_some(bytes)),
    }
}
