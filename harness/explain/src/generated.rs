//! The functions of a just-in-time compiler, by address: from the perf map and the jitdump file that it wrote. Later
//! functions replace earlier ones at the same addresses.
//!
//! - [perf map](https://github.com/torvalds/linux/blob/master/tools/perf/Documentation/jit-interface.txt)
//! - [jitdump](https://github.com/torvalds/linux/blob/master/tools/perf/Documentation/jitdump-specification.txt)
//!
//! Only two kinds of records of a jitdump file are needed. The crate that reads all of them (linux-perf-data 0.13) aborts
//! on damaged files, and the worker that writes a file may have ended in the middle of a record.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use highwater_model::Place;

use crate::{bytes::Reader, dump::Mapping};

/// The most of a file that is read. A perf map of the largest guest of this workspace has 1 MiB.
const LARGEST: u64 = 256 << 20;
/// The folder of perf maps. Compilers do not ask for another one in the environment.
const PERF_MAPS: &str = "/tmp";
/// Time stamps of files are rounded down to a tick of the kernel, which is shorter than this.
const TICK: Duration = Duration::from_secs(1);

/// The functions by their first address.
#[derive(Debug, Default)]
pub(crate) struct Generated(BTreeMap<u64, Function>);

#[derive(Debug)]
struct Function {
    size: u64,
    name: String,
    /// Places by the address that they begin at.
    lines: BTreeMap<u64, Place>,
}

impl Generated {
    /// Reads the files. What cannot be read or is damaged adds no functions.
    pub(crate) fn read(perf_map: Option<&Path>, jitdumps: &[PathBuf]) -> Self {
        let mut all = Self::default();
        if let Some(content) = perf_map.and_then(|path| read(path).ok()) {
            all.add_perf_map(&String::from_utf8_lossy(&content));
        }
        for content in jitdumps.iter().filter_map(|path| read(path).ok()) {
            all.add_jitdump(&content);
        }
        all
    }

    /// The name of the function at an address, and where in its sources that is.
    pub(crate) fn at(&self, address: u64) -> Option<(&str, Option<&Place>)> {
        let (start, function) = self.0.range(..=address).next_back()?;
        let place = function.lines.range(..=address).next_back().map(|(_, place)| place);
        (address - start < function.size).then_some((function.name.as_str(), place))
    }

    fn add(&mut self, start: u64, function: Function) {
        let replaced: Vec<u64> =
            self.0.range(start..start.saturating_add(function.size)).map(|(start, _)| *start).collect();
        for start in replaced {
            self.0.remove(&start);
        }
        self.0.insert(start, function);
    }

    /// Lines such as `7f00c0 40 py::main:/app.py`: start and size in hexadecimal, and the name.
    fn add_perf_map(&mut self, text: &str) {
        for line in text.lines() {
            let mut parts = line.splitn(3, ' ');
            let mut number = || u64::from_str_radix(parts.next()?.trim_start_matches("0x"), 16).ok();
            if let (Some(start), Some(size), Some(name)) = (number(), number(), parts.next()) {
                self.add(start, Function { size, name: name.to_owned(), lines: BTreeMap::new() });
            }
        }
    }

    fn add_jitdump(&mut self, content: &[u8]) {
        let mut rest = Reader(content);
        // The record of lines comes before that of its function.
        let mut lines = BTreeMap::new();
        let mut add = || -> Option<()> {
            let (magic, _version, header) = (rest.u32()?, rest.u32()?, rest.u32()?);
            rest.take((header as usize).checked_sub(12).filter(|_| magic == MAGIC)?)?;
            loop {
                let (kind, size, _time) = (rest.u32()?, rest.u32()?, rest.u64()?);
                let mut body = Reader(rest.take((size as usize).checked_sub(16)?)?);
                match kind {
                    CODE_LOAD => {
                        let (start, function) = loaded(&mut body, &mut lines)?;
                        self.add(start, function);
                    }
                    CODE_MOVE => {
                        let (from, to) = moved(&mut body)?;
                        if let Some(function) = self.0.remove(&from) {
                            let lines = function
                                .lines
                                .into_iter()
                                .map(|(at, place)| (at.wrapping_sub(from).wrapping_add(to), place))
                                .collect();
                            self.add(to, Function { lines, ..function });
                        }
                    }
                    CODE_DEBUG_INFO => {
                        let (start, places) = places(&mut body)?;
                        lines.insert(start, places);
                    }
                    _ => {}
                }
            }
        };
        // It ends with the file, or at a damaged record.
        let _ = add();
    }
}

