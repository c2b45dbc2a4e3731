//! Memory cgroups, version 2 or 1: finding the group of a process, and reading its usage.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use highwater_model::Bytes;
use procfs::{FromBufRead, ProcessCGroups, process::MountInfos};

use crate::delegation::DelegationError;

/// Why a memory cgroup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// No memory controller is mounted that is visible to this process.
    #[error("no memory controller is mounted for this process")]
    NoController,
    /// A file has an unexpected format.
    #[error("{path}: unexpected format")]
    Parse {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let this process create groups.
    #[error(transparent)]
    NotDelegated(#[from] DelegationError),
}

/// The version of the memory controller, which decides the names of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Version {
    fn current(self) -> &'static str {
        match self {
            Self::V1 => "memory.usage_in_bytes",
            Self::V2 => "memory.current",
        }
    }

    pub(super) fn peak(self) -> &'static str {
        match self {
            Self::V1 => "memory.max_usage_in_bytes",
            Self::V2 => "memory.peak",
        }
    }

    pub(super) fn limit(self) -> &'static str {
        match self {
            Self::V1 => "memory.limit_in_bytes",
            Self::V2 => "memory.max",
        }
    }

    /// The file with the line `oom_kill N`.
    fn events(self) -> &'static str {
        match self {
            Self::V1 => "memory.oom_control",
            Self::V2 => "memory.events",
        }
    }
}

/// The memory cgroup of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryCgroup {
    pub(super) folder: PathBuf,
    pub(super) version: Version,
}

impl MemoryCgroup {
    /// The group of `pid`, according to `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
    ///
    /// # Errors
    /// If these cannot be read or no memory controller is mounted.
    pub fn of(pid: u32) -> Result<Self, CgroupError> {
        let read = |name: &str| {
            let path = PathBuf::from(format!("/proc/{pid}/{name}"));
            fs::read(&path).map(|text| (path.clone(), text)).map_err(|source| CgroupError::Io { path, source })
        };
        let (path, groups) = read("cgroup")?;
        let groups = ProcessCGroups::from_buf_read(groups.as_slice()).map_err(|_| CgroupError::Parse { path })?;
        let (path, mounts) = read("mountinfo")?;
        let mounts = MountInfos::from_buf_read(mounts.as_slice()).map_err(|_| CgroupError::Parse { path })?;
        Self::locate(&groups, &mounts).ok_or(CgroupError::NoController)
    }

    pub(super) fn locate(groups: &ProcessCGroups, mounts: &MountInfos) -> Option<Self> {
        let mount = |kind: &str, option: Option<&str>| {
            mounts.0.iter().find(|mount| {
                mount.fs_type == kind && option.is_none_or(|option| mount.super_options.contains_key(option))
            })
        };
        groups.0.iter().find_map(|group| {
            // Version 1 names its controllers. The unified hierarchy has number 0 and no names; in a hybrid setup it
            // has no memory controller, which then has a version 1 line.
            let (version, mount) = if group.controllers.iter().any(|name| name == "memory") {
                (Version::V1, mount("cgroup", Some("memory"))?)
            } else if group.hierarchy == 0
                && !groups.0.iter().any(|g| g.controllers.iter().any(|name| name == "memory"))
            {
                (Version::V2, mount("cgroup2", None)?)
            } else {
                return None;
            };
            // In a container, the mount may show only a part of the hierarchy, below its root.
            let inside = group.pathname.strip_prefix(&mount.root).unwrap_or(&group.pathname);
            Some(Self { folder: mount.mount_point.join(inside.trim_start_matches('/')), version })
        })
    }

    /// The bytes that are currently charged to the group.
    ///
    /// # Errors
    /// If the file cannot be read (the root group of version 2 has none).
    pub fn current(&self) -> Result<Bytes, CgroupError> {
        self.number(self.version.current()).map(Bytes)
    }

    /// The maximum number of bytes that were charged to the group.
    ///
    /// # Errors
    /// If the file cannot be read (version 2 has it since Linux 5.19).
    pub fn peak(&self) -> Result<Bytes, CgroupError> {
        self.number(self.version.peak()).map(Bytes)
    }

