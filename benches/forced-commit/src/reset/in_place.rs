//! Resets that keep the instance and treat its memory as a whole.

use super::{Reset, memory_of};
use crate::{
    Error, Image, Target,
    sys::{self, ImageFile},
};

/// Zeros over everything: stays committed, wipes data segments, and leaves globals and tables.
#[derive(Clone, Copy, Debug)]
pub struct ZeroAll;

impl Reset for ZeroAll {
    fn reset(&mut self, target: &mut dyn Target, _: &Image) -> Result<(), Error> {
        target.memory().fill(0);
        Ok(())
    }
}

/// Zeros over the prefix that the guest says it has used, as published. As unclean as [`ZeroAll`], and
/// leaves whatever lies beyond.
#[derive(Clone, Copy, Debug)]
pub struct ZeroPrefix;

impl Reset for ZeroPrefix {
    fn reset(&mut self, target: &mut dyn Target, _: &Image) -> Result<(), Error> {
        let used = target.used()?;
        let memory = target.memory();
        let used = used.min(memory.len());
        memory[..used].fill(0);
        Ok(())
    }
}

/// The initial image over everything, globals and tables too: clean, committed, and a memset of the
/// whole memory however little was dirtied.
#[derive(Clone, Copy, Debug)]
pub struct RestoreAll;

impl Reset for RestoreAll {
    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        image.restore(memory, 0..image.length());
        target.restore_state()
    }
}

/// `MADV_DONTNEED`, then `MADV_POPULATE_WRITE`, then the data segments: clean and committed, for the
/// price of a first commit. Cannot discard pages that are locked.
#[derive(Clone, Copy, Debug)]
pub struct Discard;

impl Reset for Discard {
    fn supported(&self) -> Result<(), Error> {
        crate::commit::Commit::supported(&crate::commit::Populate::WHOLE)
    }

    fn reset(&mut self, target: &mut dyn Target, image: &Image) -> Result<(), Error> {
        let memory = memory_of(target, image)?;
        sys::discard(memory).map_err(Error::system("give the memory back"))?;
        sys::populate(memory).map_err(Error::system("populate the memory"))?;
        for (offset, bytes) in image.runs() {
            memory[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        target.restore_state()
    }
}

/// Maps the initial image, kept in a memfd, over the memory again: clean, quick, and nothing is
/// committed afterwards. Only for memories that are not pooled: a slot would keep the mapping.
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
        let file = self.0.as_ref().ok_or(Error::Lacking("be reset before it was armed"))?;
        file.map_over(memory).map_err(Error::system("map the image"))?;
        target.restore_state()
    }
}