/// `JiTD`, and the kinds of records.
const MAGIC: u32 = 0x4a69_5444;
const CODE_LOAD: u32 = 0;
const CODE_MOVE: u32 = 1;
const CODE_DEBUG_INFO: u32 = 2;

type Lines = BTreeMap<u64, Place>;

/// `pid, tid; address in memory, address of the code, size, index; name, code`
fn loaded(body: &mut Reader<'_>, lines: &mut BTreeMap<u64, Lines>) -> Option<(u64, Function)> {
    let _pid_and_tid = body.u64()?;
    let (_vma, start, size, _index) = (body.u64()?, body.u64()?, body.u64()?, body.u64()?);
    let name = String::from_utf8_lossy(body.text()?).into_owned();
    Some((start, Function { size, name, lines: lines.remove(&start).unwrap_or_default() }))
}

/// `pid, tid; address in memory, old and new address of the code, size, index`
fn moved(body: &mut Reader<'_>) -> Option<(u64, u64)> {
    let _pid_and_tid = body.u64()?;
    let _vma = body.u64()?;
    Some((body.u64()?, body.u64()?))
}

/// `address of the code, number of lines`, and for each `address, line, column, file`.
fn places(body: &mut Reader<'_>) -> Option<(u64, Lines)> {
    let (start, count) = (body.u64()?, body.u64()?);
    let mut lines = Lines::new();
    let mut file = String::new();
    for _ in 0..count {
        let (address, line, _column) = (body.u64()?, body.u32()?, body.u32()?);
        match body.text()? {
            // The same as before.
            [0xff] => {}
            text => file = String::from_utf8_lossy(text).into_owned(),
        }
        lines.insert(address, Place { file: file.clone(), line });
    }
    Some((start, lines))
}

/// The content of a regular file, or its beginning if it is very large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut content)?;
    Ok(content)
}

/// The perf map of a process that was started at `since`, if it wrote one. The map of an earlier process with the same
/// number is not taken.
pub(crate) fn perf_map(pid: u32, since: SystemTime) -> Option<PathBuf> {
    let path = Path::new(PERF_MAPS).join(format!("perf-{pid}.map"));
    let data = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
    let is_new = data.modified().is_ok_and(|modified| modified + TICK >= since);
    is_new.then_some(path)
}

