//! Limits on the size of an input and its document.

use crate::word::{MAX_OFFSET, MAX_VALUE};

/// Limits that are enforced before memory is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the input in bytes. The maximum and default is 4 GiB.
    pub input: u64,
    /// Size of one scalar in bytes. The maximum and default is 256 MiB.
    pub scalar: u64,
    /// Nesting depth of collections. The default is 1,024. The parser keeps a few words per level.
    pub depth: usize,
    /// Number of nodes of all documents, including anchors and tags. The maximum and default is 268,435,455.
    pub nodes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { input: MAX_OFFSET, scalar: MAX_VALUE, depth: 1024, nodes: MAX_VALUE }
    }
}

impl Limits {
    /// Clamps the limits to the values that an 8-byte word can represent.
    pub(crate) fn representable(self) -> Self {
        let Self { input, scalar, depth, nodes } = self;
        Self { input: input.min(MAX_OFFSET), scalar: scalar.min(MAX_VALUE), depth, nodes: nodes.min(MAX_VALUE) }
    }
}
