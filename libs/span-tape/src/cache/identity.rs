//! Whether an input is the one that a kept tape was made from.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    time::{SystemTime, UNIX_EPOCH},
};

use xxhash_rust::xxh3::Xxh3;

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
        let time = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether a file with this metadata had the same content at `read`, a time after which it was read.
    pub(super) fn was_settled(self, read: i64) -> bool {
        self.modified.max(self.changed).saturating_add(TOO_RECENT) <= read
    }
}

/// The present time in nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default()
}

/// The hash of a file's content, and a time before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) hash: u128,
    pub(super) read: i64,
}

impl Content {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let read = now();
        let mut hash = Xxh3::new();
        let mut buffer = vec![0; 256 << 10];
        let mut offset = 0;
        loop {
            match file.read_at(&mut buffer, offset)? {
                0 => return Ok(Self { hash: hash.digest128(), read }),
                count => {
                    hash.update(&buffer[..count]);
                    offset += count as u64;
                }
            }
        }
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let read = now();
        Self { hash: xxhash_rust::xxh3::xxh3_128(bytes), read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_times_are_not_trusted() {
        let second = 1_000_000_000;
        let identity = Identity { device: 1, inode: 2, size: 3, modified: 10 * second, changed: 12 * second };
        assert!(!identity.was_settled(12 * second));
        assert!(!identity.was_settled(14 * second - 1));
        assert!(identity.was_settled(14 * second));
    }
}
