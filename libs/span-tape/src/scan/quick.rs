//! A short path for the lines that most files consist of: `key: value`, `key:` and `- value`, where keys and values are
//! plain or in quotes, on one line, and without properties, comments, tabs and carriage returns.
//!
//! What the path does not know, it leaves to the other modules at the start of the line, or after the indicator before
//! the node. So it decides nothing: every line that it takes has the same words without it, which a test checks.

use super::{Scanned, Scanner, block::Place, chars::is_blank_or_end, chars::is_unprintable, content::KEY, find};
use crate::{
    input::Input,
    word::{Layout, Word},
};

/// What became of a node.
enum Step {
    /// It is complete, and `at` is at the first character of a later line.
    Complete,
    /// It is a mapping whose first key was read. This is the place of the value.
    Inside(Place),
    /// It is another kind of node. Nothing was read.
    Other,
}

/// A scalar on one line.
struct Token {
    word: Word,
    is_plain: bool,
    /// The position of the colon after it if it is a key, otherwise that of the line break.
    end: usize,
    is_key: bool,
}

/// The start of a line that is neither empty nor a comment.
#[derive(Clone, Copy)]
struct Start {
    /// The positions of the line and of its first character that is no space.
    line: usize,
    at: usize,
}

impl Start {
    fn column(self) -> i64 {
        (self.at - self.line) as i64
    }
}

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans lines from the one whose first character is at `at`. Returns the place of a node of another kind, or `None`
    /// if the line is of another kind.
    pub(super) fn quick(&mut self) -> Scanned<Option<Place>> {
        while let Some(mut place) = self.entry()? {
            loop {
                match self.step_into(&place)? {
                    Step::Complete => break,
                    Step::Inside(value) => place = value,
                    Step::Other => return Ok(Some(place)),
                }
            }
        }
        Ok(None)
    }

    /// Closes the collections that end before the line at `at`. If the line has an entry of the innermost, reads the dash
    /// or key and returns the place of the node after it.
    fn entry(&mut self) -> Scanned<Option<Place>> {
        // The window never starts after the line. Its last limit is no position, so it is not added to the start.
        let is_in_memory = self.line - self.input.base() < self.input.limit() as u64;
        if !self.fresh || self.tabbed || self.ended() || !is_in_memory {
            return Ok(None);
        }
        let column = self.column;
        let is_dash = self.indicator(b'-');
        if is_dash && self.byte(self.at + 1) != b' ' {
            return Ok(None);
        }
        while let [before @ .., open] = &self.open[..] {
            if open.awaits_value || column > open.indent {
                return Ok(None);
            }
            // A sequence may have its dashes at the column of the key before it.
            let is_after = !open.is_mapping && !is_dash && before.last().is_some_and(|parent| parent.indent == column);
            if column == open.indent && !is_after {
                break;
            }
            self.open.pop();
            self.builder.close();
        }
        match self.open.last() {
            Some(open) if open.is_mapping => {
                let Some(key) = self.token(self.at)?.filter(|token| token.is_key) else { return Ok(None) };
                self.push(key.word)?;
                self.at = key.end;
                Ok(Some(self.after_indicator(column, false, true)))
            }
            Some(_) if is_dash => Ok(Some(self.after_indicator(column, true, false))),
            _ => Ok(None),
        }
    }

    /// Scans the node at a place, which is `at`.
    fn step_into(&mut self, place: &Place) -> Scanned<Step> {
        let mut at = self.at;
        while self.byte(at) == b' ' {
            at += 1;
        }
        match self.byte(at) {
            b'\n' => return self.step_below(place, at),
            b'|' | b'>' => {
                self.at = at;
                self.literal(place.indent)?;
                return Ok(Step::Complete);
            }
            _ => {}
        }
        let Some(token) = self.token(at)? else { return Ok(Step::Other) };
        if token.is_key {
            let column = (self.offset(at) - self.line) as i64;
            return if place.compact { self.first_key(&token, column, at) } else { Ok(Step::Other) };
        }
        match self.next_start(token.end) {
            // A plain scalar continues there.
            Some(next) if token.is_plain && next.column() > place.indent => Ok(Step::Other),
            Some(next) => {
                self.push(token.word)?;
                self.go_to(next);
                Ok(Step::Complete)
            }
            None => Ok(Step::Other),
        }
    }

    /// Scans the node at a place that is followed by a line break.
    fn step_below(&mut self, place: &Place, end: usize) -> Scanned<Step> {
        let Some(next) = self.next_start(end) else { return Ok(Step::Other) };
        let (at, column) = (next.at, next.column());
        let is_dash = match (self.byte(at), self.byte(at + 1)) {
            (b'-', b' ') => true,
            // A dash at the end of its line, or the header of a block scalar with lenient indentation.
            (b'-', next) if is_blank_or_end(next) => return Ok(Step::Other),
            (b'|' | b'>', _) => return Ok(Step::Other),
            _ => false,
        };
        if is_dash && (column > place.indent || column == place.indent && place.dashes_at_indent) {
            self.open_block(false, column, self.offset(at))?;
            self.go_to(next);
            return Ok(Step::Complete);
        }
        if column <= place.indent {
            self.builder.empty(place.after).map_err(self.refused(place.after))?;
            self.go_to(next);
            return Ok(Step::Complete);
        }
        match self.token(at)? {
            Some(token) if token.is_key => {
                self.go_to(next);
                self.first_key(&token, column, at)
            }
            _ => Ok(Step::Other),
        }
    }

    /// Opens the mapping whose first key is at a position, and returns the place of the value.
    fn first_key(&mut self, key: &Token, column: i64, at: usize) -> Scanned<Step> {
        self.open_block(true, column, self.offset(at))?;
        self.push(key.word)?;
        self.at = key.end;
        Ok(Step::Inside(self.after_indicator(column, false, true)))
    }

    /// Returns the next line after the line break at `end`, without reading it. The line must be in memory.
    #[inline]
    fn next_start(&self, end: usize) -> Option<Start> {
        let bytes = self.input.bytes();
        let mut line = end + 1;
        while line < self.input.limit() {
            let spaces = bytes.get(line..)?.iter().take_while(|byte| **byte == b' ').count();
            let at = line + spaces;
            match *bytes.get(at)? {
                b'\n' => line = at + 1,
                b'\r' | b'\t' | b'#' => return None,
                _ => return Some(Start { line, at }),
            }
        }
        None
    }

    #[inline]
    fn go_to(&mut self, start: Start) {
        self.line = self.offset(start.line);
        self.at = start.at;
        self.column = start.column();
        self.fresh = true;
        self.tabbed = false;
    }

    /// Returns the scalar at a position, if it is one that this path knows.
    #[inline]
    fn token(&self, start: usize) -> Scanned<Option<Token>> {
        let first = self.byte(start);
        let end = match first {
            b'"' | b'\'' => self.quoted_end(start, first),
            b'-' => {
                if self.byte(start + 1).is_ascii_alphanumeric() {
                    self.plain_end(start)
                } else {
                    None
                }
            }
            // Not a document marker.
            b'.' => {
                if self.byte(start + 1) == b'.' {
                    None
                } else {
                    self.plain_end(start)
                }
            }
            _ if starts_plain(first) => self.plain_end(start),
            _ => None,
        };
        let Some(end) = end else { return Ok(None) };
        let is_key = self.byte(end) == b':';
        let mut text_end = end;
        while !is_key && self.byte(text_end - 1) == b' ' {
            text_end -= 1;
        }
        if is_key && end - start > KEY {
            return Ok(None);
        }
        let word = self.verbatim(self.offset(start), self.offset(text_end))?;
        Ok(Some(Token { word, is_plain: !matches!(first, b'"' | b'\''), end, is_key }))
    }

    /// Returns the position of the colon or line break after a plain scalar.
    #[inline]
    fn plain_end(&self, start: usize) -> Option<usize> {
        let bytes = self.input.bytes();
        let mut at = start + 1;
        loop {
            at = find::plain(bytes, at, false);
            match bytes.get(at)? {
                b'\n' => return Some(at),
                b':' if is_blank_or_end(self.byte(at + 1)) => return (bytes[at - 1] != b' ').then_some(at),
                b'#' if bytes[at - 1] == b' ' => return None,
                b':' | b'#' => {}
                0xc2 | 0xef if !is_unprintable(&bytes[at..]) => {}
                _ => return None,
            }
            at += 1;
        }
    }

    /// Returns the position of the colon or line break after a scalar in quotes whose text is verbatim.
    #[inline]
    fn quoted_end(&self, start: usize, quote: u8) -> Option<usize> {
        let bytes = self.input.bytes();
        let at = find::quoted(bytes, start + 1, quote);
        if *bytes.get(at)? != quote {
            return None;
        }
        match self.byte(at + 1) {
            b'\n' => Some(at + 1),
            b':' if is_blank_or_end(self.byte(at + 2)) => Some(at + 1),
            _ => None,
        }
    }

    #[inline]
    fn push(&mut self, word: Word) -> Scanned {
        self.builder.push(word).map_err(self.refused(word.offset()))
    }
}

/// Returns whether a plain scalar may start with a byte, whatever follows.
#[inline]
fn starts_plain(byte: u8) -> bool {
    let is_indicator = matches!(
        byte,
        b'-' | b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"'
    );
    let is_reserved = matches!(byte, b'%' | b'@' | b'`' | ..=b' ' | 0x7f | 0xc2 | 0xef);
    !is_indicator && !is_reserved
}

#[cfg(test)]
mod tests;
