//! Strategies that reset a guest to its initial state between jobs, each a type that implements [`Reset`].
//!
//! | strategy | clean | committed afterwards | cost |
//! |---|---|---|---|
//! | [`RestoreAll`] | yes | all | a memset of the memory and the data segments |
//! | [`Discard`] | yes | all | discarding all pages and populating them again |
//! | [`RemapImage`] | yes | nothing | the next job's faults |
//! | [`Tracked`] | yes | all | restoring the dirtied pages, and a fault for each |
//!
//! Clean means that linear memory equals its initial image byte for byte, and that
//! [`Target::restore_state`] succeeded. A host cannot reach globals that are not exported: link guests with
//! `--export=__stack_pointer`.

mod arming;
mod calibrate;
mod changes;
mod costs;
mod in_place;
mod jobs;
mod policy;
mod tracked;

pub use in_place::{Discard, RemapImage, RestoreAll};
pub use tracked::{Restored, Tracked};

use std::fmt::Debug;

use crate::{Error, Image, Target};

/// A strategy that resets a guest to its initial state.
pub trait Reset: Debug + Send {
    /// Whether this machine has what the strategy needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names the missing feature.
    fn supported(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Prepares a committed guest, whose memory should equal the image.
    ///
    /// # Errors
    /// When a system call fails.
    fn arm(&mut self, _target: &mut dyn Target, _image: &Image) -> Result<(), Error> {
        Ok(())
    }

    /// Resets the guest after a job. Returns `Ok` only if the memory equals the image byte for byte.
    ///
    /// # Errors
    /// When the guest cannot be reset. Only a new instance is clean then.
    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error>;
}

impl<R: Reset + ?Sized> Reset for Box<R> {
    fn supported(&self) -> Result<(), Error> {
        (**self).supported()
    }

    fn arm(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        (**self).arm(target, image)
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        (**self).reset(target, image)
    }
}

/// The best strategy that works on this machine for a guest that stays committed: [`Tracked`], or
/// [`RestoreAll`] if this kernel cannot track writes.
#[must_use]
pub fn best_reset() -> Box<dyn Reset> {
    let tracked = Tracked::default();
    if tracked.supported().is_ok() { Box::new(tracked) } else { Box::new(RestoreAll) }
}

/// The target's memory, if it has the same size as its image.
fn memory_of<'a>(target: &'a mut dyn Target, image: &Image) -> Result<&'a mut [u8], Error> {
    let memory = target.memory();
    if memory.len() == image.length() {
        Ok(memory)
    } else {
        Err(Error::Grown { initial: image.length(), now: memory.len() })
    }
}
