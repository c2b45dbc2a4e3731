//! Makes repeated calls of `get` on a large mapping fast: after a few, the tape keeps an index of its keys.
//!
//! A linear search takes time proportional to the mapping, and through a window it reads the file each time. The memory
//! is part of [`Tape::held_bytes`](crate::Tape::held_bytes) and within the same bound: what would exceed it is searched
//! linearly.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    error::Error,
    lookup::Keys,
    node::Node,
    source::Source,
    word::{Layout, Word},
};

/// The number of words of a mapping from which its keys are remembered.
pub(crate) const LARGE: u64 = 512;
/// The number of calls of `get` on a mapping that search it linearly.
const SEARCHES: u32 = 4;

/// The large mappings on which `get` was called.
#[derive(Debug, Default)]
pub(crate) struct Memo(Mutex<Vec<Remembered>>);

#[derive(Debug)]
struct Remembered {
    mapping: u32,
    searches: u32,
    keys: Option<Keys>,
}

impl Memo {
    fn lock(&self) -> MutexGuard<'_, Vec<Remembered>> {
        // A panic while it was locked leaves complete entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        bytes(&self.lock())
    }
}

fn bytes(all: &Vec<Remembered>) -> usize {
    let keys = all.iter().filter_map(|remembered| remembered.keys.as_ref()).map(Keys::bytes);
    all.capacity() * size_of::<Remembered>() + keys.sum::<usize>()
}

/// What is known about a key.
pub(crate) enum Answer<'t, S, W> {
    /// The value, or that there is none.
    Known(Option<Node<'t, S, W>>),
    /// Nothing: search.
    Unknown,
}

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    /// Returns the value of a key of a large mapping if its keys are remembered, and counts the call if not.
    pub(crate) fn remembered(&self, key: &str) -> Result<Answer<'t, S, W>, Error> {
        let mut all = self.tape.memo.lock();
        let at = all.binary_search_by_key(&self.at, |remembered| remembered.mapping);
        if let Ok(at) = at
            && let Some(keys) = &all[at].keys
        {
            return keys.find(self.tape, key).map(Answer::Known);
        }
        // As for the words: at most eight bytes per byte of the input.
        let most = self.tape.source.size() as usize * size_of::<Word>();
        let free = most.saturating_sub(self.tape.parsed_bytes() + bytes(&all));
        match at {
            Ok(at) => {
                let remembered = &mut all[at];
                remembered.searches = remembered.searches.saturating_add(1);
                // The keys are at most half of the words.
                if remembered.searches > SEARCHES && Keys::most_bytes(self.word().value()) <= free {
                    let keys = remembered.keys.insert(Keys::new(self.pairs())?);
                    return keys.find(self.tape, key).map(Answer::Known);
                }
            }
            // The vector grows to at most twice its size.
            Err(at) if (2 * all.len() + 4) * size_of::<Remembered>() <= free => {
                all.insert(at, Remembered { mapping: self.at, searches: 1, keys: None });
            }
            Err(_) => {}
        }
        Ok(Answer::Unknown)
    }
}
