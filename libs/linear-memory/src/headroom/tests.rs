//! Tests of the limit arithmetic, and of cgroup directories of both versions as the kernel lays them out.

use std::{fs, path::Path};

use procfs::{FromBufRead, ProcessCGroups};
use proptest::prelude::*;

use super::{
    Headroom, Level,
    cgroup::{cgroup_mounts, left, locate, parse_limit},
    mem_available,
};
use crate::{Error, Source};

const MIB: u64 = 1 << 20;

fn group(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).expect("a folder");
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file");
    }
}

/// The unified hierarchy: the root has no memory files, and the parent slice has the lower limit.
fn unified(root: &Path) -> std::path::PathBuf {
    let slice = root.join("machine.slice");
    group(
        &slice,
        &[
            ("memory.max", "536870912\n"),
            ("memory.high", "max\n"),
            ("memory.current", "209715200\n"),
            (
                "memory.stat",
                "anon 104857600\nfile 104857600\nactive_file 52428800\ninactive_file 52428800\nslab 4096\n",
            ),
        ],
    );
    let own = slice.join("job.scope");
    group(
        &own,
        &[
            ("memory.max", "max\n"),
            ("memory.high", "1073741824\n"),
            ("memory.current", "104857600\n"),
            ("memory.stat", "anon 104857600\ninactive_file 0\n"),
        ],
    );
    own
}

#[test]
fn in_version_2_the_tightest_ancestor_limits() {
    let root = tempfile::tempdir().expect("a folder");
    let own = unified(root.path());
    let levels = Level::upwards(&own, 2).expect("readable");
    assert_eq!(levels.iter().map(Level::folder).collect::<Vec<_>>(), [own.as_path(), own.parent().expect("a slice")]);
    let left: Vec<u64> = levels.iter().map(|level| level.left().expect("readable") / MIB).collect();
    assert_eq!(left, [1024 - 100, 512 - 200 + 50]);

    let headroom = Headroom::with_budget(levels, move || 24 << 30, 32 * MIB);
    let (available, source) = headroom.available().expect("readable");
    assert_eq!((available / MIB, source), (330, Source::Cgroup(own.parent().expect("a slice").to_owned())));
}

#[test]
fn in_version_1_groups_without_a_limit_are_ignored() {
    let root = tempfile::tempdir().expect("a folder");
    let parent = root.path().join("api");
    group(&parent, &[("memory.limit_in_bytes", "9223372036854771712\n")]);
    let own = parent.join("worker");
    group(
        &own,
        &[
            ("memory.limit_in_bytes", "268435456\n"),
            ("memory.usage_in_bytes", "100663296\n"),
            ("memory.stat", "cache 8192\ninactive_file 1\ntotal_inactive_file 4194304\n"),
        ],
    );
    let levels = Level::upwards(&own, 1).expect("readable");
    assert_eq!(levels.len(), 1);
    assert_eq!(levels[0].left().expect("readable"), (256 - 96 + 4) * MIB);
}

/// Above `memory.high`, processes are throttled and their pages reclaimed: a commit must not reach it.
#[test]
fn memory_high_limits_as_memory_max_does() {
    let root = tempfile::tempdir().expect("a folder");
    let stat = "anon 67108864\ninactive_file 0\n";
    for (max, high, expected) in
        [("max\n", "134217728\n", 64), ("268435456\n", "134217728\n", 64), ("134217728\n", "268435456\n", 64)]
    {
        let files =
            [("memory.max", max), ("memory.high", high), ("memory.current", "67108864\n"), ("memory.stat", stat)];
        group(root.path(), &files);
        let headroom = Headroom::with_budget(Level::upwards(root.path(), 2).expect("readable"), || u64::MAX, 0);
        let limited = Source::Cgroup(root.path().to_owned());
        assert_eq!(headroom.available().expect("readable"), (expected * MIB, limited.clone()), "{max} {high}");
        match headroom.check(expected * MIB + 1) {
            Err(Error::NoHeadroom(refusal)) => assert_eq!(refusal.limited_by, limited),
            other => panic!("{other:?}"),
        }
        assert!(headroom.check(expected * MIB).is_ok());
    }
}