    /// The folder of the group's files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The version of the controller: 1 or 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        match self.version {
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }

    /// The lowest memory limit of the group and its visible ancestors; `None` if no limit is set.
    #[must_use]
    pub fn limit(&self) -> Option<Bytes> {
        let limits = self.folder.ancestors().filter_map(|folder| {
            let text = fs::read_to_string(folder.join(self.version.limit())).ok()?;
            parse_limit(&text)
        });
        limits.min()
    }

    /// The number of processes of the group that the out-of-memory killer has killed.
    ///
    /// # Errors
    /// If the file cannot be read or has no such line.
    pub fn oom_kills(&self) -> Result<u64, CgroupError> {
        let name = self.version.events();
        field(&self.text(name)?, "oom_kill").ok_or_else(|| CgroupError::Parse { path: self.folder.join(name) })
    }

    /// The processes of the group, without those that have exited.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>, CgroupError> {
        let text = self.text("cgroup.procs")?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Kernel memory that is charged to the group, buffers of TCP sockets excluded in version 1, which counts them beside
    /// the charge. `None` if the kernel does not report it (version 2 has it since Linux 5.18).
    #[must_use]
    pub fn kernel(&self) -> Option<Bytes> {
        match self.version {
            Version::V1 => self.number("memory.kmem.usage_in_bytes").ok().map(Bytes),
            Version::V2 => {
                let text = self.text("memory.stat").ok()?;
                Some(Bytes(field(&text, "kernel")? + field(&text, "sock").unwrap_or(0)))
            }
        }
    }

    /// Buffers of TCP sockets that [`MemoryCgroup::kernel`] excludes.
    #[must_use]
    pub fn uncharged_tcp(&self) -> Bytes {
        Bytes(match self.version {
            Version::V1 => self.number("memory.kmem.tcp.usage_in_bytes").unwrap_or(0),
            Version::V2 => 0,
        })
    }

    /// Pages of files that are charged to the group, without shared memory.
    #[must_use]
    pub fn file_cache(&self) -> Option<Bytes> {
        let text = self.text("memory.stat").ok()?;
        let all = match self.version {
            Version::V1 => "cache",
            Version::V2 => "file",
        };
        Some(Bytes(field(&text, all)?.saturating_sub(field(&text, "shmem").unwrap_or(0))))
    }

    pub(super) fn text(&self, name: &str) -> Result<String, CgroupError> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(|source| CgroupError::Io { path, source })
    }

    fn number(&self, name: &str) -> Result<u64, CgroupError> {
        self.text(name)?.trim().parse().map_err(|_| CgroupError::Parse { path: self.folder.join(name) })
    }
}

/// "No limit" is `max` in version 2, and the largest number of whole pages in version 1.
fn parse_limit(text: &str) -> Option<Bytes> {
    let bytes: u64 = text.trim().parse().ok()?;
    (bytes < u64::MAX >> 2).then_some(Bytes(bytes))
}

/// The number in the line `NAME NUMBER`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(cgroup: &str, mountinfo: &str) -> Option<MemoryCgroup> {
        let groups = ProcessCGroups::from_buf_read(cgroup.as_bytes()).expect("well formed");
        let mounts = MountInfos::from_buf_read(mountinfo.as_bytes()).expect("well formed");
        MemoryCgroup::locate(&groups, &mounts)
    }

    /// Captured on the project's machine: version 1 controllers beside an empty unified hierarchy.
    #[test]
    fn the_memory_controller_of_a_hybrid_hierarchy_is_version_1() {
        let group = locate(
            include_str!("../tests/fixtures/cgroup/hybrid-cgroup"),
            include_str!("../tests/fixtures/cgroup/hybrid-mountinfo"),
        );
        let folder = "/sys/fs/cgroup/memory/process_api/152f6e2925c5dbfa7b3d81e140001391".into();
        assert_eq!(group, Some(MemoryCgroup { folder, version: Version::V1 }));
    }

    /// The format according to cgroups(7) and systemd on a machine with version 2 only.
    #[test]
    fn the_unified_hierarchy_is_version_2() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let group = locate("0::/user.slice/run-1.scope\n", mounts);
        let folder = "/sys/fs/cgroup/user.slice/run-1.scope".into();
        assert_eq!(group, Some(MemoryCgroup { folder, version: Version::V2 }));
    }

    /// A container that sees only a part of the hierarchy.
    #[test]
    fn the_root_of_the_mount_is_removed_from_the_path() {
        let mounts = "31 23 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let group = locate("4:memory:/docker/abc/worker\n", mounts);
        assert_eq!(group.map(|group| group.folder), Some("/sys/fs/cgroup/memory/worker".into()));
        assert_eq!(locate("4:cpu:/x\n", mounts), None);
    }

    #[test]
    fn out_of_memory_kills_are_counted_in_both_versions() {
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), Some(3));
        assert_eq!(field("low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n", "oom_kill"), Some(1));
        assert_eq!(field("low 0\n", "oom_kill"), None);
    }

    #[test]
    fn limits_are_parsed_in_both_versions() {
        assert_eq!(parse_limit("536870912\n"), Some(Bytes(512 << 20)));
        assert_eq!((parse_limit("max\n"), parse_limit("9223372036854771712\n")), (None, None));
    }
}
