//! A parser of `/proc/PID/smaps` for the few fields that categories need.
//!
//! A worker with a thousand sandboxes has over 2,000 mappings and 1.5 MiB of `smaps` at each stage. A general parser
//! that stores all fields of each mapping in a map took 9 ms, longer than the kernel takes to generate the file (6 ms).
//! This one borrows from the text and stores three numbers per mapping.

use std::ops::Range;

/// One mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping<'a> {
    /// The addresses.
    pub(super) range: Range<u64>,
    /// The file, or a name such as `[heap]`; empty for an anonymous mapping.
    pub(super) name: &'a str,
    /// `Rss` in bytes.
    pub(super) rss: u64,
    /// `Pss` in bytes.
    pub(super) pss: u64,
    /// `Anonymous` in bytes.
    pub(super) anon: u64,
}

/// Parses all mappings. The error is the invalid line.
pub(super) fn parse(text: &str) -> Result<Vec<Mapping<'_>>, &str> {
    let mut mappings: Vec<Mapping<'_>> = Vec::new();
    for line in text.lines() {
        // A field begins with a capital letter, a mapping with a lower case hexadecimal digit.
        if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let mapping = mappings.last_mut().ok_or(line)?;
            let (field, value) = line.split_once(':').ok_or(line)?;
            let slot = match field {
                "Rss" => &mut mapping.rss,
                "Pss" => &mut mapping.pss,
                "Anonymous" => &mut mapping.anon,
                _ => continue,
            };
            *slot = kib(value).ok_or(line)?;
        } else {
            mappings.push(head(line).ok_or(line)?);
        }
    }
    Ok(mappings)
}

/// `    12 kB`
fn kib(text: &str) -> Option<u64> {
    text.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// `55e0c0-55e0d0 r-xp 00002000 08:01 1234    /usr/bin/x`
fn head(line: &str) -> Option<Mapping<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    // Permissions, offset, device, inode, padding, and the name, which may contain spaces.
    let mut name = rest;
    for _ in 0..4 {
        name = name.split_once(' ').map_or("", |(_, rest)| rest);
    }
    Some(Mapping { range: address(start)?..address(end)?, name: name.trim_start(), rss: 0, pss: 0, anon: 0 })
}

#[cfg(test)]
mod tests {
    use procfs::{
        FromBufRead,
        process::{MMapPath, MemoryMaps},
    };

    use super::*;

    fn agrees_with_procfs(text: &str) {
        let ours = parse(text).expect("well formed");
        let theirs = MemoryMaps::from_buf_read(text.as_bytes()).expect("well formed");
        assert_eq!(ours.len(), theirs.0.len());
        for (our, their) in ours.iter().zip(&theirs.0) {
            let field = |name: &str| their.extension.map[name];
            assert_eq!((our.range.start, our.range.end), their.address);
            assert_eq!((our.rss, our.pss, our.anon), (field("Rss"), field("Pss"), field("Anonymous")));
            match &their.pathname {
                MMapPath::Path(path) => assert_eq!(our.name, path.to_string_lossy()),
                MMapPath::Anonymous => assert_eq!(our.name, ""),
                _ => assert!(our.name.starts_with('['), "{}", our.name),
            }
        }
    }

    #[test]
    fn real_files_are_parsed_like_procfs_parses_them() {
        agrees_with_procfs(include_str!("../tests/fixtures/proc/worker-pooling-image/smaps"));
        agrees_with_procfs(&std::fs::read_to_string("/proc/self/smaps").expect("Linux"));
    }

    #[test]
    fn names_may_have_spaces_and_truncated_lines_are_rejected() {
        let line = "7f00-8f00 rw-s 00000000 00:01 42                         /memfd:a name (deleted)\nRss: 4 kB\n";
        let mappings = parse(line).expect("well formed");
        assert_eq!((mappings[0].name, mappings[0].rss), ("/memfd:a name (deleted)", 4096));
        for broken in ["Rss: 4 kB", "7f00 rw-s", "7f00-8f00 rw-s 0 0 0\nRss: x kB", "7f00-8f00 rw-s 0 0 0\nRss:"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_parser_never_panics(text in "([0-9a-f]{1,4}-[0-9a-f]{1,4} .{0,9}\n|Rss: .{0,5}\n|.{0,12}\n){0,5}") {
            let _ = parse(&text);
        }
    }
}
