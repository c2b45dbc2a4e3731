//! Looking up a key of a mapping by its text.

use crate::{
    error::Error,
    memo::{self, Answer},
    node::Node,
    source::Source,
    word::{Kind, Layout},
};

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    /// Returns the value of the first pair of a mapping whose key is a scalar with this text, whatever its type: `"1"`
    /// finds `1`, `'1'` and `!!str 1`. A merge key (`<<`, which YAML 1.2 does not have) is a key like any other, unless
    /// [`Options::merge_keys`](crate::Options) is on: then a key that the mapping does not have is looked up in those
    /// that it merges.
    ///
    /// Compares one key after the other. If it is called repeatedly on a large mapping, the tape keeps an index of its
    /// keys, see [`Tape::held_bytes`](crate::Tape::held_bytes). [`Node::index`] is that index from the first call on.
    ///
    /// # Errors
    /// When the value of a merge key cannot be merged ([`Error::Merge`]), or the input is a file and no longer what it
    /// was.
    pub fn get(&self, key: &str) -> Result<Option<Self>, Error> {
        if self.tape.merge_keys { self.get_merged(key) } else { self.get_written(key) }
    }

    /// Returns what [`Node::get`] returns, without merging.
    pub(crate) fn get_written(&self, key: &str) -> Result<Option<Self>, Error> {
        let node = self.resolve();
        if !matches!(node.word().kind(), Kind::BlockMapping | Kind::FlowMapping) {
            // An empty pair, whose nodes have no words, or no mapping.
            let mut pairs = node.pairs();
            return Ok(if key.is_empty() { pairs.next().map(|(_, value)| value) } else { None });
        }
        if node.word().value() >= memo::LARGE
            && let Answer::Known(value) = node.remembered(key)?
        {
            return Ok(value);
        }
        let tape = node.tape;
        let (mut at, end) = (node.at as usize + 1, tape.end(node.at as usize));
        while at < end {
            let found = tape.node(at);
            let word = tape.word(found.at as usize);
            let value = if word.kind().has_children() { tape.end(found.at as usize) } else { found.at as usize + 1 };
            // Most keys are verbatim and of another size, with or without quotes.
            let excess = word.value().wrapping_sub(key.len() as u64);
            if (word.kind() != Kind::Verbatim || excess == 0 || excess == 2) && found.has_text(key)? {
                return Ok(Some(tape.node(value)));
            }
            at = tape.end(tape.node(value).at as usize);
        }
        Ok(None)
    }
}
