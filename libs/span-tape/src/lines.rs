//! The positions of offsets. Lines are counted once, from the start of the input on, and remembered every few kilobytes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    Tape,
    error::{Error, Position},
    source::Source,
    word::Layout,
};

/// The distance between remembered positions in bytes, which a call reads at most: about a microsecond, for 24 bytes.
const STEP: u64 = 16 << 10;

/// The position of each multiple of [`STEP`] that was passed, without that of the start.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Vec<Position>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<Position>> {
        // A panic while it was locked leaves complete entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().capacity() * size_of::<Position>()
    }
}

impl<S: Source, W: Layout> Tape<S, W> {
    /// Returns line and column of an offset. Reads the input up to the offset once, then at most [`STEP`] bytes.
    pub(crate) fn position(&self, offset: u64) -> Result<Position, Error> {
        let mut known = self.lines.lock();
        let wanted = (offset / STEP) as usize;
        if wanted > known.len() {
            let more = (self.source.size() / STEP) as usize - known.len();
            known.reserve_exact(more);
        }
        while known.len() < wanted {
            let mut position = known.last().copied().unwrap_or(Position::START);
            position.advance(&self.source.bytes(position.offset..position.offset + STEP)?);
            known.push(position);
        }
        let before = wanted.checked_sub(1).map_or(Position::START, |at| known[at]);
        drop(known);
        let mut position = before;
        position.advance(&self.source.bytes(position.offset..offset)?);
        Ok(position)
    }
}
