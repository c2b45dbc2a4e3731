//! Looking up keys: comparing them in place, and an index of a mapping.

use std::hash::{BuildHasher, RandomState};

use crate::{
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

    /// Builds an index of the keys of a mapping, which takes 8 bytes per pair.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn index(&self) -> Result<Index<'t, S, W>, Error> {
        let (hasher, mut pairs) = (RandomState::new(), Vec::new());
        for (key, _) in self.pairs() {
            if key.resolve().kind() == NodeKind::Scalar {
                pairs.push((hasher.hash_one(&*key.text()?) as u32, key.at));
            }
        }
        // Of equal keys, the first comes first.
        pairs.sort_unstable();
        pairs.shrink_to_fit();
        Ok(Index { mapping: *self, hasher, pairs })
    }
}

/// An index of the keys of a mapping.
#[derive(Debug)]
pub struct Index<'t, S, W> {
    mapping: Node<'t, S, W>,
    hasher: RandomState,
    /// The hash of each key and its word.
    pairs: Vec<(u32, u32)>,
}

impl<'t, S: Source, W: Layout> Index<'t, S, W> {
    /// Returns what [`Node::get`] of the mapping returns, in logarithmic time.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn get(&self, key: &str) -> Result<Option<Node<'t, S, W>>, Error> {
        let hash = self.hasher.hash_one(key) as u32;
        let first = self.pairs.partition_point(|(other, _)| *other < hash);
        let is_pair = self.mapping.resolve().word().kind() == Kind::EmptyPair;
        let part = if is_pair { Part::Key } else { Part::Whole };
        for (_, at) in self.pairs[first..].iter().take_while(|(other, _)| *other == hash) {
            let found = Node { at: *at, part, ..self.mapping };
            if found.has_text(key)? {
                // An empty pair is its mapping's only pair, and its key has no word.
                return Ok(if is_pair { self.mapping.pairs().next().map(|(_, value)| value) } else { self.after(*at) });
            }
        }
        Ok(None)
    }

    fn after(&self, key: u32) -> Option<Node<'t, S, W>> {
        let tape = self.mapping.tape;
        Some(tape.node(tape.end(key as usize)))
    }
}
