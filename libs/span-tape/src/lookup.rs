//! Looking up keys: comparing them in place, and an index of a mapping.

use std::hash::{BuildHasher, RandomState};

use crate::{
    Tape,
    error::Error,
    node::{Node, NodeKind, Part},
    source::Source,
    word::{Kind, Layout},
};

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    /// Returns whether the node is a scalar with a text. Sizes are compared first, and a verbatim text is compared in
    /// the input, so that most keys cost neither a read nor an allocation.
    pub(crate) fn has_text(&self, text: &str) -> Result<bool, Error> {
        let node = self.resolve();
        let (word, size) = (node.word(), text.len() as u64);
        let (start, length) = (word.offset(), word.value());
        match word.kind() {
            Kind::Verbatim if length == size => {
                let is_same = size == 0 || node.tape.source.equals(start..start + length, text.as_bytes())?;
                // The token may be in quotes, which are not part of the text.
                Ok(is_same && node.text()?.len() == text.len())
            }
            Kind::Verbatim if length == size + 2 => {
                let is_quoted = |quote: u8| node.tape.source.equals(start..start + 1, &[quote]);
                Ok((is_quoted(b'"')? || is_quoted(b'\'')?)
                    && node.tape.source.equals(start + 1..start + 1 + size, text.as_bytes())?)
            }
            Kind::Verbatim => Ok(false),
            // An escape of two bytes is decoded to at most three, and a block scalar may get a line break.
            Kind::Flow | Kind::Literal | Kind::Folded if size > length * 3 / 2 + 1 => Ok(false),
            _ if node.kind() == NodeKind::Scalar => Ok(node.text()? == text),
            _ => Ok(false),
        }
    }

    /// Returns a hash of the text of a scalar. A verbatim text is hashed in the input, without an allocation.
    fn key_hash(&self, hasher: &RandomState) -> Result<u32, Error> {
        let node = self.resolve();
        let word = node.word();
        // The value of a decoded text is its number, so only that of a verbatim one is its size.
        if word.kind() != Kind::Verbatim || word.value() == 0 {
            return Ok(hasher.hash_one(node.text()?.as_bytes()) as u32);
        }
        let mut hash = 0;
        node.tape.source.look(word.offset()..word.offset() + word.value(), &mut |token| {
            hash = hasher.hash_one(match token {
                [b'\'', inside @ .., b'\''] | [b'"', inside @ .., b'"'] => inside,
                _ => token,
            });
        })?;
        Ok(hash as u32)
    }

    /// Builds an index of the keys of a mapping, which takes 8 bytes per pair.
    ///
    /// # Errors
    /// When the value of a merge key cannot be merged ([`Error::Merge`]), or the input is a file and no longer what it
    /// was.
    pub fn index(&self) -> Result<Index<'t, S, W>, Error> {
        Ok(Index { mapping: *self, keys: Keys::new(self.entries()?)? })
    }
}

/// An index of the keys of a mapping.
#[derive(Debug)]
pub struct Index<'t, S, W> {
    mapping: Node<'t, S, W>,
    keys: Keys,
}

impl<'t, S: Source, W: Layout> Index<'t, S, W> {
    /// Returns what [`Node::get`] of the mapping returns, in logarithmic time.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn get(&self, key: &str) -> Result<Option<Node<'t, S, W>>, Error> {
        self.keys.find(self.mapping.tape, key)
    }
}

/// The hashes of keys and their words, sorted.
#[derive(Debug)]
pub(crate) struct Keys {
    hasher: RandomState,
    pairs: Vec<(u32, u32)>,
}

impl Keys {
    pub(crate) fn new<'t, S: Source + 't, W: Layout + 't>(
        entries: impl Iterator<Item = (Node<'t, S, W>, Node<'t, S, W>)>,
    ) -> Result<Self, Error> {
        let (hasher, mut pairs) = (RandomState::new(), Vec::new());
        for (key, _) in entries {
            if key.resolve().kind() == NodeKind::Scalar {
                pairs.push((key.key_hash(&hasher)?, key.at));
            }
        }
        // Of equal keys, the first comes first.
        pairs.sort_unstable();
        pairs.shrink_to_fit();
        Ok(Self { hasher, pairs })
    }

    /// Returns the number of bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.pairs.capacity() * size_of::<(u32, u32)>()
    }

    /// Returns the maximum of [`Keys::bytes`] for a mapping of this number of words.
    pub(crate) fn most_bytes(words: u64) -> usize {
        words as usize / 2 * size_of::<(u32, u32)>()
    }

    /// Returns the value of the first key with a text.
    pub(crate) fn find<'t, S: Source, W: Layout>(
        &self,
        tape: &'t Tape<S, W>,
        key: &str,
    ) -> Result<Option<Node<'t, S, W>>, Error> {
        let hash = self.hasher.hash_one(key.as_bytes()) as u32;
        let first = self.pairs.partition_point(|(other, _)| *other < hash);
        for &(_, at) in self.pairs[first..].iter().take_while(|(other, _)| *other == hash) {
            // The key and the value of an empty pair have no words.
            let is_pair = tape.word(at as usize).kind() == Kind::EmptyPair;
            let found = Node { tape, at, part: if is_pair { Part::Key } else { Part::Whole } };
            if found.has_text(key)? {
                let value =
                    if is_pair { Node { part: Part::Value, ..found } } else { tape.node(tape.end(at as usize)) };
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}
