//! Reset strategies that need more than a memory, and the trait through which the cases use these and the
//! library's.
//!
//! | strategy | clean | committed afterwards | cost |
//! |---|---|---|---|
//! | [`Reinstantiate`], [`Pooled`] | yes; with [`Resident::Scan`] only where no swap can be on | nothing, or what the pool keeps | the next job's faults |
//! | [`Refresh`] | yes | nothing | the next job's faults |
//! | [`RefreshAndCommit`] | yes | what is beyond the declared minimum | a first commit |
//! | [`ZeroAll`] | no: data segments, globals | all | a memset of the memory |
//! | [`ZeroPrefix`] | no: the same, and dirt beyond the prefix | all | a memset of the prefix reported as used |

mod renewed;
mod zeroing;

pub use renewed::{Pooled, Refresh, RefreshAndCommit, Reinstantiate, Resident};
pub use zeroing::{ZeroAll, ZeroPrefix};

use std::fmt::Debug;

use linear_memory::{Error, Image, Reset};
use wasmtime::Config;

use crate::Live;

/// A strategy that resets a wasmtime guest to its initial state, or claims to.
pub trait GuestReset: Debug + Send {
    /// Whether this machine has what the strategy needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names the missing feature.
    fn supported(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Applies the engine settings that the strategy needs, for a memory of `length` bytes.
    fn configure(&self, _config: &mut Config, _length: usize) {}

    /// Prepares a committed guest that has run nothing yet or was just restored.
    ///
    /// # Errors
    /// When a system call fails.
    fn arm(&mut self, _live: &mut Live, _image: &Image) -> Result<(), Error> {
        Ok(())
    }

    /// Resets the guest after a job.
    ///
    /// # Errors
    /// When the guest cannot be reset.
    fn reset(&mut self, live: &mut Live, image: &Image) -> Result<(), Error>;
}

impl<R: Reset> GuestReset for R {
    fn supported(&self) -> Result<(), Error> {
        Reset::supported(self)
    }

    fn arm(&mut self, live: &mut Live, image: &Image) -> Result<(), Error> {
        Reset::arm(self, live, image)
    }

    fn reset(&mut self, live: &mut Live, image: &Image) -> Result<(), Error> {
        Reset::reset(self, live, image)
    }
}
