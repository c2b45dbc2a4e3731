//! Builds the words of a tape from the parser's events.

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};

use crate::{
    decode::{self, Expect},
    error::Limit,
    limits::Limits,
    word::{Kind, Layout, MAX_OFFSET, Word},
};

/// When a scalar with escapes, line breaks or indentation is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// While parsing, into the side arena. Every text can be borrowed.
    Eager,
    /// On each access to its text. Nothing is stored.
    Lazy,
}

/// A scalar in the side arena: the start of its text, which extends to the start of the next one, the size of its token
/// and its style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded {
    pub(crate) start: u32,
    token: u32,
}

const STYLES: [ScalarStyle; 5] = [
    ScalarStyle::Plain,
    ScalarStyle::SingleQuoted,
    ScalarStyle::DoubleQuoted,
    ScalarStyle::Literal,
    ScalarStyle::Folded,
];

impl Decoded {
    fn new(start: u64, token: u64, style: ScalarStyle) -> Self {
        let style = STYLES.iter().position(|known| *known == style).unwrap_or_default();
        Self { start: start as u32, token: token as u32 | (style as u32) << 28 }
    }

    pub(crate) fn token(self) -> u64 {
        (self.token & ((1 << 28) - 1)).into()
    }

    pub(crate) fn style(self) -> ScalarStyle {
        STYLES[(self.token >> 28) as usize]
    }
}

/// Access of the builder to input that was parsed before.
pub(crate) trait Look {
    fn look<R>(&self, range: Range<u64>, look: impl FnOnce(&str) -> R) -> R;
}

impl Look for &str {
    fn look<R>(&self, range: Range<u64>, look: impl FnOnce(&str) -> R) -> R {
        look(&self[range.start as usize..range.end as usize])
    }
}

/// A limit that was exceeded, and its maximum.
pub(crate) type Refusal = (Limit, u64);

/// A tape under construction.
#[derive(Debug)]
pub(crate) struct Builder<W> {
    limits: Limits,
    decoding: Decoding,
    pub(crate) nodes: Vec<W>,
    pub(crate) arena: String,
    pub(crate) decoded: Vec<Decoded>,
    pub(crate) tags: Vec<Box<str>>,
    known_tags: HashMap<Box<str>, u32>,
    /// Indices of the open collections and documents.
    open: Vec<u32>,
    /// The nodes of the current document's anchors, by the parser's anchor number minus `first_anchor`.
    anchors: Vec<u32>,
    first_anchor: usize,
    /// The anchor whose name is in the next event.
    unnamed: Option<usize>,
    /// The end of the last token. The header of the next block scalar comes after it.
    passed: u64,
}

/// Number of input bytes per word reserved in advance. Unused words are never touched and are freed at the end. A tape
/// that grows in place has no extra cost.
const BYTES_PER_WORD: u64 = 16;
/// Number of input bytes per byte of decoded text reserved in advance.
const INPUT_PER_DECODED: u64 = 4;
/// The maximum reserved for either, in bytes, which an input of one large scalar would waste. Blocks of this size are
/// separate mappings, which malloc grows without copying.
const RESERVED: u64 = 8 << 20;

impl<W: Layout> Builder<W> {
    pub(crate) fn new(limits: Limits, decoding: Decoding, input: u64) -> Self {
        let mut nodes = Vec::new();
        // If the reservation fails, the vector grows as needed.
        let words = (input / BYTES_PER_WORD).min(RESERVED / size_of::<W>() as u64);
        let _ = nodes.try_reserve_exact(limits.nodes.min(words) as usize);
        let mut arena = String::new();
        if decoding == Decoding::Eager {
            let _ = arena.try_reserve_exact((input / INPUT_PER_DECODED).min(RESERVED) as usize);
        }
        Self {
            limits,
            decoding,
            nodes,
            arena,
            decoded: Vec::new(),
            tags: Vec::new(),
            known_tags: HashMap::new(),
            open: Vec::new(),
            anchors: Vec::new(),
            first_anchor: 0,
            unnamed: None,
            passed: 0,
        }
    }

