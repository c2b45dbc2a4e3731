//! Finds the folder of a process's memory cgroup from its files `/proc/PID/cgroup` and `/proc/PID/mountinfo`.

use std::path::{Component, Path, PathBuf};

use procfs::{
    ProcessCGroups,
    process::{MountInfo, MountInfos},
};

use super::cgroup::{CgroupError, MemoryCgroup, Version};

/// The memory cgroup of a process with these files `cgroup` and `mountinfo`.
///
/// # Errors
/// If no memory controller is mounted, or the mounts do not show the group.
pub(super) fn locate(groups: &ProcessCGroups, mounts: &MountInfos) -> Result<MemoryCgroup, CgroupError> {
    // Version 1 names its controllers. The unified hierarchy has number 0 and no names; in a hybrid setup it has no
    // memory controller, which then has a version 1 line.
    let in_version_1 = groups.0.iter().find(|group| group.controllers.iter().any(|name| name == "memory"));
    let unified = || groups.0.iter().find(|group| group.hierarchy == 0);
    let (version, group) = match in_version_1 {
        Some(group) => (Version::V1, group),
        None => (Version::V2, unified().ok_or(CgroupError::NoController)?),
    };
    let is_of_version = |mount: &&MountInfo| match version {
        Version::V1 => mount.fs_type == "cgroup" && mount.super_options.contains_key("memory"),
        Version::V2 => mount.fs_type == "cgroup2",
    };
    let path = &group.pathname;
    let candidates: Vec<_> = mounts.0.iter().filter(is_of_version).collect();
    // A mount hides an earlier one at the same place.
    let is_hidden = |at: usize| candidates[at + 1..].iter().any(|late| late.mount_point == candidates[at].mount_point);
    let shown = candidates.iter().enumerate().filter(|(at, _)| !is_hidden(*at)).map(|(_, mount)| mount);
    let first = shown.clone().next().ok_or(CgroupError::NoController)?;
    match shown.clone().find_map(|mount| folder_in(mount, path)) {
        Some(folder) => Ok(MemoryCgroup { folder, version }),
        None => Err(CgroupError::NotVisible { group: path.clone(), mount: first.mount_point.clone() }),
    }
}

/// The folder of a group below a mount. In a container, the mount may show only a part of the hierarchy, below its root.
/// Both paths are relative to the root of the reader's cgroup namespace, and begin with `/..` above it. `None` if the
/// mount does not show the group, or if the names between their roots are unknown.
fn folder_in(mount: &MountInfo, group: &str) -> Option<PathBuf> {
    let inside = Path::new(group).strip_prefix(&mount.root).ok()?;
    let is_below = inside.components().all(|part| matches!(part, Component::Normal(_)));
    is_below.then(|| mount.mount_point.join(inside))
}

#[cfg(test)]
mod tests {
    use procfs::FromBufRead;

    use super::*;

    fn locate(cgroup: &str, mountinfo: &str) -> Result<MemoryCgroup, CgroupError> {
        let groups = ProcessCGroups::from_buf_read(cgroup.as_bytes()).expect("well formed");
        let mounts = MountInfos::from_buf_read(mountinfo.as_bytes()).expect("well formed");
        super::locate(&groups, &mounts)
    }

    /// Captured on the project's machine: version 1 controllers beside an empty unified hierarchy.
    #[test]
    fn the_memory_controller_of_a_hybrid_hierarchy_is_version_1() {
        let group = locate(
            include_str!("../tests/fixtures/cgroup/hybrid-cgroup"),
            include_str!("../tests/fixtures/cgroup/hybrid-mountinfo"),
        );
        let folder = "/sys/fs/cgroup/memory/process_api/152f6e2925c5dbfa7b3d81e140001391".into();
        assert_eq!(group.expect("visible"), MemoryCgroup { folder, version: Version::V1 });
    }

    /// The format according to cgroups(7) and systemd on a machine with version 2 only.
    #[test]
    fn the_unified_hierarchy_is_version_2() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let group = locate("0::/user.slice/run-1.scope\n", mounts);
        let folder = "/sys/fs/cgroup/user.slice/run-1.scope".into();
        assert_eq!(group.expect("visible"), MemoryCgroup { folder, version: Version::V2 });
    }

    /// A container that sees only a part of the hierarchy.
    #[test]
    fn the_root_of_the_mount_is_removed_from_the_path() {
        let mounts = "31 23 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let group = locate("4:memory:/docker/abc/worker\n", mounts);
        assert_eq!(group.expect("visible").folder, Path::new("/sys/fs/cgroup/memory/worker"));
        assert!(matches!(locate("4:cpu:/x\n", mounts), Err(CgroupError::NoController)));
        let sibling = locate("4:memory:/docker/abcdef\n", mounts);
        assert!(matches!(sibling, Err(CgroupError::NotVisible { .. })), "{sibling:?}");
    }

    /// `unshare --cgroup`: paths are relative to the group of the process, which is `/`.
    #[test]
    fn a_group_outside_of_the_mounted_namespace_is_not_guessed() {
        let outer = "31 23 0:28 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let inner = "44 31 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw,nsdelegate\n";
        let elsewhere = inner.replace("/sys/fs/cgroup", "/run/cgroup");
        let folder = |cgroup: &str, mounts: &str| locate(cgroup, mounts).map(|group| group.folder);
        let error = folder("0::/\n", outer).expect_err("the names of two groups are unknown");
        let words =
            "/sys/fs/cgroup does not show the cgroup of this process, /: mount cgroups in this cgroup namespace";
        assert_eq!(error.to_string(), words);
        assert_eq!(folder("0::/\n", &format!("{outer}{inner}")).expect("mounted over"), Path::new("/sys/fs/cgroup"));
        assert_eq!(folder("0::/a\n", &format!("{outer}{elsewhere}")).expect("beside"), Path::new("/run/cgroup/a"));
        // A process that was moved out of its namespace.
        assert!(matches!(folder("0::/../other\n", inner), Err(CgroupError::NotVisible { .. })));
        assert_eq!(folder("0::/../../other\n", outer).expect("below its root"), Path::new("/sys/fs/cgroup/other"));
    }
}
