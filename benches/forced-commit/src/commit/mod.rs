//! Commit strategies that need more than a memory, and the trait through which the cases use these and the
//! library's.
//!
//! | strategy | commits | preserves contents | cost of 1 GiB |
//! |---|---|---|---|
//! | [`StaticMaximum`], [`DeclaredMinimum`] | nothing | yes | nothing |
//! | [`TouchWasmPages`] | 1/16 | yes | 16,384 faults |
//! | [`TwoPass`] | all | no: zeroes data segments | 262,144 faults and a memset |
//! | [`ZeroNewPages`] | what is beyond the declared minimum | yes | 262,144 faults and a memset |
//! | [`GuestProbe`] | all | yes | 524,288 faults |
//! | [`HostMemory`] | all, before instantiation | yes | same as [`Populate`](linear_memory::commit::Populate) |
//! | [`Deferred`] | all, in the first job | yes | the same, later |

mod early;
mod published;

pub use early::{DeclaredMinimum, HostMemory, StaticMaximum};
pub use published::{GuestProbe, TouchWasmPages, TwoPass, ZeroNewPages};

use std::fmt::Debug;

use linear_memory::{Commit, Error};
use wasmtime::Config;

use crate::Live;

/// A strategy that makes the linear memory of a wasmtime guest resident before the first job.
pub trait GuestCommit: Debug + Send + Sync {
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
    /// When a system call or the guest fails.
    fn commit(&self, live: &mut Live) -> Result<(), Error>;

    /// Does the work that is deferred to the first job.
    ///
    /// # Errors
    /// As [`GuestCommit::commit`].
    fn before_first_job(&self, _live: &mut Live) -> Result<(), Error> {
        Ok(())
    }
}

impl<C: Commit> GuestCommit for C {
    fn supported(&self) -> Result<(), Error> {
        Commit::supported(self)
    }

    fn commit(&self, live: &mut Live) -> Result<(), Error> {
        Commit::commit(self, live)
    }
}

/// Defers another strategy to the first job: start-up is fast, and the job pays.
#[derive(Clone, Copy, Debug)]
pub struct Deferred<S>(pub S);

impl<S: Commit> GuestCommit for Deferred<S> {
    fn supported(&self) -> Result<(), Error> {
        self.0.supported()
    }

    fn commit(&self, _: &mut Live) -> Result<(), Error> {
        Ok(())
    }

    fn before_first_job(&self, live: &mut Live) -> Result<(), Error> {
        self.0.commit(live)
    }
}
