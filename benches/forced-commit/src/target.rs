//! What a strategy operates on: a guest's linear memory, and optional operations of its host.

use crate::Error;

/// A guest, as its host passes it to a strategy.
///
/// Most strategies need only a memory: `populate.commit(&mut memory.data_mut(&mut store))`.
pub trait Target {
    /// The whole linear memory.
    fn memory(&mut self) -> &mut [u8];

    /// How many bytes, from the start of memory, the guest reports as used. Hosts that zero "the used prefix"
    /// rely on this number.
    ///
    /// # Errors
    /// When the guest does not report it.
    fn used(&mut self) -> Result<usize, Error> {
        Err(Error::Lacking("report how much of its memory is used"))
    }

    /// Makes the guest write to each of its pages.
    ///
    /// # Errors
    /// When the guest has no such function, or it fails.
    fn probe(&mut self) -> Result<(), Error> {
        Err(Error::Lacking("probe its own memory"))
    }

    /// Replaces the instance with a new one.
    ///
    /// # Errors
    /// When the engine fails.
    fn renew(&mut self) -> Result<(), Error> {
        Err(Error::Lacking("be reinstantiated"))
    }

    /// Restores exported mutable globals and tables to their initial values.
    ///
    /// # Errors
    /// When a table grew.
    fn restore_state(&mut self) -> Result<(), Error> {
        Err(Error::Lacking("restore its globals and tables"))
    }
}

impl Target for &mut [u8] {
    fn memory(&mut self) -> &mut [u8] {
        self
    }
}
