//! Files that occupy memory, or space on a disk, only because a process keeps them: memfds, shared anonymous mappings,
//! files on a tmpfs or hugetlbfs, and deleted files. They are found by descriptor and by mapping, and each inode counts
//! once, however many processes keep it.
//!
//! ```text
//!   file system      named                                  deleted, or never had a name
//!   tmpfs, memfd     shmem, if changed since the start      shmem
//!   hugetlbfs        huge, likewise                         huge
//!   any other        not counted                            deleted
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CStr,
    time::Duration,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, makedev, openat, statat, statfs},
    time::{ClockId, clock_gettime},
};

use super::{process::ProcessFiles, smaps::Mapping};

/// `f_type` of file systems in memory ([statfs(2)](https://man7.org/linux/man-pages/man2/statfs.2.html)).
const TMPFS_MAGIC: u64 = 0x0102_1994;
const RAMFS_MAGIC: u64 = 0x8584_58f6;
const HUGETLBFS_MAGIC: u64 = 0x9584_58f6;
/// The unit of `st_blocks`, whatever the block size of the file system ([inode(7)](https://man7.org/linux/man-pages/man7/inode.7.html)).
const BLOCK: u64 = 512;

/// What the blocks of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Pages of shared memory.
    Shmem,
    /// Pages of the hugetlb pool.
    Huge,
    /// Space of another file system, which a deleted file occupies until it is closed.
    Deleted,
}

/// A device and an inode.
pub(super) type Inode = (u64, u64);

/// Finds held files, and remembers which devices are file systems in memory.
#[derive(Clone, Debug)]
pub(super) struct HeldFiles {
    /// Named files that were changed before this time are not the worker's.
    since: Duration,
    /// By device of `stat`.
    file_systems: BTreeMap<u64, Held>,
    /// By device in `smaps`. Both can differ (btrfs, overlayfs), so they are kept apart.
    on_disk: BTreeSet<(u32, u32)>,
    files: BTreeMap<Inode, (Held, u64)>,
    /// Mappings of this snapshot that were looked up.
    mapped: BTreeSet<((u32, u32), u64)>,
}

