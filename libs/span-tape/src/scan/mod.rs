//! The scanner: reads YAML 1.2.2 and writes the words of a tape, line by line, in one pass.
//!
//! There are no tokens or events. A node is scanned and its words are pushed at once; only the first line of a scalar
//! is scanned before it is decided whether the node is a key, because a mapping's word precedes that of its first key.
//! The input always contains the rest of the current line, so nothing but offsets crosses a line break.
//!
//! | module | content |
//! |---|---|
//! | `stream` | documents, markers and directives |
//! | `block` | block collections, decided by indentation |
//! | `content` | one node in a block collection: a leaf, or the first key of a mapping |
//! | `quick` | the same for the lines that most files consist of |
//! | `flow` | collections in brackets |
//! | `scalar`, `literal` | scalars |
//! | `property` | tags, anchors and aliases |
//! | `chars`, `find` | classes of characters, and the search for the next one that matters |

mod block;
mod chars;
mod content;
mod find;
mod flow;
mod literal;
mod property;
mod quick;
mod scalar;
mod stream;

use crate::{
    build::Builder,
    error::{Error, Limit},
    input::Input,
    options::Indentation,
    word::Layout,
};
use chars::{is_blank_or_end, is_unprintable};
use property::Directives;

/// Why scanning stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The input is not YAML, at an offset.
    Syntax(u64, String),
    /// A limit is exceeded, at an offset.
    Limit(u64, Limit, u64),
    /// The input cannot be read.
    Input(Box<Error>),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Input(Box::new(error))
    }
}

type Scanned<T = ()> = Result<T, Fault>;

/// An open block collection.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The column of its entries.
    indent: i64,
    is_mapping: bool,
    /// In a mapping, whether the last node was an explicit key, whose value has not been read.
    awaits_value: bool,
}

/// The scanner's state.
pub(crate) struct Scanner<'b, I, W> {
    input: I,
    indentation: Indentation,
    builder: &'b mut Builder<W>,
    /// The current position within `input.bytes()`.
    at: usize,
    /// The start of the current line, as an offset in the input.
    line: u64,
    /// Whether `at` is the first character of its line that is not white space.
    fresh: bool,
    /// The column of `at` if `fresh`: the number of spaces before it or before the first tab.
    column: i64,
    /// Whether there is a tab between the start of the line, or the last indicator, and `at`.
    tabbed: bool,
    open: Vec<Open>,
    directives: Directives,
    spare: Vec<flow::Level>,
}

impl<'b, I: Input, W: Layout> Scanner<'b, I, W> {
    pub(crate) fn new(input: I, builder: &'b mut Builder<W>, indentation: Indentation) -> Self {
        Self {
            input,
            indentation,
            builder,
            at: 0,
            line: 0,
            fresh: true,
            column: 0,
            tabbed: false,
            open: Vec::new(),
            directives: Directives::default(),
            spare: Vec::new(),
        }
    }

