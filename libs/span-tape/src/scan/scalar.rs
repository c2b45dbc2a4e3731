//! Plain and quoted scalars (YAML 1.2.2, chapter 7.3).

use super::{
    Scanned, Scanner,
    chars::{self, CLASSES, Class, is_blank_or_end, is_flow, is_unprintable},
    find,
};
use crate::{
    build::Decoding,
    decode,
    input::Input,
    style::Style,
    word::{Kind, Layout, Word},
};

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans the first line of a plain scalar and returns the end of its text.
    pub(super) fn plain_line(&mut self, in_flow: bool) -> Scanned<u64> {
        let (first, next) = (self.here(), self.byte(self.at + 1));
        let message = match first {
            b'-' | b'?' | b':' if is_blank_or_end(next) || in_flow && is_flow(next) => {
                "a plain scalar cannot be only `-`, `?` or `:`; use quotes"
            }
            b',' | b'[' | b']' | b'{' | b'}' => "a plain scalar cannot start with a bracket or comma; use quotes",
            b'#' => "a comment needs white space before `#`",
            b'|' | b'>' => "a block scalar cannot be a key or an item in brackets",
            b'%' | b'@' | b'`' | b'&' | b'*' | b'!' | b'"' | b'\'' => {
                "a plain scalar cannot start with this character; use quotes"
            }
            _ => return self.plain_text(in_flow, usize::from(first == b':')),
        };
        self.fault(message)
    }

    /// Scans the text of a plain scalar on its line, and returns its end.
    #[inline]
    fn plain_text(&mut self, in_flow: bool, skipped: usize) -> Scanned<u64> {
        let bytes = &self.input.bytes()[self.at..];
        let next = |at: usize| bytes.get(at + 1).copied().unwrap_or(0);
        let mut at = skipped;
        loop {
            at = find::plain(bytes, at, in_flow);
            let Some(byte) = bytes.get(at) else { break };
            match CLASSES[*byte as usize] {
                Class::Text => {}
                Class::Flow | Class::End => break,
                Class::Maybe if *byte == b':' => {
                    if is_blank_or_end(next(at)) || in_flow && is_flow(next(at)) {
                        break;
                    }
                }
                Class::Maybe => {
                    if at > 0 && matches!(bytes[at - 1], b' ' | b'\t') {
                        break;
                    }
                }
                Class::Suspect => {
                    if is_unprintable(&bytes[at..]) {
                        return self.fault_at(self.offset(self.at + at), chars::UNPRINTABLE);
                    }
                }
            }
            at += 1;
        }
        while at > 0 && matches!(bytes[at - 1], b' ' | b'\t') {
            at -= 1;
        }
        self.at += at;
        self.fresh = false;
        Ok(self.offset(self.at))
    }

    /// Scans the further lines of a plain scalar, which have at least `least` spaces.
    pub(super) fn plain_rest(&mut self, start: u64, first_end: u64, least: i64, in_flow: bool) -> Scanned<Word> {
        let mut end = first_end;
        loop {
            self.blanks();
            if !matches!(self.here(), b'\n' | b'\r') || !self.next_text_line(start, least)? {
                break;
            }
            let at_start = self.offset(self.at) == self.line;
            if self.column < least || at_start && (self.at_marker() || !in_flow && self.at_byte_order_mark()) {
                if in_flow && self.here() != b'#' {
                    self.check_line(least)?;
                }
                break;
            }
            let colon = self.indicator(b':') || in_flow && self.here() == b':' && is_flow(self.byte(self.at + 1));
            if self.here() == b'#' || colon || in_flow && is_flow(self.here()) {
                break;
            }
            end = self.plain_text(in_flow, 0)?;
        }
        // Before the input may discard the token.
        let word = match end == first_end {
            true => self.verbatim(start, end)?,
            false => self.text(Kind::Flow, Style::Plain, start, end)?,
        };
        if self.fresh && !in_flow {
            self.skip_to_content()?;
        }
        Ok(word)
    }

    /// Starts the next line that is not empty. Returns `false` at the end of the input, or at a line of white space
    /// that a scalar cannot contain.
    fn next_text_line(&mut self, start: u64, least: i64) -> Scanned<bool> {
        let kept = (self.builder.decoding == Decoding::Eager).then_some(start);
        loop {
            self.next_line(kept)?;
            self.indentation();
            if self.ended() {
                return Ok(false);
            }
            if !matches!(self.here(), b'\n' | b'\r') {
                return Ok(true);
            }
            if self.tabbed && self.column < least {
                return Ok(false);
            }
        }
    }

    /// Scans a quoted scalar, whose lines have at least `least` spaces.
    pub(super) fn quoted(&mut self, quote: u8, least: i64) -> Scanned<Word> {
        let start = self.offset(self.at);
        let mut verbatim = true;
        self.at += 1;
        loop {
            self.at = find::quoted(self.input.bytes(), self.at, quote);
            if self.ended() {
                return self.fault_at(start, "this quoted scalar is not closed");
            }
            match self.here() {
                b'\t' => self.at += 1,
                b'\n' | b'\r' => {
                    verbatim = false;
                    self.quoted_line(start, least)?;
                }
                b'\\' => {
                    verbatim = false;
                    let rest = &self.input.bytes()[self.at..];
                    let Some(size) = decode::escape_size(rest) else { return self.fault("this escape is not known") };
                    self.at += size;
                }
                byte if byte == quote => {
                    self.at += 1;
                    if quote == b'"' || self.here() != b'\'' {
                        break;
                    }
                    verbatim = false;
                    self.at += 1;
                }
                _ => return self.fault(chars::UNPRINTABLE),
            }
        }
        self.fresh = false;
        let end = self.offset(self.at);
        let style = if quote == b'"' { Style::DoubleQuoted } else { Style::SingleQuoted };
        if verbatim { self.verbatim(start, end) } else { self.text(Kind::Flow, style, start, end) }
    }

    fn quoted_line(&mut self, start: u64, least: i64) -> Scanned {
        if self.next_text_line(start, least)? {
            return self.check_line(least);
        }
        if self.ended() {
            return self.fault_at(start, "this quoted scalar is not closed");
        }
        self.fault("a tab indents this line; indentation consists of spaces")
    }

    /// Returns the word of a scalar that is not verbatim, decoded or not.
    fn text(&mut self, kind: Kind, style: Style, start: u64, end: u64) -> Scanned<Word> {
        let size = self.sized(start, end)?;
        if self.builder.decoding == Decoding::Lazy {
            return Ok(Word::new(kind, start, size));
        }
        let base = self.input.base();
        let token = &self.input.bytes()[(start - base) as usize..(end - base) as usize];
        // The input is valid UTF-8, and a token starts and ends with ASCII or whole characters.
        let token = std::str::from_utf8(token).unwrap_or_default();
        let decode = |arena: &mut String| {
            decode::flow(token, arena);
        };
        self.builder.decoded(style, start, size, decode).map_err(self.refused(start))
    }
}
