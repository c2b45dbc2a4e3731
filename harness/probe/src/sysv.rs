//! System V shared memory segments, which stay in memory without being mapped: `/proc/sysvipc/shm`
//! ([proc_sysvipc(5)](https://man7.org/linux/man-pages/man5/proc_sysvipc.5.html)).

use std::fs;

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The number that `shmget` returned.
    pub(super) id: u64,
    /// The process that made it.
    pub(super) creator: u32,
    /// Resident and swapped out pages, in bytes.
    pub(super) bytes: u64,
}

/// All segments of the IPC namespace; none if the kernel has no System V IPC.
pub(super) fn segments() -> Vec<Segment> {
    fs::read_to_string("/proc/sysvipc/shm").map(|text| parse(&text)).unwrap_or_default()
}

/// The first line names the columns, of which the last two (`rss`, `swap`) exist since Linux 2.6.35.
fn parse(text: &str) -> Vec<Segment> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let Some(names) = lines.next() else { return Vec::new() };
    let column = |name: &str| names.iter().position(|column| *column == name);
    let (Some(id), Some(creator)) = (column("shmid"), column("cpid")) else { return Vec::new() };
    let (rss, swap) = (column("rss"), column("swap"));
    let segment = |line: Vec<&str>| {
        let number = |column: Option<usize>| line.get(column?)?.parse::<u64>().ok();
        Some(Segment {
            id: number(Some(id))?,
            creator: line.get(creator)?.parse().ok()?,
            bytes: number(rss)? + number(swap).unwrap_or(0),
        })
    };
    lines.filter_map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Captured on Linux 6.18 after `shmget`, `shmat`, a write to all pages, and `shmdt`.
    #[test]
    fn a_detached_segment_has_its_creator_and_its_pages() {
        let text = include_str!("../tests/fixtures/proc/sysvipc-shm");
        assert_eq!(parse(text), [Segment { id: 20, creator: 2570, bytes: 4 << 20 }]);
        assert_eq!(parse(""), []);
        assert_eq!(parse("key shmid\n0 1\n"), []);
    }
}
