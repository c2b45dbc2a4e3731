//! Ways to commit a linear memory: each a type, behind one trait.
//!
//! | strategy | commits | keeps the bytes | 1 GiB costs |
//! |---|---|---|---|
//! | [`StaticMaximum`], [`DeclaredMinimum`] | nothing | yes | nothing |
//! | [`TouchWasmPages`] | 1/16 | yes | 16,384 faults |
//! | [`TwoPass`] | all | no: zeroes data segments | 262,144 faults and a memset |
//! | [`TouchOsPages`], [`Lock`] | all | yes | 262,144 faults, or as much work in one call |
//! | [`GuestProbe`] | all | yes | 524,288 faults |
//! | [`Populate`] | all | yes | the kernel's zeroing of the pages; in huge pages a tenth of it |
//! | [`HostMemory`] | all, before instantiation | yes | as [`Populate`] |
//! | [`Deferred`] | all, in the first job | yes | the same, later |
//! | [`ReadOsPages`], [`PopulateRead`], [`WillNeed`], [`LockOnFault`] | nothing: negative controls | yes | |
//!
//! For a host, [`crate::best`] is the choice: [`Guarded`] around the cheapest that works here.

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

/// A way to make a linear memory resident before the first job.
pub trait Commit: Debug + Send + Sync {
    /// Whether this machine has what the strategy needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] says what is lacking.
    fn supported(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What it needs of the engine.
    fn configure(&self, _config: &mut Config) {}

    /// Commits after instantiation.
    ///
    /// # Errors
    /// When the system refuses; some of the memory may then be committed. [`Guarded`] gives it back.
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error>;

    /// What is left to do when the first job comes.
    ///
    /// # Errors
    /// As [`Commit::commit`].
    fn before_first_job(&self, _target: &mut dyn Target) -> Result<(), Error> {
        Ok(())
    }
}

/// The best that works here: headroom is checked before every 16 MiB, so that a refusal is an error
/// and no kill, and pages are huge where that is allowed.
///
/// Falls back to 4 KiB pages, then to touching every page, and does without the check only where
/// this kernel cannot tell what a rollback must give back.
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
