//! Touching pages one by one, with a fault for each.

use super::Commit;
use crate::{
    Error, Target,
    sys::{page_size, touch},
};

/// Rewrites one byte in every OS page with its current value. Commits all pages and preserves contents, with
/// a fault for each page.
#[derive(Clone, Copy, Debug)]
pub struct TouchOsPages;

impl Commit for TouchOsPages {
    fn commit(&self, target: &mut dyn Target) -> Result<(), Error> {
        touch(target.memory(), page_size());
        Ok(())
    }
}
