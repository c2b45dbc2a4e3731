//! Feeds the parser from a file through a sliding window, so that the whole file is never in memory.
//!
//! ```text
//!  file     ..........[released        at          end).............
//!  segment            |  for the builder  |  for the parser |
//! ```
//!
//! A segment always contains the end of the parser's current line, or extends to the end of the file. Bulk reads of the
//! parser end with a line, so they are forwarded to its input for texts. A line or scalar that is longer than the
//! window makes it grow, up to the limit for scalars.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    rc::Rc,
};

use granit_parser::{
    BorrowedInput, ErrorKind, Input, StrInput,
    input::{SkipTabs, WhitespaceResult},
};

use crate::{
    error::{Error, Limit},
    source::{self, Source, Windowed},
};

/// Size of the longest UTF-8 character in bytes.
const LONGEST_CHARACTER: usize = 4;

/// A part of the file as text.
#[derive(Debug, Default)]
struct Segment {
    start: u64,
    text: String,
}

/// The state that the parser's input and the builder share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    file: &'a Windowed,
    longest: u64,
    window: usize,
    segment: RefCell<Rc<Segment>>,
    released: Cell<u64>,
    error: RefCell<Option<Error>>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(file: &'a Windowed, longest: u64, window: usize) -> Rc<Self> {
        let segment = RefCell::default();
        Rc::new(Self { file, longest, window, segment, released: Cell::new(0), error: RefCell::default() })
    }

    /// Calls `look` with the text of a range, which must not be released.
    pub(crate) fn look<R>(&self, range: Range<u64>, look: impl FnOnce(&str) -> R) -> R {
        let segment = self.segment.borrow();
        let at = |offset: u64| (offset - segment.start) as usize;
        look(&segment.text[at(range.start)..at(range.end)])
    }

    /// Releases the input before `offset`.
    pub(crate) fn release(&self, offset: u64) {
        self.released.set(offset);
    }

    /// Takes the error that ended the input before the end of the file.
    pub(crate) fn error(&self) -> Option<Error> {
        self.error.borrow_mut().take()
    }

    /// Reads the segment that continues `old`, without the text that is both before `at` and released.
    fn next(&self, old: &Segment, at: usize) -> Result<Segment, Error> {
        let kept = at.min(self.released.get().saturating_sub(old.start) as usize);
        let carried = &old.text[kept..];
        let start = old.start + kept as u64;
        let from = start + carried.len() as u64;
        if carried.len() as u64 > self.longest + self.window as u64 {
            let position = self.file.position(start)?;
            return Err(Error::TooLarge { position, limit: Limit::Scalar, most: self.longest });
        }
        // Two segments are in memory during the transition, so each takes half of the window.
        let room = (self.window / 2).max(carried.len() * 2).max(carried.len() + LONGEST_CHARACTER);
        let mut bytes = Vec::with_capacity(room);
        bytes.extend_from_slice(carried.as_bytes());
        let end = self.file.size().min(from + (room - carried.len()) as u64);
        self.file.read(from..end, &mut bytes)?;
        let fresh = &bytes[carried.len()..];
        if memchr::memchr(0, fresh).is_some() {
            return Err(self.bad(fresh, from)?);
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let cut = error.utf8_error();
                let good = cut.valid_up_to();
                let mut bytes = error.into_bytes();
                // A character that continues after the segment is read again with the next one.
                if cut.error_len().is_some() || end == self.file.size() {
                    return Err(self.bad(&bytes, start)?);
                }
                bytes.truncate(good);
                String::from_utf8(bytes).unwrap_or_default()
            }
        };
        Ok(Segment { start, text })
    }

    /// Returns the error in bytes that start at `offset`.
    fn bad(&self, bytes: &[u8], offset: u64) -> Result<Error, Error> {
        let before = self.file.position(offset)?;
        Ok(source::check(bytes, before).expect_err("the bytes are invalid"))
    }
}

/// The input of the parser.
pub(crate) struct WindowInput<'a> {
    shared: Rc<Shared<'a>>,
    segment: Rc<Segment>,
    at: usize,
    /// The end of the last whole line in the segment.
    whole_lines: usize,
    lookahead: usize,
    ended: bool,
}

impl<'a> WindowInput<'a> {
    pub(crate) fn new(shared: Rc<Shared<'a>>) -> Self {
        let mut input = Self { shared, segment: Rc::default(), at: 0, whole_lines: 0, lookahead: 0, ended: false };
        input.slide();
        input
    }

    fn slide(&mut self) {
        match self.shared.next(&self.segment, self.at) {
            Ok(segment) => {
                self.at = (self.segment.start + self.at as u64 - segment.start) as usize;
                self.ended = segment.start + segment.text.len() as u64 == self.shared.file.size();
                self.whole_lines = match self.ended {
                    true => segment.text.len(),
                    false => memchr::memrchr2(b'\n', b'\r', segment.text.as_bytes()).map_or(0, |at| at + 1),
                };
                self.segment = Rc::new(segment);
                *self.shared.segment.borrow_mut() = Rc::clone(&self.segment);
            }
            Err(error) => {
                *self.shared.error.borrow_mut() = Some(error);
                self.ended = true;
            }
        }
    }

