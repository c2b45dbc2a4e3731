//! What a reader sees of a tape: documents, nodes, their children and their values.

use std::{borrow::Cow, fmt, ops::Range};

use granit_parser::ScalarStyle;

use super::{
    Tape,
    build::Decoded,
    decode,
    error::{Error, Position},
    schema::{CORE, Scalar},
    source::Source,
    word::{Kind, Layout, Word},
};

/// Bytes of a flow scalar's token from which its text is counted before it is decoded: half of it may be
/// escapes, and a text that grows by doubling may be half empty.
const COUNTED: usize = 64 << 10;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A text.
    Scalar,
    /// Items in order.
    Sequence,
    /// Pairs in order; keys may repeat, and [`Node::get`] gives the first.
    Mapping,
    /// Another node, named by its anchor.
    Alias,
}

/// How a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `text`
    Plain,
    /// `'text'`
    SingleQuoted,
    /// `"text"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// A collection by indentation.
    Block,
    /// A collection in brackets, or a pair within one.
    Flow,
}

/// The documents of a tape, in order.
#[derive(Debug)]
pub struct Documents<'t, S, W> {
    tape: &'t Tape<S, W>,
    at: usize,
}

/// One document.
#[derive(Debug)]
pub struct Document<'t, S, W> {
    tape: &'t Tape<S, W>,
    at: usize,
}

/// One node.
pub struct Node<'t, S, W> {
    tape: &'t Tape<S, W>,
    at: usize,
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

/// The same node of the same tape.
impl<S, W> PartialEq for Node<'_, S, W> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tape, other.tape) && self.at == other.at
    }
}

impl<S, W: Layout> Tape<S, W> {
    /// The documents, in order.
    pub fn documents(&self) -> Documents<'_, S, W> {
        Documents { tape: self, at: 0 }
    }

    /// The index after everything that belongs to the node at `at`.
    fn end(&self, at: usize) -> usize {
        let word = self.word(at);
        at + 1 + if word.kind().has_children() { word.value() as usize } else { 0 }
    }

    /// The node at or after `at`, past its properties.
    fn node(&self, mut at: usize) -> Node<'_, S, W> {
        while self.word(at).kind().is_property() {
            at += 1;
        }
        Node { tape: self, at }
    }
}

impl<'t, S, W: Layout> Iterator for Documents<'t, S, W> {
    type Item = Document<'t, S, W>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        if at >= self.tape.nodes.len() {
            return None;
        }
        self.at = self.tape.end(at);
        Some(Document { tape: self.tape, at })
    }
}

