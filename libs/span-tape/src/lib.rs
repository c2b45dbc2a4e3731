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
//! | module | content |
//! |---|---|
//! | `word` | the layout of a node |
//! | `scan` | the scanner, which reads YAML and writes words |
//! | `build` | building words |
//! | `parse` | running the scanner over a source |
//! | `source`, `input` | the input: text, mapping, file read through a window |
//! | `walk`, `node`, `lookup`, `span` | the reading interface |
//! | `decode`, `schema`, `tag` | decoding tokens to texts, resolving texts to values and tags |

mod build;
mod decode;
mod error;
mod input;
mod limits;
mod lookup;
mod node;
mod parse;
mod scan;
mod schema;
mod source;
mod span;
mod sys;
mod tag;
mod walk;
mod word;

pub use build::Decoding;
pub use error::{Error, Limit, Position};
pub use limits::Limits;
pub use lookup::Index;
pub use node::{Node, NodeKind, Style};
pub use parse::Options;
pub use schema::Scalar;
pub use source::{InMemory, Mapped, Pages, Source, WINDOW, Windowed, read};
pub use walk::{Children, Document, Documents, Pairs};
pub use word::{Layout, WideWord, Word};

use build::{Builder, Decoded, Handle};

/// The documents of an input.
#[derive(Debug)]
pub struct Tape<S, W = Word> {
    source: S,
    nodes: Vec<W>,
    arena: String,
    decoded: Vec<Decoded>,
    handles: Vec<Handle>,
}

impl<S, W: Layout> Tape<S, W> {
    fn new(source: S, builder: Builder<W>) -> Self {
        let Builder { mut nodes, mut arena, mut decoded, mut handles, .. } = builder;
        nodes.shrink_to_fit();
        arena.shrink_to_fit();
        decoded.shrink_to_fit();
        handles.shrink_to_fit();
        Self { source, nodes, arena, decoded, handles }
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

    /// Returns the number of bytes that the tape holds besides its source: words, decoded texts, and 20 bytes for each
    /// `%TAG` directive. With lazy decoding, it is at most 8 bytes per byte of the input, plus 24.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
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
