//! The words of a tape, in memory or in the mapped file of a kept tape.

use std::{
    fmt,
    ops::{Deref, Range},
};

use memmap2::Mmap;

use crate::{Word, sys};

/// The words of a tape.
pub(crate) enum Words<W> {
    Owned(Vec<W>),
    /// Made by [`Words::mapped`] only, where `W` is [`Word`].
    Mapped(Mmap, Range<usize>),
}

impl Words<Word> {
    /// The words in a range of a mapping, whose start and end are multiples of their size.
    pub(crate) fn mapped(map: Mmap, range: Range<usize>) -> Self {
        Self::Mapped(map, range)
    }
}

impl<W> Deref for Words<W> {
    type Target = [W];

    #[inline]
    fn deref(&self) -> &[W] {
        match self {
            Self::Owned(words) => words,
            // SAFETY: `W` is `Word`, see `Words::mapped`.
            Self::Mapped(map, range) => unsafe { sys::words(&map[range.clone()]) },
        }
    }
}

impl<W> fmt::Debug for Words<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words", self.len())
    }
}
