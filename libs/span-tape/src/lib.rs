//! A read-only YAML document as a tape of 8-byte nodes over its input. It takes about half the size of the file.
//!
//! The tape records the nodes in order, each as one [`Word`] with its kind, the offset of its token, and
//! the length of the token or the number of descendants. Texts stay in the input. Those that do not occur there
//! verbatim (because of escapes, folded lines or indentation) are decoded on access, or once into a side arena. An
//! alias is a word that refers to a node, so nothing is expanded.
//!
//! ```
//! use span_tape::{Options, Scalar, Tape};
//!
//! let tape: Tape<_> = Tape::parse("host: &h ex\nports: [80, 443]\nalso: *h\n", &Options::default())?;
//! let root = tape.documents().next().and_then(|document| document.root()).expect("one document");
//! assert_eq!(root.get("ports")?.and_then(|ports| ports.at(1)).map(|port| port.scalar()).transpose()?, Some(Scalar::Int(443)));
//! assert_eq!(root.get("also")?.expect("there").resolve().text()?, "ex");
//! # Ok::<(), span_tape::Error>(())
//! ```
//!
//! The cargo feature `serde`, which is off by default, adds `from_str`, `from_node` and the module `de`, which
//! deserialize a document into types.
//!
//! | module | content |
//! |---|---|
//! | `word` | the layout of a node |
//! | `scan` | the scanner, which reads YAML and writes words |
//! | `build` | building words |
//! | `options`, `parse` | running the scanner over a source |
//! | `source`, `input` | the input: text, mapping, file read through a window |
//! | `encoding`, `style` | the encodings and styles of YAML |
//! | `walk`, `node`, `get`, `lookup`, `memo`, `merge`, `span`, `lines` | the reading interface |
//! | `decode`, `schema`, `tag` | decoding tokens to texts, resolving texts to values and tags |
//! | `cache`, `words`, `digest` | tapes that are kept in files |
//! | `de` | deserializing nodes with serde (feature `serde`) |

mod build;
mod cache;
#[cfg(feature = "serde")]
pub mod de;
mod decode;
mod digest;
mod encoding;
mod error;
mod get;
mod input;
mod limits;
mod lines;
mod lookup;
mod memo;
mod merge;
mod node;
mod options;
mod parse;
mod scan;
mod schema;
mod source;
mod span;
mod style;
mod sys;
mod tag;
mod walk;
mod word;
mod words;

pub use build::Decoding;
pub use cache::Cache;
#[cfg(feature = "serde")]
pub use de::{from_documents, from_node, from_path, from_reader, from_slice, from_str, from_str_with_options};
pub use encoding::Encoding;
pub use error::{Error, Limit, Position};
pub use limits::Limits;
pub use lookup::Index;
pub use merge::Entries;
pub use node::{Node, NodeKind};
pub use options::{Indentation, Options};
pub use schema::Scalar;
pub use source::{InMemory, Mapped, Pages, Source, WINDOW, Windowed, read, to_text};
pub use style::Style;
pub use walk::{Children, Document, Documents, Pairs};
pub use word::{Layout, WideWord, Word};

use build::{Builder, Decoded, Handle};

/// The documents of an input.
#[derive(Debug)]
pub struct Tape<S, W = Word> {
    source: S,
    nodes: words::Words<W>,
    arena: String,
    decoded: Vec<Decoded>,
    handles: Vec<Handle>,
    /// Whether merge keys are applied.
    merge_keys: bool,
    memo: memo::Memo,
    lines: lines::Lines,
    /// Whether the words are from a kept tape.
    is_reopened: bool,
}

impl<S, W: Layout> Tape<S, W> {
    fn new(source: S, builder: Builder<W>) -> Self {
        let Builder { mut nodes, mut arena, mut decoded, mut handles, .. } = builder;
        nodes.shrink_to_fit();
        arena.shrink_to_fit();
        decoded.shrink_to_fit();
        handles.shrink_to_fit();
        Self {
            source,
            nodes: words::Words::Owned(nodes),
            arena,
            decoded,
            handles,
            merge_keys: false,
            memo: memo::Memo::default(),
            lines: lines::Lines::default(),
            is_reopened: false,
        }
    }

    /// Returns the number of words, including those of anchors, tags and documents.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the size of the words in bytes.
    #[must_use]
    pub fn node_bytes(&self) -> usize {
        self.nodes.len() * size_of::<W>()
    }

    /// Returns the size of decoded texts and of their index in bytes.
    #[must_use]
    pub fn decoded_bytes(&self) -> usize {
        self.arena.len() + self.decoded.len() * size_of::<Decoded>()
    }

    /// Returns whether the tape was kept by an earlier [`Tape::open_cached`] or [`Tape::map_cached`], as opposed to parsed.
    #[must_use]
    pub fn is_reopened(&self) -> bool {
        self.is_reopened
    }

    /// Returns the number of bytes that the tape holds besides its source: words, decoded texts, 20 bytes for each
    /// `%TAG` directive, and 8 bytes for each pair of a mapping of at least 256 pairs on which [`Node::get`] was called
    /// more than four times. With lazy decoding, that is at most 8 bytes per byte of the input, plus 24. The first call of
    /// [`Node::position`] adds 24 bytes per 16 KiB of the input.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.parsed_bytes() + self.memo.bytes() + self.lines.bytes()
    }

    /// Returns the part of [`Tape::held_bytes`] that parsing adds.
    fn parsed_bytes(&self) -> usize {
        self.node_bytes() + self.decoded_bytes() + self.handles.len() * size_of::<Handle>()
    }

    /// Returns the input.
    pub fn source(&self) -> &S {
        &self.source
    }

    #[inline]
    fn word(&self, at: usize) -> Word {
        self.nodes[at].into()
    }
}

/// Runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
