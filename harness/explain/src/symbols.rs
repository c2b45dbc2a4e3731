//! From return addresses to function names, files and lines, with the symbols and debug information of the ELF files that
//! the worker had mapped. Inlined functions are frames of their own where there is debug information.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use addr2line::{Loader, demangle_auto};

use crate::dump::Mapping;

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The demangled name without a hash, or the file in brackets if it has no symbols.
    pub function: String,
    /// The source file and line, if there is debug information.
    pub place: Option<(PathBuf, u32)>,
}

/// The symbols of a process.
pub(crate) struct Symbols<'a> {
    maps: &'a [Mapping],
    files: HashMap<&'a Path, Option<(Loader, u64)>>,
    known: HashMap<u64, Vec<Frame>>,
}

impl<'a> Symbols<'a> {
    pub(crate) fn new(maps: &'a [Mapping]) -> Self {
        Self { maps, files: HashMap::new(), known: HashMap::new() }
    }

    /// The functions at a return address, the innermost inlined one first.
    pub(crate) fn frames(&mut self, address: u64) -> &[Frame] {
        if !self.known.contains_key(&address) {
            let found = self.look_up(address);
            self.known.insert(address, found);
        }
        &self.known[&address]
    }

    fn look_up(&mut self, address: u64) -> Vec<Frame> {
        if address == 0 {
            // The end of the stack.
            return Vec::new();
        }
        // A return address is that of the instruction after the call, which may belong to the next function.
        let address = address.saturating_sub(1);
        let unknown = |name: String| vec![Frame { function: name, place: None }];
        let maps = self.maps;
        let Some(mapping) = maps.iter().find(|mapping| (mapping.start..mapping.end).contains(&address)) else {
            return unknown("[code without a file]".to_owned());
        };
        let file = self.files.entry(&mapping.path).or_insert_with(|| open(&mapping.path, maps));
        let name = mapping.path.file_name().unwrap_or_default().to_string_lossy();
        let Some((loader, bias)) = file else { return unknown(format!("[{name}]")) };
        let probe = address.wrapping_sub(*bias);
        let symbol = loader.find_symbol(probe).map(demangled);
        let mut frames = Vec::new();
        if let Ok(mut found) = loader.find_frames(probe) {
            while let Ok(Some(frame)) = found.next() {
                let raw = frame.function.as_ref().and_then(|function| function.raw_name().ok());
                let function = raw.map(|raw| demangled(&raw)).or_else(|| symbol.clone());
                let place = frame.location.and_then(|place| Some((PathBuf::from(place.file?), place.line?)));
                frames.push(Frame { function: function.unwrap_or_else(|| format!("[{name}]")), place });
            }
        }
        // Line tables have plain names only. The outermost frame is the function that is not inlined, whose symbol has its
        // whole path.
        if let (Some(outermost), Some(symbol)) = (frames.last_mut(), &symbol) {
            outermost.function.clone_from(symbol);
        }
        match frames.is_empty() {
            true => unknown(symbol.unwrap_or_else(|| format!("[{name}]"))),
            false => frames,
        }
    }
}

/// The symbols of a file, and the difference between its addresses in memory and in the file.
fn open(path: &Path, maps: &[Mapping]) -> Option<(Loader, u64)> {
    let loader = Loader::new(path).ok()?;
    let start = maps.iter().find(|mapping| mapping.path == path && mapping.offset == 0)?.start;
    // Byte 16 of an ELF file is its type; 2 is a program that is mapped at the addresses of the file.
    let mut header = [0; 17];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    Some((loader, if header[16] == 2 { 0 } else { start }))
}

/// The name without the hash of the compiler, which differs between builds.
fn demangled(name: &str) -> String {
    match rustc_demangle::try_demangle(name) {
        Ok(demangled) => format!("{demangled:#}"),
        Err(_) => demangle_auto(name.into(), None).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_not_part_of_names() {
        let name = "_ZN5cache5Cache6insert17h0123456789abcdefE";
        assert_eq!(demangled(name), "cache::Cache::insert");
        assert_eq!(demangled("malloc"), "malloc");
    }
}