impl<'t, S, W: Layout> Document<'t, S, W> {
    /// Its only node.
    #[must_use]
    pub fn root(&self) -> Option<Node<'t, S, W>> {
        (self.tape.end(self.at) > self.at + 1).then(|| self.tape.node(self.at + 1))
    }

    /// Whether it begins with `---`.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.tape.word(self.at).kind() == Kind::MarkedDocument
    }
}

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    fn word(&self) -> Word {
        self.tape.word(self.at)
    }

    fn decoded(&self) -> Option<Decoded> {
        let word = self.word();
        (word.kind() == Kind::Decoded).then(|| self.tape.decoded[word.value() as usize])
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> NodeKind {
        match self.word().kind() {
            Kind::BlockSequence | Kind::FlowSequence => NodeKind::Sequence,
            Kind::BlockMapping | Kind::FlowMapping => NodeKind::Mapping,
            Kind::Alias => NodeKind::Alias,
            _ => NodeKind::Scalar,
        }
    }

    /// How it is written; `None` for an alias.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn style(&self) -> Result<Option<Style>, Error> {
        let word = self.word();
        Ok(Some(match word.kind() {
            Kind::BlockSequence | Kind::BlockMapping => Style::Block,
            Kind::FlowSequence | Kind::FlowMapping => Style::Flow,
            Kind::Literal => Style::Literal,
            Kind::Folded => Style::Folded,
            Kind::Decoded => match self.decoded().map(|decoded| decoded.style()) {
                Some(ScalarStyle::SingleQuoted) => Style::SingleQuoted,
                Some(ScalarStyle::DoubleQuoted) => Style::DoubleQuoted,
                Some(ScalarStyle::Literal) => Style::Literal,
                Some(ScalarStyle::Folded) => Style::Folded,
                _ => Style::Plain,
            },
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

    /// Its tag, resolved: `tag:yaml.org,2002:str`, `!local`, `!`.
    #[must_use]
    pub fn tag(&self) -> Option<&'t str> {
        self.property(Kind::Tag).map(|word| &*self.tape.tags[word.value() as usize])
    }

    /// The name of its anchor.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn anchor(&self) -> Result<Option<Cow<'t, str>>, Error> {
        let anchor = self.property(Kind::Anchor);
        anchor.map(|word| self.tape.source.text(word.offset()..word.offset() + word.value())).transpose()
    }

    fn property(&self, kind: Kind) -> Option<Word> {
        let before = self.tape.nodes[..self.at].iter().rev().map(|word| (*word).into());
        before.take_while(|word: &Word| word.kind().is_property()).find(|word| word.kind() == kind)
    }

    /// The node that an alias means; any other node itself. Following aliases without end is easy: a
    /// node may hold an alias of itself.
    #[must_use]
    pub fn resolve(self) -> Self {
        let word = self.word();
        if word.kind() == Kind::Alias { Self { tape: self.tape, at: word.value() as usize } } else { self }
    }

    /// Where its token is in the input; of a collection, where it begins up to its last token.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        let token = |at: usize| {
            let word = self.tape.word(at);
            let length = match word.kind() {
                Kind::Verbatim | Kind::Flow | Kind::Literal | Kind::Folded | Kind::Anchor => word.value(),
                Kind::Decoded => self.tape.decoded[word.value() as usize].token(),
                _ => 0,
            };
            word.offset()..word.offset() + length
        };
        token(self.at).start..token(self.tape.end(self.at) - 1).end
    }

    /// Line and column of its beginning, for messages: reads the input up to there.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn position(&self) -> Result<Position, Error> {
        self.tape.source.position(self.word().offset())
    }

    /// The text of a scalar, of an alias that of its node; empty for a collection. Borrowed from the
    /// input or the arena where it stands there as it is.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
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
                decode::block(&lines, word.kind() == Kind::Folded, &mut text);
                Ok(Cow::Owned(text))
            }
            Kind::Decoded => {
                let text = |index: usize| node.tape.decoded.get(index).map(|decoded| decoded.start as usize);
                let index = word.value() as usize;
                let range = text(index).unwrap_or_default()..text(index + 1).unwrap_or(node.tape.arena.len());
                Ok(Cow::Borrowed(&node.tape.arena[range]))
            }
            _ => Ok(Cow::Borrowed("")),
        }
    }

    /// The value of a scalar by the core schema, of an alias that of its node.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn scalar(&self) -> Result<Scalar<'t>, Error> {
        let node = self.resolve();
        let text = node.text()?;
        Ok(match node.tag() {
            // `!` forbids to guess.
            Some(tag) if tag == "!" || tag.starts_with(CORE) => Scalar::tagged(tag, text),
            Some(_) => Scalar::Str(text),
            None if node.style()? == Some(Style::Plain) => Scalar::plain(text),
            None => Scalar::Str(text),
        })
    }

    /// The nodes right below: items of a sequence, keys and values of a mapping in turn. Of an alias
    /// those of its node.
    #[must_use]
    pub fn children(&self) -> Children<'t, S, W> {
        let node = self.resolve();
        let end = node.tape.end(node.at);
        Children { tape: node.tape, at: node.at + 1, end }
    }

    /// The item of a sequence at `index`, counted from 0.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Self> {
        let is_sequence = self.resolve().kind() == NodeKind::Sequence;
        is_sequence.then(|| self.children().nth(index)).flatten()
    }

    /// The pairs of a mapping; none of anything else.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'t, S, W> {
        let mut children = self.children();
        if self.resolve().kind() != NodeKind::Mapping {
            children.at = children.end;
        }
        Pairs(children)
    }

    /// The value of the first pair of a mapping whose key is a scalar of this text.
    ///
    /// # Errors
    /// When the input is a file and no longer what it was.
    pub fn get(&self, key: &str) -> Result<Option<Self>, Error> {
        for (found, value) in self.pairs() {
            if found.resolve().kind() == NodeKind::Scalar && found.text()? == key {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// The nodes right below a node.
#[derive(Debug)]
pub struct Children<'t, S, W> {
    tape: &'t Tape<S, W>,
    at: usize,
    end: usize,
}

impl<'t, S, W: Layout> Iterator for Children<'t, S, W> {
    type Item = Node<'t, S, W>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let node = self.tape.node(self.at);
        self.at = self.tape.end(node.at);
        Some(node)
    }
}

/// The pairs of a mapping.
#[derive(Debug)]
pub struct Pairs<'t, S, W>(Children<'t, S, W>);

impl<'t, S, W: Layout> Iterator for Pairs<'t, S, W> {
    type Item = (Node<'t, S, W>, Node<'t, S, W>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}
