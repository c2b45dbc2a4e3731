//! Distinguishes pages of shared memory from pages of files on disks, by the device of their mapping. `RssShmem` and
//! `RssFile` of `status` are batched in some kernels: on Linux 6.1, the first 64 pages of a file were in neither, and
//! `smaps` had them.

use std::{collections::BTreeSet, sync::LazyLock};

use procfs::{FromBufRead, process::MountInfos};
use rustix::fs::{MemfdFlags, fstat, major, memfd_create, minor};

use super::{process::ProcessFiles, smaps::Mapping};

/// Major and minor number, as in `smaps`.
type Device = (u32, u32);

/// The device of memfds, shared anonymous mappings and System V segments, a tmpfs that is mounted nowhere. `None` if the
/// kernel has no memfds.
static UNMOUNTED: LazyLock<Option<Device>> = LazyLock::new(|| {
    let device = fstat(memfd_create("highwater", MemfdFlags::CLOEXEC).ok()?).ok()?.st_dev;
    Some((major(device), minor(device)))
});

/// The devices of the tmpfs that a process can map files of.
#[derive(Clone, Debug, Default)]
pub(super) struct TmpfsDevices(BTreeSet<Device>);

impl TmpfsDevices {
    /// The devices that a process sees now. If its mounts cannot be read, files with a name count as files on disks.
    pub(super) fn of(process: &mut ProcessFiles) -> Self {
        let mounts = process.read("mountinfo").ok().and_then(|text| MountInfos::from_buf_read(text.as_bytes()).ok());
        let mounts = mounts.into_iter().flat_map(|mounts| mounts.0).filter(|mount| mount.fs_type == "tmpfs");
        Self(mounts.filter_map(|mount| parse(&mount.majmin)).chain(*UNMOUNTED).collect())
    }

    /// The resident pages of shared memory, in bytes.
    pub(super) fn shmem(&self, mappings: &[Mapping<'_>]) -> u64 {
        let is_tmpfs = |mapping: &&Mapping<'_>| mapping.inode.is_some_and(|(device, _)| self.0.contains(&device));
        // A private mapping has copies of the pages that were written.
        mappings.iter().filter(is_tmpfs).map(|mapping| mapping.rss - mapping.anon.min(mapping.rss)).sum()
    }
}

/// Parses `MAJOR:MINOR`.
fn parse(text: &str) -> Option<Device> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::*;
    use crate::smaps;

    #[test]
    fn pages_of_memfds_and_tmpfs_files_are_shmem_and_copies_are_not() {
        let mut file = File::from(memfd_create("mapped", MemfdFlags::CLOEXEC).expect("a memfd"));
        file.write_all(&[1; 3 * 4096]).expect("written");
        let device = (*UNMOUNTED).expect("memfds");
        let devices = TmpfsDevices::of(&mut ProcessFiles::of(std::process::id()));
        let of = |device| Mapping { rss: 3 * 4096, anon: 4096, inode: Some((device, 7)), ..Mapping::default() };
        assert_eq!(devices.shmem(&[of(device), of((8, 1)), Mapping { inode: None, ..of(device) }]), 2 * 4096);
        if std::fs::read_to_string("/proc/self/mounts").expect("Linux").contains("/dev/shm tmpfs") {
            let stat = rustix::fs::stat("/dev/shm").expect("mounted");
            assert_eq!(devices.shmem(&[of((major(stat.st_dev), minor(stat.st_dev)))]), 2 * 4096);
        }
    }

    /// The kernel of the captured worker had exact counters.
    #[test]
    fn a_captured_worker_has_as_much_as_its_status() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc/worker-pooling-image");
        let text = std::fs::read_to_string(format!("{folder}/smaps")).expect("captured");
        let mappings = smaps::parse(&text).expect("well formed");
        let status = std::fs::read_to_string(format!("{folder}/status")).expect("captured");
        assert!(status.contains("RssShmem:\t       0 kB"));
        assert_eq!(TmpfsDevices::of(&mut ProcessFiles::at(folder)).shmem(&mappings), 0);
    }
}
