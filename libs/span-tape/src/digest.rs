//! The hash of the bytes of an input, in the order in which they are read.

use std::{fs::File, io, os::unix::fs::FileExt};

use xxhash_rust::xxh3::Xxh3;

/// A hash of bytes (XXH3, 128 bits), and their number.
#[derive(Clone, Default)]
pub(crate) struct Digest {
    hash: Xxh3,
    size: u64,
}

impl Digest {
    /// Adds the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        let mut digest = Self::default();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read_at(&mut buffer, digest.size) {
                Ok(0) => return Ok(digest),
                Ok(count) => digest.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut digest = Self::default();
        digest.update(bytes);
        digest
    }

    /// The number of bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn hash(&self) -> u128 {
        self.hash.digest128()
    }
}
