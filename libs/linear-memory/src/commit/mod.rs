//! Strategies that commit a linear memory, each a type that implements [`Commit`].
//!
//! | strategy | commits | cost of 1 GiB |
//! |---|---|---|
//! | [`Populate`] | all | the kernel's zeroing of the pages; a tenth of it in huge pages |
//! | [`Guarded`] | all, or nothing and an error | the same |
//! | [`Lock`] | all, and pins it | the same as [`Populate`] in 4 KiB pages |
//! | [`TouchOsPages`] | all | 262,144 faults |
//! | [`ReadOsPages`], [`PopulateRead`], [`WillNeed`], [`LockOnFault`] | nothing: negative controls | |
//!
//! All preserve the contents of the memory.
//!
//! Hosts should use [`crate::best`]: [`Guarded`] around the cheapest strategy that works on the machine.

mod controls;
mod guarded;
mod populate;
mod ramp;
mod touch;

pub use controls::{LockOnFault, PopulateRead, ReadOsPages, WillNeed};
pub use guarded::Guarded;
pub use populate::{CHUNK, Lock, Pages, Populate, Threads};
pub use touch::TouchOsPages;

use std::fmt::Debug;

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

    /// Commits the whole memory. Its contents do not change.
    ///
    /// # Errors
    /// When a system call fails. Part of the memory may then be committed; [`Guarded`] releases it.
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error>;
}

impl<C: Commit + ?Sized> Commit for Box<C> {
    fn supported(&self) -> Result<(), Error> {
        (**self).supported()
    }

    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        (**self).commit(target)
    }
}

/// The best strategy that works on this machine. It checks headroom before every 16 MiB, so that a lack of
/// memory is an error and not an OOM kill, and uses huge pages where they are allowed, and as many threads as help.
///
/// Falls back to 4 KiB pages, then to touching every page. Skips the headroom check only where the kernel
/// cannot report which pages a rollback has to release.
#[must_use]
pub fn best() -> Box<dyn Commit> {
    let small = Populate { threads: Threads::Measured, ..Populate::CHUNKED };
    let huge = Populate { pages: Pages::Huge, ..small };
    let choices: [Box<dyn Commit>; 4] =
        [Box::new(Guarded::new(huge)), Box::new(Guarded::new(small)), Box::new(huge), Box::new(small)];
    choices.into_iter().find(|choice| choice.supported().is_ok()).unwrap_or(Box::new(TouchOsPages))
}
