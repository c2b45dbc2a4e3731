//! Builds the words of a tape.

use std::{collections::HashMap, ops::Range};

use crate::{
    error::Limit,
    limits::Limits,
    style::Style,
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

const STYLES: [Style; 5] = [Style::Plain, Style::SingleQuoted, Style::DoubleQuoted, Style::Literal, Style::Folded];

impl Decoded {
    fn new(start: u64, token: u64, style: Style) -> Self {
        let style = STYLES.iter().position(|known| *known == style).unwrap_or_default();
        Self { start: start as u32, token: token as u32 | (style as u32) << 28 }
    }

    pub(crate) fn token(self) -> u64 {
        (self.token & ((1 << 28) - 1)).into()
    }

    pub(crate) fn style(self) -> Style {
        STYLES[(self.token >> 28) as usize]
    }
}

/// A handle of tags that a directive defines: its range and that of its prefix in the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    /// The word of its document.
    pub(crate) document: u32,
    name: (u32, u32),
    prefix: (u32, u32),
}

impl Handle {
    pub(crate) fn new(offset: u64, size: u64, prefix: &Range<u64>) -> Self {
        let prefix = (prefix.start as u32, prefix.end as u32);
        Self { document: 0, name: (offset as u32, (offset + size) as u32), prefix }
    }

    /// The handle as numbers, and back.
    pub(crate) fn numbers(self) -> [u32; 5] {
        [self.document, self.name.0, self.name.1, self.prefix.0, self.prefix.1]
    }

    pub(crate) fn from_numbers(numbers: [u32; 5]) -> Self {
        let [document, name, name_end, prefix, prefix_end] = numbers;
        Self { document, name: (name, name_end), prefix: (prefix, prefix_end) }
    }

    pub(crate) fn name(self) -> Range<u64> {
        self.name.0.into()..self.name.1.into()
    }

    pub(crate) fn prefix(self) -> Range<u64> {
        self.prefix.0.into()..self.prefix.1.into()
    }
}

/// A limit that was exceeded, and its maximum.
pub(crate) type Refusal = (Limit, u64);

/// A tape under construction.
#[derive(Debug)]
pub(crate) struct Builder<W> {
    pub(crate) limits: Limits,
    pub(crate) decoding: Decoding,
    pub(crate) nodes: Vec<W>,
    pub(crate) arena: String,
    pub(crate) decoded: Vec<Decoded>,
    pub(crate) handles: Vec<Handle>,
    /// Indices of the open collections and documents.
    open: Vec<u32>,
    /// The words of the current document's anchors, in order.
    anchors: Vec<u32>,
    /// The last anchor of each name, as an index into `anchors`.
    names: HashMap<Box<[u8]>, u32>,
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
            handles: Vec::new(),
            open: Vec::new(),
            anchors: Vec::new(),
            names: HashMap::new(),
        }
    }

    /// Returns the number of words.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Opens a document, in which no anchor is defined.
    pub(crate) fn start_document(&mut self, marked: bool, start: u64) -> Result<(), Refusal> {
        self.anchors.clear();
        self.names.clear();
        self.open(if marked { Kind::MarkedDocument } else { Kind::Document }, start)
    }

    /// Adds the handles of the document that was just opened, in the order of their names.
    pub(crate) fn handles(&mut self, handles: impl Iterator<Item = Handle>) {
        let document = self.nodes.len() as u32 - 1;
        self.handles.extend(handles.map(|handle| Handle { document, ..handle }));
    }

    #[inline]
    pub(crate) fn push(&mut self, word: Word) -> Result<(), Refusal> {
        if self.nodes.len() as u64 >= self.limits.nodes {
            return Err((Limit::Nodes, self.limits.nodes));
        }
        self.nodes.push(word.into());
        Ok(())
    }

    /// Pushes an omitted scalar.
    #[inline]
    pub(crate) fn empty(&mut self, offset: u64) -> Result<(), Refusal> {
        self.push(Word::new(Kind::Verbatim, offset, 0))
    }

    fn check_depth(&self) -> Result<(), Refusal> {
        let most = self.limits.depth as u64;
        if self.open.len() as u64 > most { Err((Limit::Depth, most)) } else { Ok(()) }
    }

    /// Opens a collection or document.
    pub(crate) fn open(&mut self, kind: Kind, start: u64) -> Result<(), Refusal> {
        self.check_depth()?;
        self.open.push(self.nodes.len() as u32);
        self.push(Word::new(kind, start, 0))
    }

    /// Opens a collection before the word at `at`, which is its first key. What the key contains moves by one word.
    pub(crate) fn insert(&mut self, at: usize, kind: Kind, start: u64) -> Result<(), Refusal> {
        self.check_depth()?;
        self.push(Word::new(kind, start, 0))?;
        self.nodes[at..].rotate_right(1);
        for word in &mut self.nodes[at + 1..] {
            let moved: Word = (*word).into();
            if moved.kind() == Kind::Alias && moved.value() >= at as u64 {
                *word = moved.with_value(moved.value() + 1).into();
            }
        }
        for anchor in self.anchors.iter_mut().rev().take_while(|anchor| **anchor >= at as u32) {
            *anchor += 1;
        }
        self.open.push(at as u32);
        Ok(())
    }

    /// Closes the innermost collection or document.
    #[inline]
    pub(crate) fn close(&mut self) {
        if let Some(opened) = self.open.pop() {
            let below = self.nodes.len() - opened as usize - 1;
            let word: Word = self.nodes[opened as usize].into();
            self.nodes[opened as usize] = word.with_value(below as u64).into();
        }
    }

    /// Closes a pair in a sequence. One that consists of a colon alone takes one word instead of three, so that two
    /// bytes of input never take more than two words.
    pub(crate) fn close_pair(&mut self) {
        self.close();
        let Some([pair, key, value]) = self.nodes.last_chunk().map(|words| words.map(Into::<Word>::into)) else {
            return;
        };
        let is_empty = |word: Word| word.kind() == Kind::Verbatim && word.value() == 0;
        if pair.kind() == Kind::FlowMapping && pair.value() == 2 && is_empty(key) && is_empty(value) {
            self.nodes.truncate(self.nodes.len() - 2);
            if let Some(last) = self.nodes.last_mut() {
                *last = Word::new(Kind::EmptyPair, pair.offset(), value.offset() - pair.offset()).into();
            }
        }
    }

    /// Pushes an anchor whose name starts at an offset.
    pub(crate) fn anchor(&mut self, name: &[u8], offset: u64) -> Result<(), Refusal> {
        let word = self.nodes.len() as u32;
        self.push(Word::new(Kind::Anchor, offset, name.len() as u64))?;
        let index = self.anchors.len() as u32;
        self.anchors.push(word);
        match self.names.get_mut(name) {
            Some(last) => *last = index,
            None => {
                self.names.insert(name.into(), index);
            }
        }
        Ok(())
    }

    /// Returns the word of the last anchor with a name.
    pub(crate) fn target(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).map(|index| self.anchors[*index as usize])
    }

    /// Decodes a text into the arena, and returns its word.
    pub(crate) fn decoded(
        &mut self,
        style: Style,
        token: u64,
        size: u64,
        decode: impl FnOnce(&mut String),
    ) -> Result<Word, Refusal> {
        let start = self.arena.len() as u64;
        decode(&mut self.arena);
        if self.arena.len() as u64 > MAX_OFFSET {
            return Err((Limit::Decoded, MAX_OFFSET));
        }
        let index = self.decoded.len() as u64;
        self.decoded.push(Decoded::new(start, size, style));
        Ok(Word::new(Kind::Decoded, token, index))
    }
}
