//! The categories of mappings.

use crate::words::words;

words! {
    /// The purpose of a mapping. Families label linear memories and compiled code by address; all other categories are
    /// derived from the mapping itself (`probe::categories`).
    Category {
        /// Anonymous pages inside a labelled linear memory.
        LinearMemory = "linear_memory",
        /// File- or memfd-backed pages inside a labelled linear memory; its `anon` is the pages that were written to.
        CowImage = "cow_image",
        /// Labelled machine code.
        CompiledCode = "compiled_code",
        /// `[heap]`: the main arena of malloc.
        HostHeap = "host_heap",
        /// Further arenas of glibc's malloc.
        Arenas = "arenas",
        /// The stacks of the main thread and of the thread that runs the case.
        Stacks = "stacks",
        /// The program, its libraries with data and bss, vdso and vvar.
        Executable = "executable",
        /// Other mapped files.
        MappedInput = "mapped_input",
        /// Everything else: unlabelled anonymous mappings.
        Other = "other",
    }
}

impl Category {
    /// Whether malloc decides on which page a block is.
    #[must_use]
    pub fn is_heap(self) -> bool {
        matches!(self, Self::HostHeap | Self::Arenas)
    }
}
