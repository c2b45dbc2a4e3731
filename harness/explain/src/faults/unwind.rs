//! Walks the stack of a sample by the unwind tables of the mapped files, or by frame pointers in code without any, such
//! as that of a just-in-time compiler.

use std::{collections::BTreeMap, fs, ops::Range, path::Path, sync::Arc};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, MayAllocateDuringUnwind, Module, Unwinder, UnwinderNative,
};
use object::{Object, ObjectSection};

use super::records::Sample;
use crate::{
    dump::{Mapping, mapping},
    symbols::bias,
};

/// The frames that are kept of a stack, innermost first.
const DEPTH: usize = 128;

type Bytes = Arc<[u8]>;

/// The unwinder of one process.
pub(super) struct ProcessUnwinder {
    pid: u32,
    unwinder: UnwinderNative<Bytes, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
    /// The executable mappings that are known, by start.
    code: BTreeMap<u64, Range<u64>>,
}

/// The addresses of a stack.
pub(super) struct Walked {
    /// Return addresses, innermost first. The first is one byte after the instruction that caused the fault, as if it
    /// had returned there.
    pub(super) addresses: Vec<u64>,
    /// Whether the outermost frame was reached.
    pub(super) complete: bool,
}

impl ProcessUnwinder {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, unwinder: UnwinderNative::new(), cache: CacheNative::new(), code: BTreeMap::new() }
    }

    /// Walks the stack of a sample.
    pub(super) fn walk(&mut self, sample: &Sample<'_>) -> Walked {
        let Some(registers) = sample.registers else { return Walked { addresses: Vec::new(), complete: false } };
        let (ip, sp, registers) = registers.native();
        if !self.knows(ip) {
            self.read_mappings();
        }
        let mut read_stack = |address: u64| {
            let offset = address.checked_sub(sp).and_then(|offset| usize::try_from(offset).ok()).ok_or(())?;
            let word = sample.stack.get(offset..).and_then(|rest| rest.first_chunk()).ok_or(())?;
            Ok(u64::from_ne_bytes(*word))
        };
        let mut frames = self.unwinder.iter_frames(ip, registers, &mut self.cache, &mut read_stack);
        let mut addresses = Vec::new();
        let complete = loop {
            match frames.next() {
                Ok(Some(frame)) if addresses.len() < DEPTH => addresses.push(match frame {
                    FrameAddress::InstructionPointer(address) => address + 1,
                    FrameAddress::ReturnAddress(address) => address.get(),
                }),
                Ok(Some(_)) | Err(_) => break false,
                Ok(None) => break true,
            }
        };
        Walked { addresses, complete }
    }

    fn knows(&self, ip: u64) -> bool {
        self.code.range(..=ip).next_back().is_some_and(|(_, range)| range.contains(&ip))
    }

    /// Adds the files that were mapped since the last call.
    fn read_mappings(&mut self) {
        let text = fs::read_to_string(format!("/proc/{}/maps", self.pid)).unwrap_or_default();
        let all: Vec<Mapping> = text.lines().filter_map(mapping).collect();
        for line in text.lines() {
            let Some(range) = executable(line) else { continue };
            if self.code.insert(range.start, range.clone()) == Some(range.clone()) {
                continue;
            }
            let file = all.iter().find(|mapping| mapping.start == range.start).map(|mapping| &mapping.path);
            if let Some(module) = file.and_then(|path| module(path, &all)) {
                self.unwinder.add_module(module);
            }
        }
    }
}

/// The addresses of a line of `/proc/PID/maps`, if they are executable.
fn executable(line: &str) -> Option<Range<u64>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    (rest.as_bytes().get(2) == Some(&b'x')).then_some(address(start)?..address(end)?)
}

/// The unwind tables of a file, at the addresses where it is mapped.
fn module(path: &Path, all: &[Mapping]) -> Option<Module<Bytes>> {
    let parts = || all.iter().filter(|mapping| mapping.path == path);
    let range = parts().map(|mapping| mapping.start).min()?..parts().map(|mapping| mapping.end).max()?;
    let first = parts().min_by_key(|mapping| mapping.offset)?;
    let content = fs::read(path).ok()?;
    let file = object::File::parse(content.as_slice()).ok()?;
    let base_svma = first.start.wrapping_sub(bias(&file, parts())?);
    let section = |name: &str| {
        let section = file.section_by_name(name)?;
        let data = section.uncompressed_data().ok()?;
        Some((section.address()..section.address() + section.size(), Bytes::from(data.as_ref())))
    };
    let addresses = |name: &str| section(name).map(|(addresses, _)| addresses);
    let data = |name: &str| section(name).map(|(_, data)| data);
    let sections = ExplicitModuleSectionInfo {
        base_svma,
        text_svma: addresses(".text"),
        text: data(".text"),
        got_svma: addresses(".got"),
        eh_frame_svma: addresses(".eh_frame"),
        eh_frame: data(".eh_frame"),
        eh_frame_hdr_svma: addresses(".eh_frame_hdr"),
        eh_frame_hdr: data(".eh_frame_hdr"),
        debug_frame: data(".debug_frame"),
        ..ExplicitModuleSectionInfo::default()
    };
    Some(Module::new(path.to_string_lossy().into_owned(), range, first.start, sections))
}