impl HeldFiles {
    /// To be called before the worker starts.
    pub(super) fn new() -> Self {
        // The kernel stamps inodes with the coarse clock.
        let now = clock_gettime(ClockId::RealtimeCoarse);
        Self {
            since: Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32),
            file_systems: BTreeMap::new(),
            on_disk: BTreeSet::new(),
            files: BTreeMap::new(),
            mapped: BTreeSet::new(),
        }
    }

    /// Forgets the files of the last snapshot.
    pub(super) fn clear(&mut self) {
        self.files.clear();
        self.mapped.clear();
    }

    /// The bytes of all files of a kind that were added.
    pub(super) fn bytes(&self, kind: Held) -> u64 {
        self.files.values().filter(|(held, _)| *held == kind).map(|(_, bytes)| bytes).sum()
    }

    /// Adds the files that the descriptors of a process keep. A process whose descriptors cannot be read has none.
    pub(super) fn add_descriptors(&mut self, process: &mut ProcessFiles) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = process.folder().and_then(|folder| openat(folder, "fd", flags, Mode::empty())) else { return };
        let Ok(entries) = Dir::read_from(&folder) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_bytes().first().is_some_and(u8::is_ascii_digit)
                // Follows the link to the open file, whatever its name, without opening it.
                && let Ok(stat) = statat(&folder, entry.file_name(), AtFlags::empty())
            {
                let path = || process.path("fd").join(entry.file_name().to_string_lossy().as_ref());
                self.add(&stat, || Some(statfs(path()).ok()?.f_type as u64));
            }
        }
    }

    /// Adds the files that the mappings of a process keep, except System V segments, and returns the ids of these.
    pub(super) fn add_mappings(&mut self, process: &mut ProcessFiles, mappings: &[Mapping<'_>]) -> BTreeSet<u64> {
        let mut segments = BTreeSet::new();
        for mapping in mappings {
            let Some((device, inode)) = mapping.inode else { continue };
            let is_deleted = mapping.name.ends_with(" (deleted)");
            if !is_deleted && self.on_disk.contains(&device) {
                continue;
            }
            if is_deleted && mapping.name.starts_with("/SYSV") {
                // The inode of a segment is its id (ipc/shm.c).
                segments.insert(inode);
                continue;
            }
            if !self.mapped.insert((device, inode)) {
                continue;
            }
            let name = format!("map_files/{:x}-{:x}", mapping.range.start, mapping.range.end);
            let stat = process.folder().and_then(|folder| statat(folder, &name, AtFlags::empty()));
            match stat {
                Ok(stat) => {
                    let held = self.add(&stat, || Some(statfs(process.path(&name)).ok()?.f_type as u64));
                    if held == Some(Held::Deleted) {
                        self.on_disk.insert(device);
                    }
                }
                Err(_) if is_deleted && mapping.shared => self.add_mapped_part(mapping, device, inode),
                Err(_) => {}
            }
        }
        segments
    }

    /// Adds what is known of a file without the right to follow the link to it. If a process has a descriptor of the
    /// file, that says more, before or after this. The two kinds of devices are equal on the file systems in memory.
    fn add_mapped_part(&mut self, mapping: &Mapping<'_>, (major, minor): (u32, u32), inode: u64) {
        let held = if mapping.private_huge + mapping.shared_huge > 0 { Held::Huge } else { Held::Shmem };
        let bytes = mapping.rss + mapping.private_huge + mapping.shared_huge;
        self.files.entry((makedev(major, minor), inode)).or_insert((held, bytes));
    }

    /// Adds a file if it counts. Returns what a file of its file system is when it is deleted.
    fn add(&mut self, stat: &Stat, file_system: impl Fn() -> Option<u64>) -> Option<Held> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        let kind = match self.file_systems.get(&stat.st_dev) {
            Some(kind) => *kind,
            None => {
                let kind = match file_system()? {
                    TMPFS_MAGIC | RAMFS_MAGIC => Held::Shmem,
                    HUGETLBFS_MAGIC => Held::Huge,
                    _ => Held::Deleted,
                };
                self.file_systems.insert(stat.st_dev, kind);
                kind
            }
        };
        let changed = || Duration::new(stat.st_ctime.unsigned_abs(), stat.st_ctime_nsec as u32);
        if stat.st_nlink == 0 || (kind != Held::Deleted && changed() >= self.since) {
            self.files.insert((stat.st_dev, stat.st_ino), (kind, stat.st_blocks.unsigned_abs() * BLOCK));
        }
        Some(kind)
    }
}

