//! Strategies that act, or are claimed to act, before or during instantiation.

use std::sync::Arc;

use wasmtime::Config;

use linear_memory::{
    Commit, Error,
    commit::{Pages, Populate},
};

use super::GuestCommit;
use crate::{Live, sys};

/// "Allocate memory at maximum size": reserves 4 GiB of address space and turns copy-on-write off, as in the
/// published configuration. Commits nothing and costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct StaticMaximum;

impl GuestCommit for StaticMaximum {
    /// wasmtime 28 renamed `static_memory_maximum_size` and `static_memory_guard_size` to these settings.
    fn configure(&self, config: &mut Config) {
        config.memory_reservation(1 << 32).memory_guard_size(0x1_0000).memory_init_cow(false);
    }

    fn commit(&self, _: &mut Live) -> Result<(), Error> {
        Ok(())
    }
}

/// The module declares its maximum as its minimum. Commits nothing: the pages become accessible, but they are
/// faulted in only when touched.
#[derive(Clone, Copy, Debug)]
pub struct DeclaredMinimum;

impl GuestCommit for DeclaredMinimum {
    fn commit(&self, _: &mut Live) -> Result<(), Error> {
        Ok(())
    }
}

/// A `MemoryCreator` that maps the memory already resident: `MAP_POPULATE`, or huge pages and
/// `MADV_POPULATE_WRITE`. Costs as much as [`Populate`], but during instantiation: a failed call is an
/// error of the instantiation, and running out of memory is an OOM kill.
#[derive(Clone, Copy, Debug)]
pub struct HostMemory {
    /// Back it with huge pages.
    pub huge: bool,
}

impl GuestCommit for HostMemory {
    fn supported(&self) -> Result<(), Error> {
        let pages = if self.huge { Pages::Huge } else { return Ok(()) };
        Commit::supported(&Populate { pages, ..Populate::WHOLE })
    }

    /// Turns copy-on-write off. With copy-on-write and a data segment, wasmtime panics on host-created
    /// memories (bytecodealliance/wasmtime#10740).
    fn configure(&self, config: &mut Config) {
        config.with_host_memory(Arc::new(sys::HostMemory { huge: self.huge })).memory_init_cow(false);
    }

    fn commit(&self, _: &mut Live) -> Result<(), Error> {
        Ok(())
    }
}
