//! Zeroing in place, as published.

use linear_memory::{Error, Image, Target};

use super::GuestReset;
use crate::Live;

/// Zeros the whole memory. It stays committed, but data segments are wiped, and globals and tables are not
/// reset.
#[derive(Clone, Copy, Debug)]
pub struct ZeroAll;

impl GuestReset for ZeroAll {
    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        live.memory().fill(0);
        Ok(())
    }
}

/// Zeros the prefix that the guest reports as used, as published. As unclean as [`ZeroAll`], and dirt beyond
/// the prefix stays.
#[derive(Clone, Copy, Debug)]
pub struct ZeroPrefix;

impl GuestReset for ZeroPrefix {
    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        let used = live.used()?;
        let memory = live.memory();
        let used = used.min(memory.len());
        memory[..used].fill(0);
        Ok(())
    }
}
