//! Resets that keep the instance and act on its whole memory.

use super::{Reset, memory_of};
use crate::{
    Commit, Error, Image, Target,
    commit::Populate,
    sys::{self, ImageFile},
};

/// Restores the whole memory from the initial image, and globals and tables too. Clean and committed, but
/// costs a memset of the whole memory however little was dirtied.
#[derive(Clone, Copy, Debug)]
pub struct RestoreAll;

impl Reset for RestoreAll {
    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        image.restore(memory, 0..image.length());
        target.restore_state()
    }
}

/// `MADV_DONTNEED`, then `MADV_POPULATE_WRITE`, then the data segments. Clean and committed, at the cost of a
/// first commit. Cannot discard locked pages.
#[derive(Clone, Copy, Debug)]
pub struct Discard;

impl Reset for Discard {
    fn supported(&self) -> Result<(), Error> {
        Populate::WHOLE.supported()
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        sys::discard(memory).map_err(Error::system("discard the memory"))?;
        sys::populate(memory).map_err(Error::system("populate the memory"))?;
        for (offset, bytes) in image.runs() {
            memory[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        target.restore_state()
    }
}

/// Maps the initial image, stored in a memfd, over the memory. Clean and fast, but nothing is committed
/// afterwards. Only for memories whose mapping is dropped with the guest: the slot of a pool would keep this one.
#[derive(Debug, Default)]
pub struct RemapImage(Option<ImageFile>);

impl Reset for RemapImage {
    fn arm(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        let file = ImageFile::new(image.length(), image.runs()).map_err(Error::system("make a memfd of the image"))?;
        file.map_over(memory).map_err(Error::system("map the image"))?;
        self.0 = Some(file);
        Ok(())
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        let file = self.0.as_ref().ok_or(Error::Lacking("be reset: the reset was not armed"))?;
        file.map_over(memory).map_err(Error::system("map the image"))?;
        target.restore_state()
    }
}