/// A delegated group that enables the controller for one of its children only, or for none: a group without files of
/// its own is limited by those above it.
#[test]
fn in_nested_delegation_the_groups_above_limit() {
    let root = tempfile::tempdir().expect("a folder");
    let service = unified(root.path());
    let without = service.join("threads/leaf");
    group(&without, &[("cgroup.procs", "1\n"), ("cgroup.controllers", "pids\n")]);
    let with = service.join("worker");
    group(
        &with,
        &[
            ("memory.max", "134217728\n"),
            ("memory.high", "max\n"),
            ("memory.current", "33554432\n"),
            ("memory.stat", "inactive_file 1048576\n"),
        ],
    );
    for (own, least) in [(&without, (512 - 200 + 50, service.parent())), (&with, (128 - 32 + 1, Some(with.as_path())))]
    {
        let headroom = Headroom::with_budget(Level::upwards(own, 2).expect("readable"), || u64::MAX, 0);
        let source = Source::Cgroup(least.1.expect("a folder").to_owned());
        assert_eq!(headroom.available().expect("readable"), (least.0 * MIB, source), "{}", own.display());
    }
}

/// Pages in swap count towards the limit of memory and swap together.
#[test]
fn in_version_1_swapped_out_pages_count() {
    let root = tempfile::tempdir().expect("a folder");
    for (together, usage, expected) in
        [("268435456\n", "201326592\n", 64 + 4), ("9223372036854771712\n", "201326592\n", 256 - 96 + 4)]
    {
        let files = [
            ("memory.limit_in_bytes", "268435456\n"),
            ("memory.usage_in_bytes", "100663296\n"),
            ("memory.memsw.limit_in_bytes", together),
            ("memory.memsw.usage_in_bytes", usage),
            ("memory.stat", "total_inactive_file 4194304\n"),
        ];
        group(root.path(), &files);
        let headroom = Headroom::with_budget(Level::upwards(root.path(), 1).expect("readable"), || u64::MAX, 0);
        assert_eq!(headroom.available().expect("readable").0, expected * MIB);
    }
}

fn located(cgroup: &str, mountinfo: &str) -> Option<(std::path::PathBuf, u8)> {
    let groups = ProcessCGroups::from_buf_read(cgroup.as_bytes()).expect("well formed");
    let mounts = cgroup_mounts(mountinfo.as_bytes()).expect("well formed");
    locate(&groups, &mounts)
}

/// Captured in a virtual machine with version 1 controllers beside an empty unified hierarchy.
#[test]
fn the_memory_controller_of_a_hybrid_hierarchy_is_version_1() {
    let found = located(
        include_str!("../../tests/fixtures/cgroup/hybrid-cgroup"),
        include_str!("../../tests/fixtures/cgroup/hybrid-mountinfo"),
    );
    let folder = "/sys/fs/cgroup/memory/process_api/152f6e2925c5dbfa7b3d81e140001391".into();
    assert_eq!(found, Some((folder, 1)));
}