/// Whether the mapped files of a process can be looked up (`/proc/PID/map_files`, for root and CAP_CHECKPOINT_RESTORE).
#[must_use]
pub fn map_files_are_readable() -> bool {
    let mut process = ProcessFiles::of(std::process::id());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = process.folder().and_then(|folder| openat(folder, "map_files", flags, Mode::empty()));
    let Ok(folder) = folder else { return false };
    let Ok(entries) = Dir::read_from(&folder) else { return false };
    let follows = |name: &CStr| statat(&folder, name, AtFlags::empty()).is_ok();
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_bytes().contains(&b'-'))
        .all(|entry| follows(entry.file_name()))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;
    use crate::smaps;

    fn own() -> ProcessFiles {
        ProcessFiles::of(std::process::id())
    }

    /// Tests run in parallel in one process, so only files of the test itself can be counted: by inode.
    fn bytes_of(held: &HeldFiles, file: &File) -> Option<(Held, u64)> {
        let stat = rustix::fs::fstat(file).expect("open");
        held.files.get(&(stat.st_dev, stat.st_ino)).copied()
    }

    #[test]
    fn a_memfd_counts_by_its_blocks_however_many_descriptors_it_has() {
        let mut file = File::from(memfd_create("held", MemfdFlags::CLOEXEC).expect("a memfd"));
        file.write_all(&[1; 3 * 65_536]).expect("written");
        file.set_len(1 << 30).expect("sparse");
        let second = file.try_clone().expect("a second descriptor");
        let mut held = HeldFiles::new();
        held.add_descriptors(&mut own());
        assert_eq!(bytes_of(&held, &second), Some((Held::Shmem, 3 * 65_536)));
    }

    #[test]
    fn a_file_on_a_disk_counts_once_it_is_deleted() {
        // Not in /tmp, which may be a tmpfs.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a folder");
        let path = folder.path().join("caf\u{e9}");
        let mut file = File::create(&path).expect("created");
        file.write_all(&[1; 65_536]).expect("written");
        file.sync_all().expect("synced");
        let mut held = HeldFiles::new();
        held.add_descriptors(&mut own());
        assert_eq!(bytes_of(&held, &file), None);
        std::fs::remove_file(&path).expect("removed");
        held.clear();
        held.add_descriptors(&mut own());
        let (kind, bytes) = bytes_of(&held, &file).expect("counted");
        assert!(bytes >= 65_536 && matches!(kind, Held::Deleted | Held::Shmem), "{kind:?} {bytes}");
    }

    #[test]
    fn a_named_tmpfs_file_counts_if_it_was_changed_since_the_start() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
        let mut file = File::create(folder.path().join("named")).expect("created");
        file.write_all(&[1; 4096]).expect("written");
        let mut held = HeldFiles::new();
        held.since += Duration::from_secs(1);
        held.add_descriptors(&mut own());
        assert_eq!(bytes_of(&held, &file), None);
        held.since -= Duration::from_secs(2);
        held.add_descriptors(&mut own());
        assert_eq!(bytes_of(&held, &file), Some((Held::Shmem, 4096)));
    }

    #[test]
    fn a_mapping_without_a_descriptor_keeps_its_file() {
        let file = File::from(memfd_create("mapped", MemfdFlags::CLOEXEC).expect("a memfd"));
        file.set_len(65_536).expect("sized");
        let stat = rustix::fs::fstat(&file).expect("open");
        // SAFETY: a new mapping at an address of the kernel's choice, of a file that nothing else uses.
        let map = unsafe {
            let protection = rustix::mm::ProtFlags::READ | rustix::mm::ProtFlags::WRITE;
            rustix::mm::mmap(std::ptr::null_mut(), 65_536, protection, rustix::mm::MapFlags::SHARED, &file, 0)
        }
        .expect("mapped");
        drop(file);
        // SAFETY: within the mapping.
        unsafe { map.cast::<u8>().write(1) };
        let text = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
        let mut held = HeldFiles::new();
        held.add_mappings(&mut own(), &smaps::parse(&text).expect("well formed"));
        assert_eq!(held.files.get(&(stat.st_dev, stat.st_ino)), Some(&(Held::Shmem, 4096)));
        // SAFETY: nothing points into it any more.
        unsafe { rustix::mm::munmap(map, 65_536) }.expect("unmapped");
    }

    /// As for a user that may not follow the links of mappings.
    #[test]
    fn a_file_with_a_descriptor_and_a_mapping_counts_once() {
        let mut file = File::from(memfd_create("both", MemfdFlags::CLOEXEC).expect("a memfd"));
        file.write_all(&[1; 65_536]).expect("written");
        let stat = rustix::fs::fstat(&file).expect("open");
        let device = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
        let mapping = Mapping { shared: true, rss: 4096, inode: Some((device, stat.st_ino)), ..Mapping::default() };
        let known = |held: &HeldFiles| {
            held.files.iter().filter(|((_, inode), _)| *inode == stat.st_ino).map(|(_, file)| *file).collect::<Vec<_>>()
        };
        let mut held = HeldFiles::new();
        held.add_mapped_part(&mapping, device, stat.st_ino);
        assert!(known(&held).contains(&(Held::Shmem, 4096)));
        for mapped_first in [true, false] {
            if !mapped_first {
                held.clear();
            }
            held.add_descriptors(&mut own());
            held.add_mapped_part(&mapping, device, stat.st_ino);
            assert_eq!(bytes_of(&held, &file), Some((Held::Shmem, 65_536)));
            assert!(!known(&held).contains(&(Held::Shmem, 4096)), "{mapped_first}");
        }
    }
}
