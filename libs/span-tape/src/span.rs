//! The range of a node in the input.

use std::ops::Range;

use crate::{
    error::Error,
    node::{Node, Part},
    source::Source,
    word::{Kind, Layout},
};

/// Number of bytes that are read at once in search of a bracket.
const CHUNK: u64 = 256;

impl<S: Source, W: Layout> Node<'_, S, W> {
    /// Returns the range of the node in the input, without its properties. That of a collection in brackets includes
    /// both, that of any other collection ends with its last node, and that of a block scalar is its lines.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn span(&self) -> Result<Range<u64>, Error> {
        let start = self.word().offset();
        if self.part != Part::Whole {
            return Ok(start..start);
        }
        // Follow the last nodes down to the last token, and count the brackets that are closed after it.
        let (mut last, mut brackets) = (*self, 0);
        loop {
            let word = last.word();
            if matches!(word.kind(), Kind::FlowSequence | Kind::FlowMapping) && !last.is_pair() {
                brackets += 1;
            }
            if word.kind() == Kind::Alias || word.kind() == Kind::EmptyPair {
                break;
            }
            let Some(child) = last.children().last() else { break };
            last = child;
        }
        let word = last.word();
        let length = match word.kind() {
            Kind::Verbatim | Kind::Flow | Kind::Literal | Kind::Folded => word.value(),
            Kind::Decoded => self.tape.decoded[word.value() as usize].token(),
            // The name of an alias is that of its anchor.
            Kind::Alias => 1 + self.tape.word(word.value() as usize).value(),
            Kind::FlowSequence | Kind::FlowMapping | Kind::EmptyPair => 1,
            _ => 0,
        };
        Ok(start..self.closed(word.offset() + length, brackets)?)
    }

    /// Returns whether the node is a flow mapping without braces. Its first word is at its own position then.
    fn is_pair(&self) -> bool {
        let (word, at) = (self.word(), self.at as usize);
        let anchor = |at: usize| u64::from(self.tape.word(at).kind() == Kind::Anchor);
        let explicit = || self.tape.source.equals(word.offset()..word.offset() + 1, b"?").unwrap_or(false);
        let is_mapping = word.kind() == Kind::FlowMapping && word.value() > 0;
        is_mapping && (self.tape.word(at + 1).offset() - anchor(at + 1) == word.offset() || explicit())
    }

    /// Returns the end of the last of `brackets` closing brackets at or after `at`.
    fn closed(&self, mut at: u64, mut brackets: usize) -> Result<u64, Error> {
        let mut in_comment = false;
        while brackets > 0 && at < self.tape.source.size() {
            let end = self.tape.source.size().min(at + CHUNK);
            for byte in self.tape.source.bytes(at..end)?.iter() {
                at += 1;
                match byte {
                    b'\n' | b'\r' => in_comment = false,
                    b'#' => in_comment = true,
                    b']' | b'}' if !in_comment => brackets -= 1,
                    _ => {}
                }
                if brackets == 0 {
                    break;
                }
            }
        }
        Ok(at)
    }
}