/// Most machines have many other mounts, whose names may be any bytes, and containers show those of cgroups again.
#[test]
fn one_mount_of_each_version_is_kept() {
    let other = b"40 23 0:35 / /mnt/\xff rw - ext4 /dev/\xff rw\n".as_slice();
    let cpu = b"32 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n".as_slice();
    let memory = b"33 23 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n".as_slice();
    let unified = b"31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n".as_slice();
    let again = b"91 23 0:28 / /chroot/cgroup rw,nosuid - cgroup2 cgroup2 rw\n".as_slice();
    let mounts = cgroup_mounts([other, cpu, memory, unified, again, other].concat().as_slice()).expect("well formed");
    let points: Vec<_> = mounts.0.iter().map(|mount| mount.mount_point.to_str().expect("text")).collect();
    assert_eq!(points, ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"]);
    assert!(cgroup_mounts(&b"31 23 - cgroup2"[..]).is_none(), "cut");
}

/// The formats of cgroups(7): version 2 only, a container that sees part of a hierarchy, and no controller.
#[test]
fn groups_are_located_below_the_root_of_their_mount() {
    let unified = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    assert_eq!(
        located("0::/user.slice/run-1.scope\n", unified),
        Some(("/sys/fs/cgroup/user.slice/run-1.scope".into(), 2))
    );
    let part = "31 23 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    assert_eq!(located("4:memory:/docker/abc/worker\n", part), Some(("/sys/fs/cgroup/memory/worker".into(), 1)));
    assert_eq!(located("4:cpu:/x\n", part), None);
    // The names of two containers, of which one begins with the other.
    assert_eq!(
        located("4:memory:/docker/abcd\n", part),
        Some(("/sys/fs/cgroup/memory/docker/abcd".into(), 1)),
        "not below the root of the mount"
    );
}

/// In a cgroup namespace, paths are relative to its root: a group outside it begins with `/..`.
#[test]
fn groups_outside_the_namespace_are_limited_by_its_root() {
    let mounts = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    for (path, folder) in
        [("/", "/sys/fs/cgroup"), ("/worker", "/sys/fs/cgroup/worker"), ("/../other", "/sys/fs/cgroup")]
    {
        assert_eq!(located(&format!("0::{path}\n"), mounts), Some((folder.into(), 2)));
    }
}

#[test]
fn an_unparsable_file_is_an_error_that_names_it() {
    let root = tempfile::tempdir().expect("a folder");
    group(root.path(), &[("memory.max", "much\n")]);
    let error = Level::upwards(root.path(), 2).expect_err("no number").to_string();
    assert!(error.contains("memory.max") && error.contains("unexpected format"), "{error}");
}

#[test]
fn a_refusal_reports_needed_and_available_bytes() {
    let headroom = Headroom::with_budget(Vec::new(), move || 100 * MIB, 32 * MIB);
    assert!(headroom.check(68 * MIB).is_ok());
    match headroom.check(69 * MIB) {
        Err(Error::NoHeadroom(refusal)) => {
            assert_eq!((refusal.needed, refusal.available, refusal.limited_by), (69 * MIB, 68 * MIB, Source::Machine));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn mem_available_is_parsed_in_kib() {
    let text = "MemTotal:       24580000 kB\nMemFree:        1 kB\nMemAvailable:   20480 kB\n";
    assert_eq!(mem_available(text), Some(20 * MIB));
    assert_eq!(mem_available("MemTotal: 5 kB\n"), None);
}

#[test]
fn this_process_has_headroom() {
    let (available, _) = Headroom::of_this_process().expect("readable").available().expect("readable");
    assert!(available > 0);
}

proptest! {
    #[test]
    fn available_bytes_never_exceed_the_limit_or_wrap(limit: u64, used: u64, droppable: u64) {
        prop_assert!(left(limit, used, droppable) <= limit);
    }

    #[test]
    fn available_bytes_decrease_with_usage(limit: u64, used: u64, more: u64, droppable: u64) {
        prop_assert!(left(limit, used.saturating_add(more), droppable) <= left(limit, used, droppable));
    }

    #[test]
    fn a_limit_round_trips(bytes in 0..1_u64 << 61) {
        prop_assert_eq!(parse_limit(&format!("{bytes}\n")), Some(Some(bytes)));
    }

    #[test]
    fn a_check_passes_only_within_available_bytes(machine: u64, margin: u64, needed: u64) {
        let headroom = Headroom::with_budget(Vec::new(), move || machine, margin);
        let fits = needed.checked_add(margin).is_some_and(|sum| sum <= machine) || needed == 0;
        prop_assert_eq!(headroom.check(needed).is_ok(), fits);
    }
}
