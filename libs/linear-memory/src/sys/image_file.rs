//! The initial image as a file in memory that is mapped over a linear memory.

use std::{fs::File, io, os::unix::fs::FileExt};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap},
};

use super::whole_pages;

/// Bytes as a sealed file in memory, which can be mapped over a linear memory repeatedly.
#[derive(Debug)]
pub(crate) struct ImageFile {
    file: File,
    length: usize,
}

impl ImageFile {
    /// A file of `length` bytes that is zero except for the given pieces.
    pub(crate) fn new<'a>(length: usize, pieces: impl Iterator<Item = (usize, &'a [u8])>) -> io::Result<Self> {
        let fd = memfd_create("linear-memory-image", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&fd, length as u64)?;
        let file = File::from(fd);
        for (offset, bytes) in pieces {
            file.write_all_at(bytes, offset as u64)?;
        }
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW)?;
        Ok(Self { file, length })
    }

    /// Replaces the memory's backing with a private mapping of the file. All writes are lost, and all pages
    /// are discarded.
    ///
    /// For on-demand memories only: a pool would pass the mapping on to the slot's next guest.
    pub(crate) fn map_over(&self, memory: &mut [u8]) -> io::Result<()> {
        let (start, length) = whole_pages(memory)?;
        if length != self.length {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the memory and its image differ in size"));
        }
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
        // SAFETY: whole pages of a slice that is borrowed for writing are replaced by the same number of
        // readable and writable bytes of a sealed file, which nothing can change or shorten.
        unsafe { mmap(start, length, rights, flags, &self.file, 0) }?;
        Ok(())
    }
}