    /// Returns the end of the last token.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    pub(crate) fn event(&mut self, event: Event<'_>, span: &Span, input: &impl Look) -> Result<(), Refusal> {
        let range = bytes(span);
        let start = range.start;
        match event {
            Event::DocumentStart(marked, _) => {
                self.anchors.clear();
                self.open(if marked { Kind::MarkedDocument } else { Kind::Document }, start)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.properties(anchor, tag.as_deref(), span)?;
                self.open(if style == StructureStyle::Flow { Kind::FlowSequence } else { Kind::BlockSequence }, start)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.properties(anchor, tag.as_deref(), span)?;
                self.open(if style == StructureStyle::Flow { Kind::FlowMapping } else { Kind::BlockMapping }, start)?;
            }
            Event::DocumentEnd | Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(anchor, tag.as_deref(), span)?;
                let word = self.scalar(&text, style, range.clone(), input)?;
                self.push(word)?;
                self.passed = self.passed.max(range.end);
            }
            Event::Alias(anchor) => {
                let target = self.anchors[anchor - self.first_anchor];
                self.push(Word::new(Kind::Alias, start, target.into()))?;
                self.passed = self.passed.max(range.end);
            }
            Event::Anchor(_, name) => {
                if let Some(unnamed) = self.unnamed.take() {
                    let length = self.fits(Limit::Scalar, name.len() as u64, self.limits.scalar)?;
                    self.nodes[unnamed] = Word::new(Kind::Anchor, start + 1, length).into();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fits(&self, limit: Limit, value: u64, most: u64) -> Result<u64, Refusal> {
        if value > most { Err((limit, most)) } else { Ok(value) }
    }

    fn push(&mut self, word: Word) -> Result<(), Refusal> {
        self.fits(Limit::Nodes, self.nodes.len() as u64 + 1, self.limits.nodes)?;
        self.nodes.push(word.into());
        Ok(())
    }

    fn open(&mut self, kind: Kind, start: u64) -> Result<(), Refusal> {
        self.fits(Limit::Depth, self.open.len() as u64, self.limits.depth as u64)?;
        self.open.push(self.nodes.len() as u32);
        self.push(Word::new(kind, start, 0))
    }

    fn close(&mut self) {
        if let Some(opened) = self.open.pop() {
            let below = self.nodes.len() - opened as usize - 1;
            let word: Word = self.nodes[opened as usize].into();
            self.nodes[opened as usize] = word.with_value(below as u64).into();
        }
    }

    /// Pushes the tag and the anchor of the node that comes next.
    fn properties(&mut self, anchor: usize, tag: Option<&granit_parser::Tag>, span: &Span) -> Result<(), Refusal> {
        if let Some(tag) = tag {
            let at = span.tag_start().and_then(|mark| mark.byte_offset()).unwrap_or_default();
            let index = self.tag([tag.handle(), tag.suffix()].concat());
            self.push(Word::new(Kind::Tag, at as u64, index.into()))?;
        }
        if anchor != 0 {
            self.unnamed = Some(self.nodes.len());
            self.push(Word::new(Kind::Anchor, bytes(span).start, 0))?;
            if self.anchors.is_empty() {
                self.first_anchor = anchor;
            }
            self.anchors.push(self.nodes.len() as u32);
        }
        Ok(())
    }

    fn tag(&mut self, name: String) -> u32 {
        if let Some(index) = self.known_tags.get(name.as_str()) {
            return *index;
        }
        let (name, index) = (name.into_boxed_str(), self.tags.len() as u32);
        self.tags.push(name.clone());
        self.known_tags.insert(name, index);
        index
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        token: Range<u64>,
        input: &impl Look,
    ) -> Result<Word, Refusal> {
        let length = self.fits(Limit::Scalar, token.end - token.start, self.limits.scalar)?;
        let lazy = self.decoding == Decoding::Lazy;
        let word = match style {
            // An omitted scalar: the parser reports `~`, but the input has no token.
            ScalarStyle::Plain if length == 0 => Some(Word::new(Kind::Verbatim, token.start, 0)),
            ScalarStyle::Literal | ScalarStyle::Folded if !lazy => None,
            ScalarStyle::Literal => self.block(text, Kind::Literal, &token, input),
            ScalarStyle::Folded => self.block(text, Kind::Folded, &token, input),
            _ => input.look(token.clone(), |raw| {
                if decode::inside(raw) == text {
                    Some(Word::new(Kind::Verbatim, token.start, length))
                } else {
                    let decodes = lazy && Expect::is(text, |sink| decode::flow(raw, sink));
                    decodes.then(|| Word::new(Kind::Flow, token.start, length))
                }
            }),
        };
        // A text that cannot be decoded from the token alone is stored as the parser reports it.
        word.map_or_else(|| self.keep(text, style, token), Ok)
    }

    /// Returns a block scalar as the range of its lines, if these decode to its text.
    fn block(&self, text: &str, kind: Kind, token: &Range<u64>, input: &impl Look) -> Option<Word> {
        let from = self.passed;
        if text.is_empty() {
            return Some(Word::new(kind, token.start, 0));
        }
        // The parser's span starts at the first character of text. The empty lines before it belong to the text too,
        // and the header precedes them.
        let before = (token.start - from) as usize;
        input.look(from..token.end, |raw| {
            let header = raw[..before].trim_end_matches([' ', '\t', '\n', '\r']).len();
            let line_break = raw[header..].find(['\n', '\r'])?;
            let first = header + line_break + if raw[header + line_break..].starts_with("\r\n") { 2 } else { 1 };
            let lines = &raw[first..];
            let lines = &lines[..decode::block_end(lines, text)];
            let decodes = Expect::is(text, |sink| {
                decode::block(lines, kind == Kind::Folded, sink);
                true
            });
            decodes.then(|| Word::new(kind, from + first as u64, lines.len() as u64))
        })
    }

    fn keep(&mut self, text: &str, style: ScalarStyle, token: Range<u64>) -> Result<Word, Refusal> {
        self.fits(Limit::Scalar, text.len() as u64, self.limits.scalar)?;
        self.fits(Limit::Decoded, (self.arena.len() + text.len()) as u64, MAX_OFFSET)?;
        let start = self.arena.len() as u64;
        self.arena.push_str(text);
        let index = self.decoded.len() as u64;
        self.decoded.push(Decoded::new(start, token.end - token.start, style));
        Ok(Word::new(Kind::Decoded, token.start, index))
    }
}

fn bytes(span: &Span) -> Range<u64> {
    let at = |mark: granit_parser::Marker| mark.byte_offset().unwrap_or_default() as u64;
    at(span.start)..at(span.end).max(at(span.start))
}
