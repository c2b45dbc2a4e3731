//! A YAML document as a tape of 8-byte nodes over its input: read-only, and half the size of the file.
//!
//! The parser's events are written down in their order, each node as one [`Word`]: what it is, where
//! its token begins, and how long that is or how many nodes are below it. Texts stay in the input.
//! Those that do not stand there as they are (escapes, folded lines, indentation) are decoded when
//! asked for, or once into a side arena. An alias is a word that names a node: nothing is expanded.
//!
//! ```
//! use yaml_parse::tape::{Options, Scalar, Tape};
//!
//! let tape: Tape<_> = Tape::parse("host: &h ex\nports: [80, 443]\nalso: *h\n", &Options::default())?;
//! let root = tape.documents().next().and_then(|document| document.root()).expect("one document");
//! assert_eq!(root.get("ports")?.and_then(|ports| ports.at(1)).map(|port| port.scalar()).transpose()?, Some(Scalar::Int(443)));
//! assert_eq!(root.get("also")?.expect("there").resolve().text()?, "ex");
//! # Ok::<(), yaml_parse::tape::Error>(())
//! ```
//!
//! | module | |
//! |---|---|
//! | `word` | eight bytes |
//! | `build` | events to words |
//! | `parse` | the parser over a source |
//! | `source`, `forward`, `window` | the input: text, mapping, file in a window |
//! | `node` | what a reader sees |
//! | `decode`, `schema` | tokens to texts, texts to values |

mod build;
mod decode;
mod error;
mod forward;
mod limits;
mod node;
mod parse;
mod schema;
mod source;
mod sys;
mod window;
mod word;

pub use build::Decoding;
pub use error::{Error, Limit, Position};
pub use limits::Limits;
pub use node::{Children, Document, Documents, Node, NodeKind, Pairs, Style};
pub use parse::Options;
pub use schema::Scalar;
pub use source::{InMemory, Mapped, Pages, Source, WINDOW, Windowed, read};
pub use word::{Layout, WideWord, Word};

use build::{Builder, Decoded};

/// All documents of an input.
#[derive(Debug)]
pub struct Tape<S, W = Word> {
    source: S,
    nodes: Vec<W>,
    arena: String,
    decoded: Vec<Decoded>,
    tags: Vec<Box<str>>,
}

impl<S, W: Layout> Tape<S, W> {
    fn new(source: S, builder: Builder<W>) -> Self {
        let Builder { mut nodes, mut arena, mut decoded, mut tags, .. } = builder;
        nodes.shrink_to_fit();
        arena.shrink_to_fit();
        decoded.shrink_to_fit();
        tags.shrink_to_fit();
        Self { source, nodes, arena, decoded, tags }
    }

    /// Its words, anchors, tags and documents among them.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Bytes of its words.
    #[must_use]
    pub fn node_bytes(&self) -> usize {
        self.nodes.len() * size_of::<W>()
    }

    /// Bytes of decoded texts, and of what says where they are.
    #[must_use]
    pub fn decoded_bytes(&self) -> usize {
        self.arena.len() + self.decoded.len() * size_of::<Decoded>()
    }

    /// The input.
    pub fn source(&self) -> &S {
        &self.source
    }

    fn word(&self, at: usize) -> Word {
        self.nodes[at].into()
    }
}