/// The jitdump files among the mappings of a process: a compiler maps its file so that it is found.
pub(crate) fn jitdumps<'a>(maps: impl IntoIterator<Item = &'a Mapping>, pid: u32) -> Vec<PathBuf> {
    let name = format!("jit-{pid}.dump");
    let paths = maps.into_iter().map(|mapping| &mapping.path);
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.ends_with(&name)).cloned().collect();
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, numbers: &[u64], rest: &[u8]) -> Vec<u8> {
        let body: Vec<u8> = numbers.iter().flat_map(|it| it.to_ne_bytes()).chain(rest.iter().copied()).collect();
        let size = 16 + body.len() as u32;
        [&kind.to_ne_bytes()[..], &size.to_ne_bytes(), &[0; 8], &body].concat()
    }

    fn jitdump(records: &[Vec<u8>]) -> Vec<u8> {
        let header: Vec<u8> = [MAGIC, 1, 40, 62, 0, 7].iter().flat_map(|it| it.to_ne_bytes()).collect();
        [header, vec![0; 16], records.concat()].concat()
    }

    fn load(start: u64, name: &str) -> Vec<u8> {
        record(CODE_LOAD, &[0, start, start, 0x40, 1], &[name.as_bytes(), &[0], &[0x90; 0x40]].concat())
    }

    fn lines_of(start: u64) -> Vec<u8> {
        let line = |address: u64, line: u32, file: &[u8]| {
            [&address.to_ne_bytes()[..], &line.to_ne_bytes(), &[0; 4], file, &[0]].concat()
        };
        let lines = [line(start, 3, b"/app.py"), line(start + 0x20, 4, &[0xff])];
        record(CODE_DEBUG_INFO, &[start, 2], &lines.concat())
    }

    fn read_from(content: &[u8]) -> Generated {
        let mut all = Generated::default();
        all.add_jitdump(content);
        all
    }

    #[test]
    fn perf_maps_are_read_and_later_functions_replace_earlier_ones() {
        let mut all = Generated::default();
        all.add_perf_map("7f00c0 40 py::f:/a b.py\nx 40 name\n7f\n7f0200 10 old\n7f0200 20 new\n0x7f0300 8 g");
        assert_eq!(all.at(0x7f_00c0), Some(("py::f:/a b.py", None)));
        assert_eq!(all.at(0x7f_00ff).map(|(name, _)| name), Some("py::f:/a b.py"));
        assert_eq!(all.at(0x7f_0100), None);
        assert_eq!(all.at(0x7f_021f).map(|(name, _)| name), Some("new"));
        assert_eq!(all.at(0x7f_0307).map(|(name, _)| name), Some("g"));
        assert_eq!(all.0.len(), 3);
    }

    #[test]
    fn jitdump_files_have_names_and_lines() {
        let moved = record(CODE_MOVE, &[0, 0x9000, 0x5000, 0x9000, 0x40, 1], &[]);
        let other = record(4, &[1, 2], &[]);
        let all = read_from(&jitdump(&[other, lines_of(0x5000), load(0x5000, "f"), load(0x7000, "g"), moved]));
        let place = |line| Place { file: "/app.py".to_owned(), line };
        assert_eq!(all.at(0x9000), Some(("f", Some(&place(3)))));
        assert_eq!(all.at(0x903f), Some(("f", Some(&place(4)))));
        assert_eq!(all.at(0x703f), Some(("g", None)));
        assert_eq!(all.at(0x5000), None, "it was moved");
    }

    #[test]
    fn a_damaged_file_has_the_functions_before_the_damage() {
        let whole = jitdump(&[load(0x5000, "f"), lines_of(0x7000), load(0x7000, "g")]);
        for length in 0..whole.len() {
            let all = read_from(&whole[..length]);
            assert_eq!(all.at(0x5000).is_some(), length >= 40 + load(0x5000, "f").len(), "{length}");
            assert_eq!(all.at(0x7000), None, "{length}");
        }
        for (at, value) in [(0, 0), (8, 0xff), (44, 3), (44, 0xff), (40 + 16 + 40, 0xff)] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            read_from(&damaged);
        }
        let endless = record(CODE_DEBUG_INFO, &[0x5000, u64::MAX], &[]);
        assert_eq!(read_from(&jitdump(&[endless, load(0x5000, "f")])).at(0x5000), None);
    }

    #[test]
    fn the_map_of_an_earlier_process_is_not_taken() {
        // No process has this number.
        let pid = u32::MAX;
        let path = Path::new(PERF_MAPS).join(format!("perf-{pid}.map"));
        fs::write(&path, "5000 40 f\n").expect("written");
        let now = SystemTime::now();
        let found = [now, now + Duration::from_secs(60)].map(|since| perf_map(pid, since));
        fs::remove_file(&path).expect("removed");
        assert_eq!(found, [Some(path), None]);
        assert_eq!(perf_map(pid, now), None);
    }

    #[test]
    fn the_jitdump_file_is_found_by_its_mapping() {
        let mapping = |path: &str| Mapping { start: 0, end: 4096, offset: 0, path: path.into() };
        let maps = ["/bin/app", "/w/jit-7.dump", "/w/jit-7.dump", "/w/jit-77.dump", "/w/xjit-7.dump"].map(mapping);
        assert_eq!(jitdumps(&maps, 7), [PathBuf::from("/w/jit-7.dump")]);
    }
}
