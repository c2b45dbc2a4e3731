//! Strategies that act, or are claimed to act, before or during instantiation.

use std::sync::Arc;

use wasmtime::Config;

use super::Commit;
use crate::{
    Error, Target,
    sys::{self, allow_huge_pages},
};

/// "Allocate memory at maximum size": reserves 4 GiB of address space and turns copy-on-write off, as in the
/// published configuration. Commits nothing and costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct StaticMaximum;

impl Commit for StaticMaximum {
    /// wasmtime 28 renamed `static_memory_maximum_size` and `static_memory_guard_size` to these settings.
    fn configure(&self, config: &mut Config) {
        config.memory_reservation(1 << 32).memory_guard_size(0x1_0000).memory_init_cow(false);
    }

    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// The module declares its maximum as its minimum. Commits nothing: the pages become accessible, but they are
/// faulted in only when touched.
#[derive(Clone, Copy, Debug)]
pub struct DeclaredMinimum;

impl Commit for DeclaredMinimum {
    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// A `MemoryCreator` that maps the memory already resident: `MAP_POPULATE`, or huge pages and
/// `MADV_POPULATE_WRITE`. Costs as much as [`super::Populate`], but during instantiation: a failed call is an
/// error of the instantiation, and running out of memory is an OOM kill.
#[derive(Clone, Copy, Debug)]
pub struct HostMemory {
    /// Back it with huge pages.
    pub huge: bool,
}

impl Commit for HostMemory {
    fn supported(&self) -> Result<(), Error> {
        if self.huge { huge_pages_supported() } else { Ok(()) }
    }

    /// Turns copy-on-write off. With copy-on-write and a data segment, wasmtime panics on host-created
    /// memories (bytecodealliance/wasmtime#10740).
    fn configure(&self, config: &mut Config) {
        config.with_host_memory(Arc::new(sys::HostMemory { huge: self.huge })).memory_init_cow(false);
    }

    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether this process can get transparent huge pages with `MADV_HUGEPAGE`.
pub(super) fn huge_pages_supported() -> Result<(), Error> {
    let unsupported = |reason: String| Err(Error::Unsupported { what: "transparent huge pages", reason });
    match allow_huge_pages() {
        Ok(true) => Ok(()),
        Ok(false) => unsupported("turned off for this machine or this process".into()),
        Err(error) => unsupported(error.to_string()),
    }
}
