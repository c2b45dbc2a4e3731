//! Sums a counter of `/proc/self/smaps` over the mappings that contain a memory.
//!
//! The file is read line by line through one fixed-size buffer, so the allocation depends neither on the
//! number of mappings nor on the length of their paths, and a case that calls this has the same heap peak in
//! every checkout.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    ops::Range,
};

/// Bytes of each line that are parsed: addresses, permissions, offset, device, inode and the padding before a
/// name take at most 74 bytes of the first line of a mapping (fs/proc/task_mmu.c).
const LINE: usize = 128;

/// The sum of `field` over the mappings that overlap the memory, in bytes. Leaves out the heap and the stack,
/// which contain much else.
///
/// # Errors
/// When the file cannot be read, or a line is not in the format that the kernel writes.
pub(crate) fn sum(memory: &[u8], field: &str) -> io::Result<u64> {
    let range = memory.as_ptr_range();
    sum_in(File::open("/proc/self/smaps")?, range.start.addr() as u64..range.end.addr() as u64, field)
}

fn sum_in(smaps: impl Read, memory: Range<u64>, field: &str) -> io::Result<u64> {
    let mut smaps = BufReader::with_capacity(4096, smaps);
    let (mut line, mut bytes, mut overlaps) = ([0; LINE], 0, false);
    while let Some(line) = read_line(&mut smaps, &mut line)? {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("/proc/self/smaps: line {line:?}"));
        // `Anonymous:   12 kB`, or `7f12-7f34 rw-p 00000000 00:00 0   [heap]`.
        match line.split_once(':').filter(|(key, _)| !key.contains(' ')) {
            Some((key, value)) if overlaps && key == field => {
                let kib = value.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
                bytes += kib.ok_or_else(malformed)? << 10;
            }
            Some(_) => {}
            None => {
                let mapping = addresses(line).ok_or_else(malformed)?;
                let special = line.ends_with("[heap]") || line.ends_with("[stack]");
                overlaps = mapping.start < memory.end && memory.start < mapping.end && !special;
            }
        }
    }
    Ok(bytes)
}

/// Parses the `start-end` of a mapping's first line.
fn addresses(line: &str) -> Option<Range<u64>> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

/// The next line, without its terminator and truncated to `buffer`; `None` at the end of the file.
fn read_line<'a>(from: &mut impl BufRead, buffer: &'a mut [u8; LINE]) -> io::Result<Option<&'a str>> {
    let mut used = 0;
    loop {
        let part = from.fill_buf()?;
        let end = part.iter().position(|&byte| byte == b'\n');
        let text = &part[..end.unwrap_or(part.len())];
        let kept = text.len().min(LINE - used);
        buffer[used..used + kept].copy_from_slice(&text[..kept]);
        used += kept;
        let (is_last, consumed) = (part.is_empty(), end.map_or(part.len(), |end| end + 1));
        from.consume(consumed);
        if end.is_some() || is_last && used > 0 {
            break;
        }
        if is_last {
            return Ok(None);
        }
    }
    // A truncated path may end within a character.
    let text = buffer[..used].utf8_chunks().next().map_or("", |chunk| chunk.valid());
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smaps(path: &str) -> String {
        format!(
            "1000-3000 rw-p 00000000 00:00 0 \nSize: 8 kB\nAnonymous: 8 kB\nVmFlags: rd wr mr\n\
             3000-5000 r--p 00001000 fe:00 123                       {path}\nSize: 8 kB\nAnonymous: 4 kB\n\
             5000-9000 rw-p 00000000 00:00 0                         [heap]\nAnonymous: 16 kB\n\
             9000-a000 rw-p 00000000 00:00 0 \nAnonymous: 4 kB\n"
        )
    }

    #[test]
    fn only_mappings_that_overlap_are_counted() {
        let of = |memory| sum_in(smaps("/a path: with a colon").as_bytes(), memory, "Anonymous").expect("readable");
        assert_eq!(of(0x1000..0x3000), 8 << 10);
        assert_eq!(of(0x2fff..0x3001), 12 << 10);
        assert_eq!(of(0x5000..0x9000), 0, "the heap");
        assert_eq!(of(0x3000..0xa000), 8 << 10);
        assert_eq!(of(0..0x1000), 0);
    }

    #[test]
    fn long_paths_do_not_change_the_sum() {
        for length in [1, 53, 54, 55, 56, 127, 128, 129, 4000, 4095, 4096, 10_000] {
            let text = smaps(&format!("/{}", "ü".repeat(length)));
            assert_eq!(sum_in(text.as_bytes(), 0x1000..0xa000, "Anonymous").expect("readable"), 16 << 10, "{length}");
        }
    }

    #[test]
    fn malformed_lines_are_rejected() {
        for text in ["what is this\n", "1000-3000 rw-p\nAnonymous: many kB\n"] {
            assert!(sum_in(text.as_bytes(), 0..0x10_0000, "Anonymous").is_err(), "{text}");
        }
    }
}