    /// Returns the byte at a position, or NUL at the end of the input, which contains none.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.input.bytes().get(at).copied().unwrap_or(0)
    }

    #[inline]
    fn here(&self) -> u8 {
        self.byte(self.at)
    }

    /// Returns the offset of a position.
    #[inline]
    fn offset(&self, at: usize) -> u64 {
        self.input.base() + at as u64
    }

    #[inline]
    fn ended(&self) -> bool {
        self.at >= self.input.bytes().len()
    }

    fn fault<T>(&self, message: &str) -> Scanned<T> {
        self.fault_at(self.offset(self.at), message)
    }

    fn fault_at<T>(&self, offset: u64, message: &str) -> Scanned<T> {
        Err(Fault::Syntax(offset, message.to_owned()))
    }

    fn refused(&self, offset: u64) -> impl Fn((Limit, u64)) -> Fault + use<I, W> {
        move |(limit, most)| Fault::Limit(offset, limit, most)
    }

    /// Starts the line at `at`. The input may discard everything before it that is not `kept`.
    #[inline]
    fn start_line(&mut self, kept: Option<u64>) -> Scanned {
        if self.at >= self.input.limit() {
            let kept = kept.map_or(self.at, |kept| (kept - self.input.base()) as usize);
            let discarded = self.input.refill(kept, self.at)?;
            self.at -= discarded;
        }
        self.line = self.offset(self.at);
        Ok(())
    }

    /// Skips the line break at `at` and starts the next line.
    #[inline]
    fn next_line(&mut self, kept: Option<u64>) -> Scanned {
        let carriage = self.here() == b'\r' && self.byte(self.at + 1) == b'\n';
        self.at += if carriage { 2 } else { 1 };
        self.start_line(kept)
    }

    /// Skips spaces and returns their number.
    #[inline]
    fn spaces(&mut self) -> i64 {
        let start = self.at;
        while self.here() == b' ' {
            self.at += 1;
        }
        (self.at - start) as i64
    }

    /// Skips spaces and tabs and returns whether there was any.
    #[inline]
    fn blanks(&mut self) -> bool {
        let start = self.at;
        while matches!(self.here(), b' ' | b'\t') {
            self.at += 1;
        }
        self.at > start
    }

    /// Reads the indentation of the line that starts at `at`: up to its first character that is not white space.
    #[inline]
    fn indentation(&mut self) {
        self.column = self.spaces();
        self.tabbed = self.here() == b'\t';
        self.fresh = true;
        self.blanks();
    }

    /// Skips white space, comments and line breaks up to the next content or the end.
    fn skip_to_content(&mut self) -> Scanned {
        loop {
            while matches!(self.here(), b' ' | b'\t') {
                self.tabbed |= self.here() == b'\t';
                self.at += 1;
            }
            if self.here() == b'#' && self.follows_blank() {
                self.comment()?;
            }
            if !matches!(self.here(), b'\n' | b'\r') {
                return Ok(());
            }
            self.next_line(None)?;
            self.indentation();
        }
    }

    /// Returns whether `at` is at the start of its line or follows white space, where `#` starts a comment.
    fn follows_blank(&self) -> bool {
        self.offset(self.at) == self.line || matches!(self.byte(self.at - 1), b' ' | b'\t')
    }

    /// Skips a comment up to the line break.
    fn comment(&mut self) -> Scanned {
        self.printable()
    }

    /// Skips characters up to the line break, all of which must be allowed.
    #[inline]
    fn printable(&mut self) -> Scanned {
        loop {
            self.at = find::suspect(self.input.bytes(), self.at);
            match self.input.bytes().get(self.at..) {
                None | Some([] | [b'\n' | b'\r', ..]) => return Ok(()),
                Some(rest) if is_unprintable(rest) => return self.fault(chars::UNPRINTABLE),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Returns the least number of spaces before a line in brackets or quotes, below entries at a column.
    fn least(&self, parent: i64) -> i64 {
        if self.indentation == Indentation::Lenient { 0 } else { parent + 1 }
    }

    /// Returns whether a document marker starts at `at`, which must be the start of a line.
    fn at_marker(&self) -> bool {
        let bytes = self.input.bytes();
        let marker = bytes.get(self.at..self.at + 3);
        matches!(marker, Some(b"---" | b"...")) && is_blank_or_end(self.byte(self.at + 3))
    }

    /// Returns whether the document ends at `at`.
    fn at_document_end(&self) -> bool {
        let at_start = self.fresh && self.offset(self.at) == self.line;
        self.ended() || at_start && (self.at_marker() || self.at_byte_order_mark())
    }

    /// Returns whether an indicator and white space or the end of the line are at `at`.
    #[inline]
    fn indicator(&self, indicator: u8) -> bool {
        self.here() == indicator && is_blank_or_end(self.byte(self.at + 1))
    }
}
