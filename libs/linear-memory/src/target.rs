//! What a strategy operates on: a guest's linear memory, and the rest of its state.

use crate::Error;

/// A guest, as its host passes it to a strategy.
pub trait Target {
    /// The whole linear memory. It consists of whole pages and starts at a page boundary.
    fn memory(&mut self) -> &mut [u8];

    /// Restores the state outside linear memory to its initial value: mutable globals and tables. Called at the
    /// end of each reset.
    ///
    /// # Errors
    /// When it cannot be restored, for example [`Error::TableGrown`]. The reset then fails with this error.
    fn restore_state(&mut self) -> Result<(), Error>;
}

/// A memory without other state, or whose host restores that state itself.
impl Target for &mut [u8] {
    fn memory(&mut self) -> &mut [u8] {
        self
    }

    fn restore_state(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
