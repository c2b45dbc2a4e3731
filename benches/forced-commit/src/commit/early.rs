//! What is said to happen before or at instantiation.

use std::sync::Arc;

use wasmtime::Config;

use super::Commit;
use crate::{
    Error, Target,
    sys::{self, allow_huge_pages},
};

/// "Allocate memory at maximum size": a reservation of 4 GiB of address space and no copy-on-write, as
/// in the published configuration. Commits nothing, and costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct StaticMaximum;

impl Commit for StaticMaximum {
    /// `static_memory_maximum_size` and `static_memory_guard_size` are called so since wasmtime 28.
    fn configure(&self, config: &mut Config) {
        config.memory_reservation(1 << 32).memory_guard_size(0x1_0000).memory_init_cow(false);
    }

    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// The module declares its maximum as its minimum. Commits nothing: the pages become accessible, and
/// present when they are touched.
#[derive(Clone, Copy, Debug)]
pub struct DeclaredMinimum;

impl Commit for DeclaredMinimum {
    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// A `MemoryCreator` that maps the memory resident: `MAP_POPULATE`, or huge pages and
/// `MADV_POPULATE_WRITE`. Costs what [`super::Populate`] costs, within instantiation: a refusal is an
/// error of it, and a lack of memory a kill.
#[derive(Clone, Copy, Debug)]
pub struct HostMemory {
    /// Back it with huge pages.
    pub huge: bool,
}

impl Commit for HostMemory {
    fn supported(&self) -> Result<(), Error> {
        if self.huge { huge_pages_supported() } else { Ok(()) }
    }

    /// Without copy-on-write: with it and a data segment wasmtime panics on memories of the host
    /// (bytecodealliance/wasmtime#10740).
    fn configure(&self, config: &mut Config) {
        config.with_host_memory(Arc::new(sys::HostMemory { huge: self.huge })).memory_init_cow(false);
    }

    fn commit(&self, _: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether this process may have transparent huge pages where it asks for them.
pub(super) fn huge_pages_supported() -> Result<(), Error> {
    let unsupported = |reason: String| Err(Error::Unsupported { what: "transparent huge pages", reason });
    match allow_huge_pages() {
        Ok(true) => Ok(()),
        Ok(false) => unsupported("turned off for this machine or this process".into()),
        Err(error) => unsupported(error.to_string()),
    }
}
