//! A memory cgroup for one worker: it limits and counts the memory of the worker and of everything that it starts.

use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use highwater_model::Bytes;

use super::{
    CgroupError, MemoryCgroup,
    cgroup::Version,
    delegation, leftover,
    subtree::{remove, subtree},
};

/// A group can be busy for a moment after its last process was reaped.
const REMOVE_ATTEMPTS: u32 = 50;
const REMOVE_PAUSE: Duration = Duration::from_millis(2);

/// A memory cgroup for one worker, removed on drop.
#[derive(Debug)]
pub struct WorkerCgroup {
    group: MemoryCgroup,
    removed: bool,
}

impl WorkerCgroup {
    /// Creates a group below that of this process, or beside it in version 2.
    ///
    /// # Errors
    /// If permissions are missing or no controller is mounted.
    pub fn create() -> Result<Self, CgroupError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let parent = MemoryCgroup::of(std::process::id())?;
        let number = NUMBER.fetch_add(1, Relaxed);
        let parent_folder = match parent.version {
            Version::V1 => parent.folder,
            Version::V2 => delegation::for_workers(&parent.folder)?,
        };
        if number == 0 {
            leftover::sweep(&parent_folder);
        }
        let folder = parent_folder.join(delegation::name(std::process::id(), format_args!("{number:06}")));
        fs::create_dir(&folder).map_err(|source| CgroupError::Io { path: folder.clone(), source })?;
        let own = Self { group: MemoryCgroup { folder, version: parent.version }, removed: false };
        if parent.version == Version::V1 {
            // Version 1 counts the buffers of TCP sockets only in groups that have a limit for them. -1 is unlimited.
            // A kernel without TCP accounting has no such file.
            let _ = own.write("memory.kmem.tcp.limit_in_bytes", "-1");
        }
        Ok(own)
    }

    /// Creates a group with a limit on memory that includes swap if swap is accounted.
    ///
    /// # Errors
    /// As [`WorkerCgroup::create`], or if the limit cannot be set; the case is then not run.
    pub fn with_limit(limit: Bytes) -> Result<Self, CgroupError> {
        let own = Self::create()?;
        own.write(own.group.version.limit(), &limit.0.to_string())?;
        // Without swap accounting the file does not exist, and there is no limit to set.
        let swap = match own.group.version {
            Version::V1 => ("memory.memsw.limit_in_bytes", limit.0.to_string()),
            Version::V2 => ("memory.swap.max", "0".to_owned()),
        };
        if own.group.folder.join(swap.0).exists() {
            own.write(swap.0, &swap.1)?;
        }
        Ok(own)
    }

    /// The file to which a process writes its pid to join the group.
    #[must_use]
    pub fn procs_file(&self) -> PathBuf {
        self.group.folder.join("cgroup.procs")
    }

    /// The group, to read its usage.
    #[must_use]
    pub fn group(&self) -> &MemoryCgroup {
        &self.group
    }

    /// Removes the group and those that the worker created below it, which must have no processes.
    ///
    /// # Errors
    /// If it is still in use after 0.1 s.
    pub fn remove(mut self) -> Result<(), CgroupError> {
        self.removed = true;
        self.try_remove()
    }

    fn try_remove(&self) -> Result<(), CgroupError> {
        let path = &self.group.folder;
        for _ in 1..REMOVE_ATTEMPTS {
            // The worker may have created groups of its own.
            if remove(&subtree(path)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(REMOVE_PAUSE);
        }
        remove(&subtree(path)).map_err(|source| CgroupError::Io { path: path.clone(), source })
    }

    fn write(&self, name: &str, value: &str) -> Result<(), CgroupError> {
        let path = self.group.folder.join(name);
        fs::write(&path, value).map_err(|source| CgroupError::Io { path, source })
    }
}

impl Drop for WorkerCgroup {
    fn drop(&mut self) {
        if !self.removed {
            // Nobody is there to be informed of an error; `remove` returns it.
            let _ = self.try_remove();
        }
    }
}

impl MemoryCgroup {
    /// Whether the kernel reports the peak since it was last read, as opposed to that of the group's whole life.
    #[must_use]
    pub fn has_stage_peaks(&self) -> bool {
        CgroupPeak::of(self).is_some()
    }
}

/// The peak of a group since it was last read. Version 2 resets a peak only for readers of the descriptor that reset it.
#[derive(Debug)]
pub(super) struct CgroupPeak {
    file: File,
    version: Version,
}

impl CgroupPeak {
    /// `None` if the kernel has no peak that can be reset (version 2 before Linux 6.12), or permissions are missing.
    pub(super) fn of(group: &MemoryCgroup) -> Option<Self> {
        Self::open(group, group.version.peak())
    }

    /// The peak of kernel memory alone, which only version 1 has.
    pub(super) fn of_kernel(group: &MemoryCgroup) -> Option<Self> {
        match group.version {
            Version::V1 => Self::open(group, "memory.kmem.max_usage_in_bytes"),
            Version::V2 => None,
        }
    }

    fn open(group: &MemoryCgroup, name: &str) -> Option<Self> {
        let path = group.folder.join(name);
        let file = File::options().read(true).write(true).open(path).ok()?;
        let mut own = Self { file, version: group.version };
        own.take()?;
        Some(own)
    }

    /// Reads the peak and resets it to the current usage.
    pub(super) fn take(&mut self) -> Option<u64> {
        let peak = self.read()?;
        let reset = match self.version {
            Version::V1 => "0",
            Version::V2 => "reset",
        };
        self.file.write_all(reset.as_bytes()).ok()?;
        Some(peak)
    }

    /// Reads the peak since it was last taken.
    pub(super) fn read(&mut self) -> Option<u64> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        self.file.read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Without permissions, only the error can be tested.
    #[test]
    fn a_worker_cgroup_is_removed_on_drop() {
        for create in [WorkerCgroup::create, || WorkerCgroup::with_limit(Bytes(64 << 20))] {
            match create() {
                Ok(own) => {
                    let folder = own.group.folder.clone();
                    assert!(folder.is_dir() && own.procs_file().exists());
                    assert_eq!(own.group().oom_kills().expect("readable"), 0);
                    assert!(own.group().processes().expect("readable").is_empty());
                    assert!(own.group().kernel().is_some() && own.group().file_cache().is_some());
                    // The kernel lets nobody write to a peak that it cannot reset.
                    let peak = fs::metadata(folder.join(own.group.version.peak())).expect("Linux 5.19");
                    let expected = (peak.permissions().mode() & 0o200 != 0).then_some(0);
                    assert_eq!(CgroupPeak::of(own.group()).and_then(|mut peak| peak.take()), expected);
                    drop(own);
                    assert!(!folder.exists());
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn a_group_that_is_gone_cannot_be_removed() {
        if let Ok(own) = WorkerCgroup::create() {
            fs::remove_dir(&own.group.folder).expect("empty");
            assert!(own.remove().is_err());
        }
    }
}
