//! What a strategy acts on: a guest's linear memory, and what else of the guest a host can offer.

use crate::Error;

/// A guest as its host hands it to a strategy.
///
/// A bare memory will do for most strategies: `populate.commit(&mut memory.data_mut(&mut store))`.
pub trait Target {
    /// The whole linear memory.
    fn memory(&mut self) -> &mut [u8];

    /// How much of it the guest says that it has used, from the first byte on: what a host goes by
    /// that zeroes "the used prefix".
    ///
    /// # Errors
    /// When there is no telling.
    fn used(&mut self) -> Result<usize, Error> {
        Err(Error::Lacking("say how much of its memory is used"))
    }

    /// Has the guest write to each of its pages.
    ///
    /// # Errors
    /// When the guest has no such function, or it fails.
    fn probe(&mut self) -> Result<(), Error> {
        Err(Error::Lacking("probe its own memory"))
    }

    /// Puts a new instance in the old one's place.
    ///
    /// # Errors
    /// When the engine fails.
    fn renew(&mut self) -> Result<(), Error> {
        Err(Error::Lacking("be instantiated anew"))
    }

    /// Puts exported mutable globals and tables back to what they were.
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
