//! Strategies that commit a linear memory, each a type that implements [`Commit`].
//!
//! | strategy | commits | preserves contents | cost of 1 GiB |
//! |---|---|---|---|
//! | [`StaticMaximum`], [`DeclaredMinimum`] | nothing | yes | nothing |
//! | [`TouchWasmPages`] | 1/16 | yes | 16,384 faults |
//! | [`TwoPass`] | all | no: zeroes data segments | 262,144 faults and a memset |
//! | [`TouchOsPages`], [`Lock`] | all | yes | 262,144 faults, or the same work in one call |
//! | [`GuestProbe`] | all | yes | 524,288 faults |
//! | [`Populate`] | all | yes | the kernel's zeroing of the pages; a tenth of it in huge pages |
//! | [`HostMemory`] | all, before instantiation | yes | same as [`Populate`] |
//! | [`Deferred`] | all, in the first job | yes | the same, later |
//! | [`ReadOsPages`], [`PopulateRead`], [`WillNeed`], [`LockOnFault`] | nothing: negative controls | yes | |
//!
//! Hosts should use [`crate::best`]: [`Guarded`] around the cheapest strategy that works on the machine.

mod controls;
mod early;
mod guarded;
mod populate;
mod touch;

pub use controls::{LockOnFault, PopulateRead, ReadOsPages, WillNeed};
pub use early::{DeclaredMinimum, HostMemory, StaticMaximum};
pub use guarded::Guarded;
pub use populate::{CHUNK, Deferred, Lock, Pages, Populate};
pub use touch::{GuestProbe, TouchOsPages, TouchWasmPages, TwoPass};

use std::fmt::Debug;

use wasmtime::Config;

use crate::{Error, Target};

/// A strategy that makes a linear memory resident before the first job.
pub trait Commit: Debug + Send + Sync {
    /// Whether this machine has what the strategy needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names the missing feature.
    fn supported(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Applies the engine settings that the strategy needs.
    fn configure(&self, _config: &mut Config) {}

    /// Commits the memory after instantiation.
    ///
    /// # Errors
    /// When a system call fails. Part of the memory may then be committed; [`Guarded`] releases it.
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error>;

    /// Does the work that is deferred to the first job.
    ///
    /// # Errors
    /// As [`Commit::commit`].
    fn before_first_job(&self, _target: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// The best strategy that works on this machine. It checks headroom before every 16 MiB, so that a lack of
/// memory is an error and not an OOM kill, and uses huge pages where they are allowed.
///
/// Falls back to 4 KiB pages, then to touching every page. Skips the headroom check only where the kernel
/// cannot report which pages a rollback has to release.
#[must_use]
pub fn best() -> Box<dyn Commit> {
    let huge = Populate { pages: Pages::Huge, ..Populate::CHUNKED };
    let choices: [Box<dyn Commit>; 4] = [
        Box::new(Guarded::new(huge)),
        Box::new(Guarded::new(Populate::CHUNKED)),
        Box::new(huge),
        Box::new(Populate::CHUNKED),
    ];
    choices.into_iter().find(|choice| choice.supported().is_ok()).unwrap_or(Box::new(TouchOsPages))
}
