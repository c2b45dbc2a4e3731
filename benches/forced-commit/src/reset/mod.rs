//! Ways to put a guest back to its initial state between jobs: each a type, behind one trait.
//!
//! | strategy | clean | committed after | costs |
//! |---|---|---|---|
//! | [`Reinstantiate`], [`Pooled`] | yes; with [`Resident::Scan`] only where no swap can be on | nothing, or what the pool kept | the next job's faults |
//! | [`ZeroAll`] | no: data segments, globals | all | a memset of the memory |
//! | [`ZeroPrefix`] | no: the same, and what lies beyond the prefix | all | a memset of what is said to be used |
//! | [`RestoreAll`] | yes | all | a memset of the memory and the data segments |
//! | [`Discard`] | yes | all | giving all pages back and making them again |
//! | [`RemapImage`] | yes | nothing | the next job's faults |
//! | [`Tracked`] | yes | all | what was dirtied, and a fault for each page of it |
//!
//! Clean means linear memory byte for byte, exported mutable globals and exported tables. A global that
//! is not exported cannot be reached by a host: link with `--export=__stack_pointer`.

pub mod density;
mod in_place;
mod renewed;
mod tracked;

pub use in_place::{Discard, RemapImage, RestoreAll, ZeroAll, ZeroPrefix};
pub use renewed::{Pooled, Reinstantiate, Resident};
pub use tracked::{Restored, Tracked};

use std::fmt::Debug;

use wasmtime::Config;

use crate::{Error, Image, Target};

/// A way to put a guest back to its initial state.
pub trait Reset: Debug + Send {
    /// Whether this machine has what the strategy needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] says what is lacking.
    fn supported(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What it needs of the engine, for a memory of `length` bytes.
    fn configure(&self, _config: &mut Config, _length: usize) {}

    /// Prepares a committed guest that has run nothing yet, or was restored: its memory is the image.
    ///
    /// # Errors
    /// When the system refuses.
    fn arm(&mut self, _target: &mut dyn Target, _image: &Image) -> Result<(), Error> {
        Ok(())
    }

    /// Puts the guest back after a job. A strategy that is clean returns `Ok` only where the memory is the image
    /// byte for byte.
    ///
    /// # Errors
    /// When it cannot be put back; only a new instance is clean then.
    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error>;
}

/// The best that works here for a guest that is to stay committed: [`Tracked`], or where this kernel
/// cannot track writes [`RestoreAll`].
#[must_use]
pub fn best_reset() -> Box<dyn Reset> {
    let tracked = Tracked::default();
    if tracked.supported().is_ok() { Box::new(tracked) } else { Box::new(RestoreAll) }
}

/// The memory, when it is of the size that its image has.
fn memory_of<'a>(target: &'a mut dyn Target, image: &Image) -> Result<&'a mut [u8], Error> {
    let memory = target.memory();
    if memory.len() == image.length() {
        Ok(memory)
    } else {
        Err(Error::Grown { initial: image.length(), now: memory.len() })
    }
}
