//! The reading interface of a node: its kind, text, value and properties.

use std::{borrow::Cow, fmt};

use crate::{
    Tape,
    build::Decoded,
    decode,
    error::{Error, Position},
    schema::{CORE, Scalar},
    source::Source,
    style::Style,
    word::{Kind, Layout, Word},
};

/// Size of a flow scalar's token above which the size of its text is counted before decoding. Half of the token may be
/// escapes, and a text that grows by doubling may be half empty.
const COUNTED: usize = 64 << 10;

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A text.
    Scalar,
    /// Items in order.
    Sequence,
    /// Pairs in order. Keys may repeat; [`Node::get`] returns the value of the first.
    Mapping,
    /// A reference to another node by its anchor.
    Alias,
}

/// The part of a pair that a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it, or any node that is not an empty pair.
    Whole,
    Key,
    Value,
}

/// A node of a tape.
pub struct Node<'t, S, W> {
    pub(crate) tape: &'t Tape<S, W>,
    pub(crate) at: u32,
    /// The part of an empty pair, whose key and value have no words.
    pub(crate) part: Part,
}

impl<S, W> Clone for Node<'_, S, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, W> Copy for Node<'_, S, W> {}

impl<S, W> fmt::Debug for Node<'_, S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.at)
    }
}

/// Nodes are equal if they are the same node of the same tape.
impl<S, W> PartialEq for Node<'_, S, W> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tape, other.tape) && (self.at, self.part) == (other.at, other.part)
    }
}

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    pub(crate) fn word(&self) -> Word {
        let word = self.tape.word(self.at as usize);
        match self.part {
            Part::Whole => word,
            Part::Key => Word::new(Kind::Verbatim, word.offset(), 0),
            Part::Value => Word::new(Kind::Verbatim, word.offset() + word.value(), 0),
        }
    }

    fn decoded(&self) -> Option<Decoded> {
        let word = self.word();
        (word.kind() == Kind::Decoded).then(|| self.tape.decoded[word.value() as usize])
    }

    /// Returns the kind of the node.
    #[must_use]
    pub fn kind(&self) -> NodeKind {
        match self.word().kind() {
            Kind::BlockSequence | Kind::FlowSequence => NodeKind::Sequence,
            Kind::BlockMapping | Kind::FlowMapping | Kind::EmptyPair => NodeKind::Mapping,
            Kind::Alias => NodeKind::Alias,
            _ => NodeKind::Scalar,
        }
    }

    /// Returns the style in which the node is written, or `None` for an alias.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn style(&self) -> Result<Option<Style>, Error> {
        let word = self.word();
        Ok(Some(match word.kind() {
            Kind::BlockSequence | Kind::BlockMapping => Style::Block,
            Kind::FlowSequence | Kind::FlowMapping | Kind::EmptyPair => Style::Flow,
            Kind::Literal => Style::Literal,
            Kind::Folded => Style::Folded,
            Kind::Decoded => self.decoded().map_or(Style::Plain, Decoded::style),
            Kind::Verbatim | Kind::Flow if word.value() > 0 => {
                match self.tape.source.bytes(word.offset()..word.offset() + 1)?[0] {
                    b'\'' => Style::SingleQuoted,
                    b'"' => Style::DoubleQuoted,
                    _ => Style::Plain,
                }
            }
            Kind::Verbatim | Kind::Flow => Style::Plain,
            _ => return Ok(None),
        }))
    }

    /// Returns the resolved tag: `tag:yaml.org,2002:str`, `!local`, `!`.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn tag(&self) -> Result<Option<Cow<'t, str>>, Error> {
        let Some(word) = self.property(Kind::Tag) else { return Ok(None) };
        let tag = self.tape.source.text(word.offset()..word.offset() + word.value())?;
        self.tape.resolve_tag(self.at as usize, tag).map(Some)
    }

    /// Returns the name of the anchor.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn anchor(&self) -> Result<Option<Cow<'t, str>>, Error> {
        let anchor = self.property(Kind::Anchor);
        anchor.map(|word| self.tape.source.text(word.offset()..word.offset() + word.value())).transpose()
    }

    fn property(&self, kind: Kind) -> Option<Word> {
        let words = if self.part == Part::Whole { self.at as usize } else { 0 };
        let before = self.tape.nodes[..words].iter().rev().map(|word| (*word).into());
        before.take_while(|word: &Word| word.kind().is_property()).find(|word| word.kind() == kind)
    }

    /// Returns the target of an alias, or the node itself for any other kind. A node can contain an alias of itself, so
    /// a recursive walk that resolves aliases may not terminate.
    #[must_use]
    pub fn resolve(self) -> Self {
        let word = self.word();
        if word.kind() == Kind::Alias { self.tape.node(word.value() as usize) } else { self }
    }

    /// Returns line and column of the node's start. The first call reads the input up to there; the tape remembers lines,
    /// see [`Tape::held_bytes`].
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn position(&self) -> Result<Position, Error> {
        self.tape.position(self.word().offset())
    }

    /// Returns the text of a scalar, or of the target of an alias. It is borrowed if it occurs verbatim in the input or
    /// the arena.
    ///
    /// # Errors
    /// When the node is a collection ([`Error::NotScalar`]), or the input is a file and no longer what it was.
    pub fn text(&self) -> Result<Cow<'t, str>, Error> {
        let node = self.resolve();
        let word = node.word();
        let range = word.offset()..word.offset() + word.value();
        match word.kind() {
            Kind::Verbatim if word.value() == 0 => Ok(Cow::Borrowed("")),
            Kind::Verbatim => Ok(match node.tape.source.text(range)? {
                Cow::Borrowed(token) => Cow::Borrowed(decode::inside(token)),
                Cow::Owned(token) => Cow::Owned(decode::inside(&token).to_owned()),
            }),
            Kind::Flow => {
                let token = node.tape.source.text(range)?;
                let mut text = String::new();
                if token.len() > COUNTED {
                    let mut length = 0;
                    decode::flow(&token, &mut length);
                    text.reserve_exact(length);
                }
                decode::flow(&token, &mut text);
                Ok(Cow::Owned(text))
            }
            Kind::Literal | Kind::Folded => {
                let lines = node.tape.source.text(range)?;
                let mut text = String::with_capacity(lines.len());
                let form = node.property(Kind::Indent).map(|word| decode::Lines::unpacked(word.value()));
                decode::block(&lines, form.unwrap_or_default(), word.kind() == Kind::Folded, &mut text);
                Ok(Cow::Owned(text))
            }
            Kind::Decoded => {
                let text = |index: usize| node.tape.decoded.get(index).map(|decoded| decoded.start as usize);
                let index = word.value() as usize;
                let range = text(index).unwrap_or_default()..text(index + 1).unwrap_or(node.tape.arena.len());
                Ok(Cow::Borrowed(&node.tape.arena[range]))
            }
            _ => Err(Error::NotScalar { position: node.position()? }),
        }
    }

    /// Returns the value of a scalar, or of the target of an alias, by the core schema.
    ///
    /// # Errors
    /// When the node is a collection ([`Error::NotScalar`]), or the input is a file and no longer what it was.
    pub fn scalar(&self) -> Result<Scalar<'t>, Error> {
        let node = self.resolve();
        let text = node.text()?;
        Ok(match node.tag()? {
            // The tag `!` disables resolution.
            Some(tag) if tag == "!" || tag.starts_with(CORE) => Scalar::tagged(&tag, text),
            Some(_) => Scalar::Str(text),
            None if node.style()? == Some(Style::Plain) => Scalar::plain(text),
            None => Scalar::Str(text),
        })
    }
}
