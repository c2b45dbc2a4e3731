//! Memory cgroups, version 2 or 1: reading the usage of a group.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use highwater_model::Bytes;
use procfs::{FromBufRead, ProcessCGroups, process::MountInfos};

use super::{delegation, delegation::DelegationError, locate::locate, subtree::subtree};

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
    /// The mounted hierarchy does not contain the group, because they belong to different cgroup namespaces.
    #[error("{mount} does not show the cgroup of this process, {group}: mount cgroups in this cgroup namespace")]
    NotVisible {
        /// The group, relative to the root of the namespace.
        group: String,
        /// The mount point.
        mount: PathBuf,
    },
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

impl CgroupError {
    /// The cause without the path, which differs between workers and between runs.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            Self::NotVisible { .. } => "the cgroup of this process is not visible".to_owned(),
            Self::NotDelegated(error) => error.cause(),
            Self::NoController | Self::Parse { .. } => self.to_string(),
        }
    }
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
    /// If these cannot be read, no memory controller is mounted, or the mount does not show the group.
    pub fn of(pid: u32) -> Result<Self, CgroupError> {
        let read = |name: &str| {
            let path = PathBuf::from(format!("/proc/{pid}/{name}"));
            fs::read(&path).map(|text| (path.clone(), text)).map_err(|source| CgroupError::Io { path, source })
        };
        let (path, groups) = read("cgroup")?;
        let groups = ProcessCGroups::from_buf_read(groups.as_slice()).map_err(|_| CgroupError::Parse { path })?;
        let (path, mounts) = read("mountinfo")?;
        let mounts = MountInfos::from_buf_read(mounts.as_slice()).map_err(|_| CgroupError::Parse { path })?;
        locate(&groups, &mounts)
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

    /// The processes of the group and of those below it, without those that have exited or are not in this pid namespace.
    ///
    /// # Errors
    /// If the file of the group cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>, CgroupError> {
        let mut pids = delegation::processes(&self.text("cgroup.procs")?);
        for below in subtree(&self.folder).iter().filter(|group| **group != self.folder) {
            // A worker may remove it meanwhile.
            let text = fs::read_to_string(below.join("cgroup.procs")).unwrap_or_default();
            pids.extend(delegation::processes(&text));
        }
        pids.retain(|pid| *pid != 0);
        Ok(pids)
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
