//! From return addresses to function names, files and lines, with the symbols and debug information of the ELF files
//! that the worker had mapped. Inlined functions are frames of their own where there is debug information.

use std::{collections::HashMap, fs, path::Path};

use addr2line::{Loader, demangle_auto};
use highwater_model::{Frame, Place};
use object::{Object, ObjectSegment, ObjectSymbol};

use crate::{dump::Mapping, generated::Generated};

/// The symbols of a process.
pub(crate) struct Symbols<'a> {
    maps: &'a [Mapping],
    /// The root of the workspace that the program was built from.
    root: &'a Path,
    generated: Generated,
    files: HashMap<&'a Path, Option<SymbolFile>>,
    known: HashMap<u64, Vec<Frame>>,
}

impl<'a> Symbols<'a> {
    pub(crate) fn new(maps: &'a [Mapping], root: &'a Path, generated: Generated) -> Self {
        Self { maps, root, generated, files: HashMap::new(), known: HashMap::new() }
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
        let address = address - 1;
        let plain = |function: String| vec![Frame { function, inlined: false, place: None }];
        let (maps, root) = (self.maps, self.root);
        // Its compiler may map the code from a file.
        if let Some((function, place)) = self.generated.at(address) {
            let place = place.map(|place| Place { file: below(root, &place.file), line: place.line });
            return vec![Frame { function: demangled(function), inlined: false, place }];
        }
        let Some(mapping) = maps.iter().find(|mapping| (mapping.start..mapping.end).contains(&address)) else {
            return plain("[generated code]".to_owned());
        };
        let file = self.files.entry(&mapping.path).or_insert_with(|| SymbolFile::open(&mapping.path, maps));
        let name = mapping.path.file_name().unwrap_or_default().to_string_lossy();
        match file {
            None => plain(format!("[{name}]")),
            // What the C library does for its caller is shown only if there is no other function.
            Some(file) if is_system(&name) => plain(match file.functions.at(address.wrapping_sub(file.bias)) {
                Some(symbol) => format!("[{name}] {symbol}"),
                None => format!("[{name}]"),
            }),
            Some(file) => file.frames(address, root, &name),
        }
    }
}

/// Whether a file is the C library, the dynamic linker or the unwinder.
pub(crate) fn is_system(name: &str) -> bool {
    ["libc.", "ld-", "libgcc_s.", "libpthread.", "libc-"].iter().any(|prefix| name.starts_with(prefix))
}

/// The symbols and debug information of one file.
struct SymbolFile {
    loader: Loader,
    functions: Functions,
    /// The difference between its addresses in memory and in the file.
    bias: u64,
}

impl SymbolFile {
    /// `None` if it is not an ELF file, or cannot be read any more.
    fn open(path: &Path, maps: &[Mapping]) -> Option<Self> {
        let content = fs::read(path).ok()?;
        let file = object::File::parse(content.as_slice()).ok()?;
        let bias = bias(&file, maps.iter().filter(|mapping| mapping.path == path))?;
        let symbols = file.symbols().chain(file.dynamic_symbols()).filter(|symbol| symbol.is_definition());
        let functions = symbols.filter(|symbol| symbol.kind() == object::SymbolKind::Text);
        let functions = functions.filter_map(|it| Some((it.address(), it.size(), it.name().ok()?.to_owned())));
        let functions = Functions::new(functions.collect());
        Some(Self { loader: Loader::new(path).ok()?, functions, bias })
    }

    fn frames(&self, address: u64, root: &Path, name: &str) -> Vec<Frame> {
        let address = address.wrapping_sub(self.bias);
        let symbol = self.functions.at(address).map(demangled);
        let unnamed = || format!("[{name}]");
        let mut frames = Vec::new();
        if let Ok(mut found) = self.loader.find_frames(address) {
            while let Ok(Some(frame)) = found.next() {
                let raw = frame.function.as_ref().and_then(|function| function.raw_name().ok());
                let function = raw.map(|raw| demangled(&raw)).or_else(|| symbol.clone()).unwrap_or_else(unnamed);
                let place = frame.location.and_then(|place| Some((place.file?, place.line?)));
                let place = place.map(|(file, line)| Place { file: below(root, file), line });
                frames.push(Frame { function, inlined: true, place });
            }
        }
        // Line tables have plain names only. The outermost frame is the function that is not inlined, whose symbol has
        // its whole path.
        match frames.last_mut() {
            Some(outermost) => {
                outermost.inlined = false;
                outermost.function = symbol.unwrap_or_else(|| outermost.function.clone());
                frames
            }
            None => vec![Frame { function: symbol.unwrap_or_else(unnamed), inlined: false, place: None }],
        }
    }
}

/// The difference between the addresses of a file in memory and in the file.
pub(crate) fn bias<'a>(file: &object::File<'_>, maps: impl Iterator<Item = &'a Mapping>) -> Option<u64> {
    let first = maps.min_by_key(|mapping| mapping.offset)?;
    let of_segment = file.segments().find_map(|segment| {
        let (offset, size) = segment.file_range();
        (offset..offset + size.max(1)).contains(&first.offset).then(|| segment.address() + first.offset - offset)
    });
    Some(first.start.wrapping_sub(of_segment?))
}

/// Functions by address.
struct Functions(Vec<(u64, u64, String)>);

impl Functions {
    /// From addresses, sizes and names.
    fn new(mut functions: Vec<(u64, u64, String)>) -> Self {
        functions.sort();
        Self(functions)
    }

    /// The function at an address. Functions of assembler code have no size, and end where the next begins.
    fn at(&self, address: u64) -> Option<&str> {
        let next = self.0.partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.0.get(next.checked_sub(1)?)?;
        (*size == 0 || address - start < *size).then_some(name.as_str())
    }
}

/// A path relative to the root of the workspace, if the file is there.
fn below(root: &Path, file: &str) -> String {
    let inside = Path::new(file).strip_prefix(root).ok();
    inside.map_or_else(|| file.to_owned(), |inside| inside.to_string_lossy().into_owned())
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

    #[test]
    fn an_address_between_functions_has_no_name() {
        let function = |start, size, name: &str| (start, size, name.to_owned());
        let functions = Functions::new(vec![function(30, 0, "c"), function(10, 5, "a"), function(20, 4, "b")]);
        let names = [9, 10, 14, 15, 23, 24, 30, 99].map(|address| functions.at(address));
        assert_eq!(names, [None, Some("a"), Some("a"), None, Some("b"), None, Some("c"), Some("c")]);
    }

    #[test]
    fn files_of_the_workspace_are_relative() {
        assert_eq!(below(Path::new("/home/me/project"), "/home/me/project/src/cache.rs"), "src/cache.rs");
        assert_eq!(below(Path::new("/home/me/project"), "/home/me/projects/x.rs"), "/home/me/projects/x.rs");
    }
}
