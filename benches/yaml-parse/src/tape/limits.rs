//! How much an input may ask for.

use super::word::{MAX_OFFSET, MAX_VALUE};

/// What is refused before it costs memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the input; at most 4 GiB, which is also the default.
    pub input: u64,
    /// Bytes of one scalar; at most 256 MiB, which is also the default.
    pub scalar: u64,
    /// Nested collections; 1,024 by default. The parser keeps a few words for each level.
    pub depth: usize,
    /// Nodes of all documents, anchors and tags counted; at most 268,435,455, which is also the default.
    pub nodes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { input: MAX_OFFSET, scalar: MAX_VALUE, depth: 1024, nodes: MAX_VALUE }
    }
}

impl Limits {
    /// The same, with nothing that eight bytes cannot say.
    pub(super) fn representable(self) -> Self {
        let Self { input, scalar, depth, nodes } = self;
        Self { input: input.min(MAX_OFFSET), scalar: scalar.min(MAX_VALUE), depth, nodes: nodes.min(MAX_VALUE) }
    }
}
