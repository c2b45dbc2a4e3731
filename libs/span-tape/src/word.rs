//! The layout of a node of the tape in eight bytes.
//!
//! ```text
//!  63   60 59                          28 27                         0
//! +-------+------------------------------+----------------------------+
//! | kind  | offset in the input (4 GiB)  | value (256 Mi)             |
//! +-------+------------------------------+----------------------------+
//!  scalar    start of its token             bytes of its token
//!  decoded   start of its token             index into the side arena
//!  sequence  its start                      number of descendants
//!  mapping   its start                      number of descendants
//!  alias     start of its token             index of its target's anchor
//!  anchor    start of its name              bytes of its name
//!  tag       start of its token             bytes of its token
//!  indent    start of a block scalar        spaces that its lines lose
//!  pair      start of an empty pair         bytes up to the position of its value
//!  document  its start                      number of descendants
//! ```
//!
//! The properties of a node precede it: `tag? anchor? indent? node`. The style of a flow scalar is the first byte of
//! its token, so it is not stored here.

/// The kind of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A flow scalar whose text occurs in the input verbatim, except for quotes.
    Verbatim,
    /// A flow scalar with escapes or line breaks, decoded on access.
    Flow,
    /// A literal block scalar: the lines after its header, up to the last line break that belongs to its text.
    Literal,
    /// A folded block scalar, with the same range as a literal one.
    Folded,
    /// A scalar whose text is in the side arena.
    Decoded,
    BlockSequence,
    FlowSequence,
    BlockMapping,
    FlowMapping,
    Alias,
    Anchor,
    Tag,
    Document,
    /// A document that begins with `---`.
    MarkedDocument,
    /// A flow mapping of an omitted key and an omitted value, which have no words.
    EmptyPair,
    /// The indentation of the block scalar after it, if it is not that of its first line.
    Indent,
}

impl Kind {
    const ALL: [Self; 16] = [
        Self::Verbatim,
        Self::Flow,
        Self::Literal,
        Self::Folded,
        Self::Decoded,
        Self::BlockSequence,
        Self::FlowSequence,
        Self::BlockMapping,
        Self::FlowMapping,
        Self::Alias,
        Self::Anchor,
        Self::Tag,
        Self::Document,
        Self::MarkedDocument,
        Self::EmptyPair,
        Self::Indent,
    ];

    /// Returns whether `value` is the number of descendants.
    pub(crate) fn has_children(self) -> bool {
        use Kind::{BlockMapping, BlockSequence, Document, FlowMapping, FlowSequence, MarkedDocument};
        matches!(self, BlockSequence | FlowSequence | BlockMapping | FlowMapping | Document | MarkedDocument)
    }

    /// Returns whether the word is a property of the node after it.
    pub(crate) fn is_property(self) -> bool {
        matches!(self, Self::Anchor | Self::Tag | Self::Indent)
    }
}

/// Number of bits of `value`.
const VALUE_BITS: u32 = 28;
/// The largest `value`, which limits the size of a scalar and the number of nodes of a tape.
pub(crate) const MAX_VALUE: u64 = (1 << VALUE_BITS) - 1;
/// The largest `offset`.
pub(crate) const MAX_OFFSET: u64 = u32::MAX as u64;

/// A node with its kind, offset and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Word(u64);

impl Word {
    /// Packs a node. The limits ensure that offset and value fit.
    pub(crate) fn new(kind: Kind, offset: u64, value: u64) -> Self {
        debug_assert!(offset <= MAX_OFFSET && value <= MAX_VALUE);
        Self((kind as u64) << 60 | offset << VALUE_BITS | value)
    }

    /// The word that has these bytes in the byte order of this machine. Every eight bytes are a word.
    pub(crate) fn from_ne_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_ne_bytes(bytes))
    }

    pub(crate) fn kind(self) -> Kind {
        Kind::ALL[(self.0 >> 60) as usize]
    }

    pub(crate) fn offset(self) -> u64 {
        self.0 >> VALUE_BITS & MAX_OFFSET
    }

    pub(crate) fn value(self) -> u64 {
        self.0 & MAX_VALUE
    }

    pub(crate) fn with_value(self, value: u64) -> Self {
        Self::new(self.kind(), self.offset(), value)
    }
}

/// The in-memory layout of a tape's words. [`Word`] is the layout to use.
pub trait Layout: Copy + From<Word> + Into<Word> {}

impl Layout for Word {}

/// A layout of sixteen bytes per node, the size of a pointer and a length, which measures what packing saves.
#[derive(Clone, Copy, Debug)]
pub struct WideWord {
    word: Word,
    _unused: u64,
}

impl From<Word> for WideWord {
    fn from(word: Word) -> Self {
        // Not zero, because zeroed pages might never be touched.
        Self { word, _unused: u64::MAX }
    }
}

impl From<WideWord> for Word {
    fn from(wide: WideWord) -> Self {
        wide.word
    }
}

impl Layout for WideWord {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_takes_eight_bytes_and_unpacks_its_fields() {
        assert_eq!(size_of::<Word>(), 8);
        for kind in Kind::ALL {
            for (offset, value) in [(0, 0), (MAX_OFFSET, 0), (0, MAX_VALUE), (MAX_OFFSET, MAX_VALUE), (12_345, 678)] {
                let word = Word::new(kind, offset, value);
                assert_eq!((word.kind(), word.offset(), word.value()), (kind, offset, value));
                assert_eq!(word.with_value(7), Word::new(kind, offset, 7));
            }
        }
    }
}
