//! A parser of `/proc/PID/smaps` for the few fields that categories and the account of shared memory need.
//!
//! A worker with a thousand sandboxes has over 2,000 mappings and 1.5 MiB of `smaps` at each stage. A general parser
//! that stores all fields of each mapping in a map took 9 ms, longer than the kernel takes to generate the file (6 ms).
//! This one borrows from the text and stores a few numbers per mapping.

use std::ops::Range;

/// One mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Whether writes go to the file or shared memory.
    pub(super) shared: bool,
    /// The device (major and minor number) and the inode; `None` for anonymous mappings.
    pub(super) inode: Option<((u32, u32), u64)>,
    /// `Private_Hugetlb` in bytes.
    pub(super) private_huge: u64,
    /// `Shared_Hugetlb` in bytes.
    pub(super) shared_huge: u64,
    /// `Private_Clean` and `Private_Dirty` in bytes.
    pub(super) uss: u64,
    /// `Swap` in bytes.
    pub(super) swap: u64,
    /// `LazyFree` in bytes.
    pub(super) lazy_free: u64,
    /// `AnonHugePages` in bytes.
    pub(super) anon_huge: u64,
}

/// Parses all mappings. The error is the invalid line.
pub(super) fn parse(text: &str) -> Result<Vec<Mapping<'_>>, &str> {
    let mut mappings: Vec<Mapping<'_>> = Vec::new();
    for line in text.lines() {
        // A field begins with a capital letter, a mapping with a lower case hexadecimal digit.
        if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let mapping = mappings.last_mut().ok_or(line)?;
            // Most fields of most mappings are zero, as they already are here.
            if line.ends_with(" 0 kB") {
                continue;
            }
            let (field, value) = line.split_once(':').ok_or(line)?;
            let slot = match field {
                "Rss" => &mut mapping.rss,
                "Pss" => &mut mapping.pss,
                "Anonymous" => &mut mapping.anon,
                "Private_Hugetlb" => &mut mapping.private_huge,
                "Shared_Hugetlb" => &mut mapping.shared_huge,
                "Private_Clean" | "Private_Dirty" => &mut mapping.uss,
                "Swap" => &mut mapping.swap,
                "LazyFree" => &mut mapping.lazy_free,
                "AnonHugePages" => &mut mapping.anon_huge,
                _ => continue,
            };
            *slot += kib(value).ok_or(line)?;
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
    let (permissions, rest) = rest.split_once(' ')?;
    let (_offset, rest) = rest.split_once(' ')?;
    let (device, rest) = rest.split_once(' ')?;
    // The name may contain spaces, and is missing if the mapping has none.
    let (inode, name) = rest.split_once(' ').unwrap_or((rest, ""));
    let inode = inode.parse().ok()?;
    let (major, minor) = device.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    let device = (number(major)?, number(minor)?);
    Some(Mapping {
        range: address(start)?..address(end)?,
        name: name.trim_start(),
        shared: permissions.ends_with('s'),
        inode: (inode != 0).then_some((device, inode)),
        ..Mapping::default()
    })
}

#[cfg(test)]
mod tests {
    use procfs::{
        FromBufRead,
        process::{MMPermissions, MMapPath, MemoryMaps},
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
            assert_eq!(our.uss, field("Private_Clean") + field("Private_Dirty"));
            assert_eq!(
                (our.swap, our.lazy_free, our.anon_huge),
                (field("Swap"), field("LazyFree"), field("AnonHugePages"))
            );
            let ((major, minor), inode) = our.inode.unwrap_or_default();
            assert_eq!((major, minor), (their.dev.0.cast_unsigned(), their.dev.1.cast_unsigned()));
            assert_eq!(inode, their.inode);
            assert_eq!(our.shared, their.perms.contains(MMPermissions::SHARED));
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
        assert_eq!((mappings[0].shared, mappings[0].inode), (true, Some(((0, 1), 42))));
        for broken in ["Rss: 4 kB", "7f00 rw-s", "7f00-8f00 rw-s 0 0:0 0\nRss: x kB", "7f00-8f00 rw-s 0 0:0 0\nRss:"] {
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
