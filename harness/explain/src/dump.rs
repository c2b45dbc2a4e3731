//! Reads the file that a worker under attribution writes: its call stacks, what each held at every stage, and the
//! modules that its addresses belong to.

use std::{num::ParseIntError, ops::RangeInclusive, path::PathBuf};

use highwater_model::{Category, Stage};

/// What a worker wrote.
#[derive(Debug, Default)]
pub struct Dump {
    /// The return addresses of every stack, innermost first.
    pub stacks: Vec<Vec<u64>>,
    /// In the order of the run.
    pub stages: Vec<AtStage>,
    /// The mappings of files.
    pub maps: Vec<Mapping>,
    /// Allocations that could not be recorded.
    pub lost: u64,
    /// Bytes of freed blocks that no stack allocated: they are older than the recording.
    pub unknown_freed: u64,
    /// Allocations whose stack had more frames than are kept.
    pub truncated: u64,
}

/// The heap at one stage.
#[derive(Debug)]
pub struct AtStage {
    /// The stage.
    pub stage: Stage,
    /// What stacks hold.
    pub held: Vec<Held>,
    /// Where live blocks are, by address. No two ranges are in one page.
    pub blocks: Vec<RangeInclusive<u64>>,
}

/// What one stack holds at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The index in [`Dump::stacks`].
    pub stack: usize,
    /// The kind of mapping whose pages it touched first; `None` for blocks of the heap.
    pub category: Option<Category>,
    /// Live bytes.
    pub bytes: u64,
    /// Live blocks, or pages.
    pub blocks: u64,
    /// Bytes when the heap was fullest, since the stage before.
    pub peak_bytes: u64,
    /// Blocks at that moment.
    pub peak_blocks: u64,
}

/// A mapping of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The address after the last.
    pub end: u64,
    /// The offset in the file, in bytes.
    pub offset: u64,
    /// The file.
    pub path: PathBuf,
}

/// The file is not one that a worker writes.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the attribution cannot be read: {text:?}")]
pub struct DumpError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl Dump {
    /// Parses the text of the file.
    ///
    /// # Errors
    /// If a line has another form, or refers to a stack or stage that is not there.
    pub fn parse(text: &str) -> Result<Self, DumpError> {
        let mut dump = Self::default();
        let mut in_maps = false;
        for (number, line) in text.lines().enumerate() {
            if in_maps {
                in_maps = !line.is_empty();
                dump.maps.extend(mapping(line));
            } else if line == "maps" {
                // The last list of mappings is the most complete one: libraries that are loaded later are only there.
                dump.maps.clear();
                in_maps = true;
            } else {
                dump.line(line).ok_or_else(|| DumpError { line: number + 1, text: line.to_owned() })?;
            }
        }
        Ok(dump)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "stack" => {
                let (number, frames) = rest.split_once(' ').unwrap_or((rest, ""));
                let frames = frames.split_whitespace().map(hexadecimal).collect::<Result<_, _>>().ok()?;
                (number.parse() == Ok(self.stacks.len())).then(|| self.stacks.push(frames))
            }
            "stage" => {
                let stage = rest.split(' ').next()?.parse().ok()?;
                self.stages.push(AtStage { stage, held: Vec::new(), blocks: Vec::new() });
                Some(())
            }
            "held" => {
                let [stack, bytes, blocks, peak_bytes, peak_blocks] = numbers(rest)?;
                let stack = usize::try_from(stack).ok().filter(|stack| *stack < self.stacks.len())?;
                let held = Held { stack, category: None, bytes, blocks, peak_bytes, peak_blocks };
                self.stages.last_mut().map(|stage| stage.held.push(held))
            }
            "at" => {
                let (first, last) = rest.split_once(' ')?;
                let range = hexadecimal(first).ok()?..=hexadecimal(last).ok()?;
                self.stages.last_mut().map(|stage| stage.blocks.push(range))
            }
            "counts" => {
                [self.lost, self.unknown_freed, self.truncated] = numbers(rest)?;
                Some(())
            }
            _ => None,
        }
    }
}

fn hexadecimal(text: &str) -> Result<u64, ParseIntError> {
    u64::from_str_radix(text, 16)
}

fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// A line of `/proc/PID/maps`, if it is of a file.
/// [proc_pid_maps(5)](https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html)
pub(crate) fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let (start, end) = (hexadecimal(start).ok()?, hexadecimal(end).ok()?);
    let offset = hexadecimal(words.nth(1)?).ok()?;
    let path = words.nth(2)?.trim_start();
    path.starts_with('/').then(|| Mapping { start, end, offset, path: PathBuf::from(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "stack 0 1000 2000\nstage loaded 5 0\nheld 0 5 1 9 2\nat 5000 5fff\ncounts 1 2 3\nmaps\n\
        1000-3000 r-xp 00000800 fe:00 12   /a b/program\n4000-5000 rw-p 00000000 00:00 0 [heap]\n\n";

    #[test]
    fn what_a_worker_writes_is_read() {
        let dump = Dump::parse(TEXT).expect("it is valid");
        assert_eq!(dump.stacks, [[0x1000, 0x2000]]);
        let held = Held { stack: 0, category: None, bytes: 5, blocks: 1, peak_bytes: 9, peak_blocks: 2 };
        assert_eq!(dump.stages[0].held, [held]);
        assert_eq!(dump.stages[0].blocks, [0x5000..=0x5fff]);
        assert_eq!((dump.lost, dump.unknown_freed, dump.truncated), (1, 2, 3));
        let mapping = Mapping { start: 0x1000, end: 0x3000, offset: 0x800, path: "/a b/program".into() };
        assert_eq!(dump.maps, [mapping]);
    }

    #[test]
    fn damaged_lines_are_refused_with_their_number() {
        for damaged in ["held 9 1 1 1 1", "stack 5 1", "else", "counts 1", "at 5 x"] {
            let text = TEXT.replace("counts 1 2 3", damaged);
            let error = Dump::parse(&text).expect_err(damaged);
            assert_eq!(error.line, 5, "{damaged}");
        }
    }
}
