//! What each mapping of a process is for.
//!
//! ```text
//!  label says      the mapping is       category
//!  linear memory   anonymous            linear_memory
//!  linear memory   a file or a memfd    cow_image       (its anon: pages written to since)
//!  anything else   anything             what the label says
//!  nothing         program, *.so, vdso  executable      (and the bss that follows them)
//!  nothing         [heap], [stack]      host_heap, stacks
//!  nothing         at a 64 MiB border   arenas          (glibc aligns the heaps of further arenas)
//!  nothing         another file         mapped_input
//!  nothing         anonymous            other
//! ```

use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
};

use procfs::process::{MMapPath, MemoryMap};

use crate::model::Category;

/// glibc's `HEAP_MAX_SIZE` on 64-bit systems: heaps of non-main arenas start at its multiples.
const ARENA_ALIGNMENT: u64 = 64 << 20;

/// An address range and what it is for, as the worker told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The category.
    pub category: Category,
    /// The addresses.
    pub range: Range<u64>,
}

/// The labels that hold at present, by start address.
#[derive(Clone, Debug, Default)]
pub struct Labels(BTreeMap<u64, Label>);

impl Labels {
    /// Adds a label, in place of an older one at the same start.
    pub fn add(&mut self, label: Label) {
        self.0.insert(label.range.start, label);
    }

    /// Forgets all labels of a category, when its mappings are gone.
    pub fn forget(&mut self, category: Category) {
        self.0.retain(|_, label| label.category != category);
    }

    /// The label of the range that `addresses` meets, if any.
    fn find(&self, addresses: &Range<u64>) -> Option<Category> {
        let (_, label) = self.0.range(..addresses.end).next_back()?;
        (label.range.end > addresses.start).then_some(label.category)
    }
}

/// The category of each mapping, in order. `program` is the path of the process's executable.
pub fn classify<'a>(
    maps: &'a [MemoryMap],
    program: &'a Path,
    labels: &'a Labels,
) -> impl Iterator<Item = Category> + 'a {
    // The bss of a program or library is an anonymous mapping that begins where its file ends.
    let mut executable_end = 0;
    maps.iter().map(move |map| {
        let category = category(map, program, labels, executable_end);
        if category == Category::Executable {
            executable_end = map.address.1;
        }
        category
    })
}

fn category(map: &MemoryMap, program: &Path, labels: &Labels, executable_end: u64) -> Category {
    let anonymous = matches!(map.pathname, MMapPath::Anonymous);
    match labels.find(&(map.address.0..map.address.1)) {
        Some(Category::LinearMemory) if !anonymous => return Category::CowImage,
        Some(category) => return category,
        None => {}
    }
    match &map.pathname {
        MMapPath::Heap => Category::HostHeap,
        MMapPath::Stack | MMapPath::TStack(_) => Category::Stacks,
        MMapPath::Vdso | MMapPath::Vvar | MMapPath::Vsyscall => Category::Executable,
        MMapPath::Other(name) if name.starts_with("vvar") => Category::Executable,
        MMapPath::Path(path) if path == program || is_library(path) => Category::Executable,
        MMapPath::Path(_) => Category::MappedInput,
        MMapPath::Anonymous if map.address.0 == executable_end => Category::Executable,
        MMapPath::Anonymous if map.address.0.is_multiple_of(ARENA_ALIGNMENT) => Category::Arenas,
        _ => Category::Other,
    }
}

/// `libc.so.6`, `ld-linux-x86-64.so.2`, `libx.so`.
fn is_library(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}
