//! Whether the metadata of an input shows that it is the one that a kept tape was made from.
//!
//! Times of files are those of the clock of their file system, which may be that of a server, and they are rounded: a
//! file may be written again without a change of its times. As in git's index, times are therefore trusted only if the
//! clock of the same file system had passed them when the input was read.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    time::{SystemTime, UNIX_EPOCH},
};

/// The metadata that changes when a file is replaced, written or truncated. Times are in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) changed: i64,
}

/// Times of a file that were so recent when it was read cannot tell whether it was modified afterwards: kernels count
/// them in ticks of up to 10 ms, and file systems in up to 2 s (FAT).
const TOO_RECENT: i64 = 2_000_000_000;

impl Identity {
    /// # Errors
    /// When the system does not tell.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: modified(&metadata),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether a file with this metadata has the content that it had at `read`, if it was read after that.
    pub(super) fn was_settled(self, read: Time) -> bool {
        self.modified.max(self.changed).saturating_add(TOO_RECENT) <= read.0
    }
}

/// A time of the clock that sets the times of an input, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) i64);

impl Time {
    /// Before all others, so that no input was settled then.
    pub(super) const UNKNOWN: Self = Self(i64::MIN);

    /// The present time of the clock that sets the times of `input`, or an earlier one. `fresh` is a file that was
    /// created just now.
    ///
    /// On the same file system, `fresh` has its time. Another one has the clock of this machine if it is known to be
    /// local.
    pub(super) fn now(input: &File, fresh: &File) -> Self {
        let Ok(metadata) = fresh.metadata() else { return Self::UNKNOWN };
        if is_on_device(input, &metadata) {
            return Self::here().min(Self(modified(&metadata)));
        }
        if is_local(input) { Self::here() } else { Self::UNKNOWN }
    }

    /// The present time of this machine.
    pub(super) fn here() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.ok().and_then(|since| i64::try_from(since.as_nanos()).ok()).map_or(Self::UNKNOWN, Self)
    }
}

/// Whether [`Time::now`] is known for a file that is created beside `kept`.
pub(super) fn has_clock(input: &File, kept: &File) -> bool {
    kept.metadata().is_ok_and(|metadata| is_on_device(input, &metadata)) || is_local(input)
}

fn is_on_device(input: &File, other: &Metadata) -> bool {
    input.metadata().is_ok_and(|metadata| metadata.dev() == other.dev())
}

/// The magic numbers of file systems whose times are set by this machine: ext2 to ext4, XFS, btrfs, bcachefs, F2FS, ZFS,
/// FAT, exFAT, tmpfs, ramfs, overlayfs, squashfs and EROFS ([statfs(2)]). Others may be those of a server.
///
/// [statfs(2)]: https://man7.org/linux/man-pages/man2/statfs.2.html
const LOCAL: [u32; 13] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xca45_1a4e,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x4d44,
    0x2011_bab0,
    0x0102_1994,
    0x8584_58f6,
    0x794c_7630,
    0x7371_7368,
    0xe0f5_e1e2,
];

fn is_local(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|system| LOCAL.contains(&(system.f_type as u32)))
}

fn modified(metadata: &Metadata) -> i64 {
    nanoseconds(metadata.mtime(), metadata.mtime_nsec())
}

fn nanoseconds(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn recent_times_are_not_trusted() {
        let identity = Identity { device: 1, inode: 2, size: 3, modified: 10 * SECOND, changed: 12 * SECOND };
        assert!(!identity.was_settled(Time(12 * SECOND)));
        assert!(!identity.was_settled(Time(14 * SECOND - 1)));
        assert!(identity.was_settled(Time(14 * SECOND)));
        assert!(!identity.was_settled(Time::UNKNOWN));
    }

    /// As if a server's clock were an hour behind, so that a file of this moment looks an hour old.
    #[test]
    fn the_time_is_that_of_the_file_system() {
        let [input, fresh] = [(); 2].map(|()| tempfile::tempfile().expect("a file"));
        let skewed = SystemTime::now() - Duration::from_secs(3600);
        fresh.set_modified(skewed).expect("set");
        let time = Time::now(&input, &fresh);
        assert!(time.0 < Time::here().0 - 3000 * SECOND, "{time:?}");
        // A clock that is ahead makes nothing older than it is.
        fresh.set_modified(SystemTime::now() + Duration::from_secs(3600)).expect("set");
        assert!(Time::now(&input, &fresh) <= Time::here());
    }

    #[test]
    fn only_the_times_of_local_file_systems_are_compared_with_this_machine() {
        // procfs is not in the list.
        let elsewhere = File::open("/proc/self/stat").expect("opened");
        let fresh = tempfile::tempfile().expect("a file");
        assert_eq!(Time::now(&elsewhere, &fresh), Time::UNKNOWN);
        assert!(!has_clock(&elsewhere, &fresh));
        assert!(has_clock(&fresh, &fresh));
    }
}