    /// Ensures that the segment contains the end of the current line.
    #[inline]
    fn line(&mut self) {
        while self.at >= self.whole_lines && !self.ended {
            self.slide();
        }
    }

    #[inline]
    fn rest(&self) -> StrInput<'_> {
        StrInput::new(&self.segment.text[self.at..])
    }

    /// Calls `work` with the parser's input for texts, positioned at the current line.
    #[inline]
    fn in_line<R>(&mut self, work: impl FnOnce(&mut StrInput<'_>) -> R) -> R {
        self.line();
        self.here(work)
    }

    #[inline]
    fn here<R>(&mut self, work: impl FnOnce(&mut StrInput<'_>) -> R) -> R {
        let mut rest = self.rest();
        let result = work(&mut rest);
        let consumed = rest.byte_offset().unwrap_or_default();
        self.at += consumed;
        result
    }
}

impl Input for WindowInput<'_> {
    #[inline]
    fn lookahead(&mut self, count: usize) {
        self.lookahead = self.lookahead.max(count);
        while self.at + LONGEST_CHARACTER * count > self.segment.text.len() && !self.ended {
            self.slide();
        }
    }

    #[inline]
    fn buflen(&self) -> usize {
        self.lookahead
    }

    #[inline]
    fn bufmaxlen(&self) -> usize {
        self.rest().bufmaxlen()
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        self.lookahead(1);
        self.here(|rest| rest.raw_read_ch())
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        self.lookahead(1);
        self.here(|rest| rest.raw_read_non_breakz_ch())
    }

    #[inline]
    fn skip(&mut self) {
        self.here(|rest| rest.skip());
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        self.here(|rest| rest.skip_n(count));
    }

    #[inline]
    fn peek(&self) -> char {
        self.rest().peek()
    }

    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        self.rest().peek_nth(n)
    }

    #[inline]
    fn byte_offset(&self) -> Option<usize> {
        Some(self.segment.start as usize + self.at)
    }

    #[inline]
    fn slice_bytes(&self, start: usize, end: usize) -> Option<&str> {
        // The current token is not released, so the segment contains all of it.
        let at = |offset: usize| offset.checked_sub(self.segment.start as usize);
        self.segment.text.get(at(start)?..at(end)?)
    }

    fn take_source_error(&mut self) -> Option<ErrorKind> {
        // The error is reported by the caller of the parser. Here the parser only has to stop.
        let failed = self.ended && self.shared.error.borrow().is_some() && self.rest().next_is_z();
        failed.then(|| ErrorKind::InputDecoding { message: String::new() })
    }

    fn skip_ws_to_eol(&mut self, tabs: SkipTabs) -> (usize, Result<WhitespaceResult, ErrorKind>) {
        self.in_line(|rest| rest.skip_ws_to_eol(tabs))
    }

    fn skip_ws_to_eol_blanks(&mut self, tabs: SkipTabs) -> (usize, WhitespaceResult) {
        self.in_line(|rest| rest.skip_ws_to_eol_blanks(tabs))
    }

    fn skip_while_non_breakz(&mut self) -> usize {
        self.in_line(|rest| rest.skip_while_non_breakz())
    }

    fn skip_while_blank(&mut self) -> usize {
        self.in_line(|rest| rest.skip_while_blank())
    }

    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        self.in_line(|rest| rest.fetch_while_is_alpha(out))
    }

    fn fetch_while_is_yaml_non_space(&mut self, out: &mut String) -> usize {
        self.in_line(|rest| rest.fetch_while_is_yaml_non_space(out))
    }

    fn fetch_block_scalar_line(&mut self, out: &mut String) -> usize {
        self.in_line(|rest| rest.fetch_block_scalar_line(out))
    }

    fn take_quoted_scalar_ascii_chunk(&mut self, single: bool) -> &str {
        let length = self.in_line(|rest| rest.take_quoted_scalar_ascii_chunk(single).len());
        &self.segment.text[self.at - length..self.at]
    }

    fn take_quoted_scalar_chunk(&mut self, single: bool) -> (&str, usize) {
        let (length, characters) = self.in_line(|rest| {
            let (chunk, characters) = rest.take_quoted_scalar_chunk(single);
            (chunk.len(), characters)
        });
        (&self.segment.text[self.at - length..self.at], characters)
    }

    fn fetch_plain_scalar_chunk(&mut self, out: &mut String, count: usize, in_flow: bool) -> (bool, usize) {
        self.in_line(|rest| rest.fetch_plain_scalar_chunk(out, count, in_flow))
    }

    fn skip_plain_scalar_chunk(&mut self, count: usize, in_flow: bool) -> (bool, usize) {
        self.in_line(|rest| rest.skip_plain_scalar_chunk(count, in_flow))
    }
}

impl BorrowedInput<'static> for WindowInput<'_> {
    fn slice_borrowed(&self, _start: usize, _end: usize) -> Option<&'static str> {
        None
    }
}
