//! Assigns a category to each mapping of a process.
//!
//! ```text
//!  label           mapping              category
//!  linear memory   anonymous            linear_memory
//!  linear memory   file or memfd        cow_image       (its anon: pages that were written to)
//!  any other       any                  that of the label
//!  none            program, *.so, vdso  executable      (and the bss that follows them)
//!  none            [heap], [stack]      host_heap, stacks
//!  none            glibc arena          arenas          (64 MiB, aligned to 64 MiB, used part first)
//!  none            other file           mapped_input
//!  none            anonymous            other
//! ```

use std::{collections::BTreeMap, ops::Range, path::Path};

use highwater_model::Category;

use super::smaps::Mapping;

/// glibc's `HEAP_MAX_SIZE` on 64-bit systems: the size and alignment of the heaps of non-main arenas.
const ARENA_SIZE: u64 = 64 << 20;

/// An address range and its purpose, as reported by the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The category.
    pub category: Category,
    /// The addresses.
    pub range: Range<u64>,
}

/// The current labels, by start address.
#[derive(Clone, Debug, Default)]
pub struct Labels(BTreeMap<u64, Label>);

impl Labels {
    /// Adds a label, replacing one with the same start address.
    pub fn add(&mut self, label: Label) {
        self.0.insert(label.range.start, label);
    }

    /// Removes all labels of a category.
    pub fn forget(&mut self, category: Category) {
        self.0.retain(|_, label| label.category != category);
    }

    /// The category of a label that overlaps `addresses`, if any.
    fn find(&self, addresses: &Range<u64>) -> Option<Category> {
        let (_, label) = self.0.range(..addresses.end).next_back()?;
        (label.range.end > addresses.start).then_some(label.category)
    }
}

/// The category of each mapping, in order. `program` is the path of the process's executable.
pub(super) fn classify(mappings: &[Mapping<'_>], program: &Path, labels: &Labels) -> Vec<Category> {
    // The bss of a program or library is an anonymous mapping that begins where the mapping of its file ends.
    let mut executable_end = 0;
    let program = program.to_string_lossy();
    let mut categories = Vec::with_capacity(mappings.len());
    for (index, mapping) in mappings.iter().enumerate() {
        let category = match labels.find(&mapping.range) {
            Some(Category::LinearMemory) if !mapping.name.is_empty() => Category::CowImage,
            Some(category) => category,
            None => unlabelled(mapping, mappings.get(index + 1), &program, executable_end),
        };
        if category == Category::Executable {
            executable_end = mapping.range.end;
        }
        categories.push(category);
    }
    categories
}

fn unlabelled(mapping: &Mapping<'_>, next: Option<&Mapping<'_>>, program: &str, executable_end: u64) -> Category {
    match mapping.name {
        "" if mapping.range.start == executable_end => Category::Executable,
        "" if is_arena(mapping, next) => Category::Arenas,
        "" => Category::Other,
        "[heap]" => Category::HostHeap,
        "[stack]" => Category::Stacks,
        "[vdso]" | "[vsyscall]" => Category::Executable,
        name if name.starts_with("[vvar") => Category::Executable,
        name if name.starts_with('[') => Category::Other,
        name if name == program || is_library(name) => Category::Executable,
        _ => Category::MappedInput,
    }
}

/// Whether this is the used part of the heap of a non-main arena, which is followed by its reserved part, 64 MiB
/// together. The alignment alone is not sufficient: with ASLR, other mappings are occasionally aligned to 64 MiB, too.
fn is_arena(mapping: &Mapping<'_>, next: Option<&Mapping<'_>>) -> bool {
    let end = mapping.range.start.saturating_add(ARENA_SIZE);
    let is_reserve =
        |next: &Mapping<'_>| next.name.is_empty() && next.range.start == mapping.range.end && next.range.end >= end;
    mapping.range.start.is_multiple_of(ARENA_SIZE)
        && (mapping.range.end == end || (mapping.range.end < end && next.is_some_and(is_reserve)))
}

/// `libc.so.6`, `ld-linux-x86-64.so.2`, `libx.so`.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".so") || name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn map(start: u64, end: u64, name: &str) -> Mapping<'_> {
        Mapping { range: start..end, name, ..Mapping::default() }
    }

    #[test]
    fn each_kind_of_mapping_has_its_category() {
        let mut labels = Labels::default();
        labels.add(Label { category: Category::LinearMemory, range: 640 * MIB..644 * MIB });
        labels.add(Label { category: Category::CompiledCode, range: 700 * MIB..701 * MIB });
        let cases = [
            (map(MIB, 2 * MIB, "/opt/bench"), Category::Executable),
            (map(2 * MIB, 3 * MIB, ""), Category::Executable),
            (map(4 * MIB, 5 * MIB, "[heap]"), Category::HostHeap),
            (map(5 * MIB, 6 * MIB, ""), Category::Other),
            (map(128 * MIB, 129 * MIB, ""), Category::Arenas),
            (map(129 * MIB, 192 * MIB, ""), Category::Other),
            (map(256 * MIB, 257 * MIB, ""), Category::Other),
            (map(640 * MIB, 642 * MIB, "/memfd:wasm-memory-image (deleted)"), Category::CowImage),
            (map(642 * MIB, 644 * MIB, ""), Category::LinearMemory),
            (map(644 * MIB, 660 * MIB, ""), Category::Other),
            (map(700 * MIB, 701 * MIB, "/cache/guest.cwasm"), Category::CompiledCode),
            (map(701 * MIB, 702 * MIB, "/cache/guest.cwasm"), Category::MappedInput),
            (map(800 * MIB, 801 * MIB, "/lib/libc.so.6"), Category::Executable),
            (map(900 * MIB, 901 * MIB, "[stack]"), Category::Stacks),
            (map(910 * MIB, 911 * MIB, "[vvar_vclock]"), Category::Executable),
        ];
        let (mappings, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        assert_eq!(classify(&mappings, Path::new("/opt/bench"), &labels), expected);
    }

    #[test]
    fn a_removed_label_has_no_effect() {
        let mut labels = Labels::default();
        labels.add(Label { category: Category::LinearMemory, range: MIB..2 * MIB });
        labels.forget(Category::LinearMemory);
        assert_eq!(classify(&[map(MIB, 2 * MIB, "")], Path::new("/x"), &labels), [Category::Other]);
    }
}
