//! Options for parsing.

use crate::{build::Decoding, limits::Limits, source::WINDOW};

/// How the indentation of lines is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indentation {
    /// As YAML 1.2.2 requires.
    #[default]
    Strict,
    /// As libyaml does, where it is less strict:
    ///
    /// - Lines in brackets and in quotes may start at any column and after tabs. A closing bracket at the column of its
    ///   key is the most common case in real files.
    /// - The header of a block scalar may be on a line of its own at the column of its key or dash.
    /// - Of a block scalar that starts with empty lines, a comment may have fewer spaces than they.
    ///
    /// What libyaml rejects as well stays an error: tabs that indent block collections, entries at different columns,
    /// and document markers in brackets or quotes.
    Lenient,
}

/// Options for parsing.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When scalars are decoded.
    pub decoding: Decoding,
    /// Limits on the input.
    pub limits: Limits,
    /// Number of bytes in memory at once if a file is read through a window. The default is [`WINDOW`].
    pub window: usize,
    /// How indentation is checked. The default is strict.
    pub indentation: Indentation,
    /// Whether merge keys (`<<`) are applied by [`Node::get`](crate::Node::get),
    /// [`Node::index`](crate::Node::index), [`Node::entries`](crate::Node::entries) and the deserializer. The default
    /// is `false`, because YAML 1.2 has none.
    pub merge_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (decoding, indentation) = (Decoding::Lazy, Indentation::Strict);
        Self { decoding, limits: Limits::default(), window: WINDOW, indentation, merge_keys: false }
    }
}
