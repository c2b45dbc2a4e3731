//! Finds the parts of a memory that are mapped from a file: with the `PROCMAP_QUERY` ioctl of
//! `/proc/self/maps` (Linux 6.11), or on older kernels by parsing its text. A discarded page of such a part
//! reads as the file's bytes, not as zeros.

use std::{fs::File, io, ops::Range};

use linux_raw_sys::general::procmap_query;
use procfs::process::Process;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `_IOWR('f', 17, struct procmap_query)`, include/uapi/linux/fs.h.
const PROCMAP_QUERY: Opcode = opcode::read_write::<procmap_query>(b'f', 17);

/// The parts of a memory that are backed by a file, including anonymous shared memory, as offsets.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn file_backed(memory: &[u8]) -> io::Result<Vec<Range<usize>>> {
    query(memory).or_else(|_| read(memory))
}

fn query(memory: &[u8]) -> io::Result<Vec<Range<usize>>> {
    let maps = File::open("/proc/self/maps")?;
    let start = memory.as_ptr().addr();
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < memory.len() {
        // The mapping that covers the address, of any kind.
        let mut arg = procmap_query {
            size: size_of::<procmap_query>() as u64,
            query_flags: 0,
            query_addr: (start + at) as u64,
            vma_start: 0,
            vma_end: 0,
            vma_flags: 0,
            vma_page_size: 0,
            vma_offset: 0,
            inode: 0,
            dev_major: 0,
            dev_minor: 0,
            vma_name_size: 0,
            build_id_size: 0,
            vma_name_addr: 0,
            build_id_addr: 0,
        };
        // SAFETY: the argument has the type of this opcode, and asks for no name or build id to be written.
        unsafe { ioctl(&maps, Updater::<PROCMAP_QUERY, _>::new(&mut arg)) }?;
        let end = memory.len().min(arg.vma_end as usize - start);
        if arg.inode != 0 {
            parts.push(at..end);
        }
        at = end;
    }
    Ok(parts)
}

fn read(memory: &[u8]) -> io::Result<Vec<Range<usize>>> {
    let maps = Process::myself().and_then(|process| process.maps()).map_err(io::Error::other)?;
    let start = memory.as_ptr().addr() as u64;
    let parts = maps.iter().filter(|map| map.inode != 0).map(|map| {
        let [from, to] = [map.address.0, map.address.1].map(|address| address.saturating_sub(start) as usize);
        from.min(memory.len())..to.min(memory.len())
    });
    Ok(parts.filter(|part| !part.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{ImageFile, page_size};

    #[test]
    fn both_methods_find_file_backed_parts() {
        let page = page_size();
        // Leaked, so that the allocator never gets back a page that a file is mapped over.
        let memory = vec![1; 9 * page].leak();
        let skipped = memory.as_ptr().align_offset(page);
        let memory = &mut memory[skipped..skipped + 8 * page];
        assert!(file_backed(memory).expect("readable").is_empty());
        let file = ImageFile::new(2 * page, std::iter::empty()).expect("a memfd");
        file.map_over(&mut memory[3 * page..5 * page]).expect("mapped");
        let file = ImageFile::new(page, std::iter::empty()).expect("a memfd");
        file.map_over(&mut memory[7 * page..]).expect("mapped");
        let expected = vec![3 * page..5 * page, 7 * page..8 * page];
        assert_eq!(read(memory).expect("readable"), expected);
        match query(memory) {
            Ok(parts) => assert_eq!(parts, expected),
            Err(error) => eprintln!("skipped: needs PROCMAP_QUERY (Linux 6.11): {error}"),
        }
    }
}
