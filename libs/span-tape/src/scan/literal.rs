//! Block scalars (YAML 1.2.2, chapter 8.1).

use super::{Scanned, Scanner};
use crate::{
    build::Decoding,
    decode,
    input::Input,
    options::Indentation,
    style::Style,
    word::{Kind, Layout, Word},
};

/// What happens to the line breaks at the end of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

/// The lines of a block scalar.
struct Lines {
    /// The indentation that is not part of the text.
    indent: i64,
    /// Whether the indentation is not that of the first line with text.
    stated: bool,
    /// Whether the input ends without the line break that ends the text.
    open: bool,
    start: u64,
    end: u64,
}

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans a block scalar whose parent's entries are at a column.
    pub(super) fn literal(&mut self, parent: i64) -> Scanned {
        let start = self.offset(self.at);
        let folded = self.here() == b'>';
        let kept = (self.builder.decoding == Decoding::Eager).then_some(start);
        let (indent, chomping) = self.literal_header()?;
        // As in all parsers known to us, the indicator at the root counts from column 0.
        let indent = indent.map(|indent| parent.max(0) + indent);
        let lines = self.lines(parent + 1, indent, chomping, kept)?;
        let size = self.sized(lines.start, lines.end)?;
        let indent = lines.stated.then_some(lines.indent as usize);
        let (kind, style) = if folded { (Kind::Folded, Style::Folded) } else { (Kind::Literal, Style::Literal) };
        let word = if self.builder.decoding == Decoding::Lazy {
            if lines.stated || lines.open {
                let word = Word::new(Kind::Indent, start, decode::Lines { indent, open: lines.open }.packed());
                self.builder.push(word).map_err(self.refused(start))?;
            }
            Word::new(kind, lines.start, size)
        } else {
            let base = self.input.base();
            let text = &self.input.bytes()[(lines.start - base) as usize..(lines.end - base) as usize];
            let text = std::str::from_utf8(text).unwrap_or_default();
            let form = decode::Lines { indent, open: lines.open };
            let decode = |arena: &mut String| decode::block(text, form, folded, arena);
            self.builder.decoded(style, lines.start, size, decode).map_err(self.refused(start))?
        };
        self.builder.push(word).map_err(self.refused(start))?;
        // A comment after the lines has fewer spaces than they, and any line may follow it. Without a comment, a line
        // of white space with a tab is no empty line of the text, and only the document's end may follow.
        self.indentation();
        let (line, is_end) = (self.line, self.tabbed && matches!(self.here(), b'\n' | b'\r' | b'#'));
        self.skip_to_content()?;
        if is_end && !self.at_document_end() {
            return self.fault_at(line, "a tab indents this line after a block scalar");
        }
        Ok(())
    }

    /// Scans the header up to the line break.
    fn literal_header(&mut self) -> Scanned<(Option<i64>, Chomping)> {
        self.at += 1;
        let (mut indent, mut chomping) = (None, None);
        loop {
            match self.here() {
                b'-' if chomping.is_none() => chomping = Some(Chomping::Strip),
                b'+' if chomping.is_none() => chomping = Some(Chomping::Keep),
                digit @ b'1'..=b'9' if indent.is_none() => indent = Some(i64::from(digit - b'0')),
                _ => break,
            }
            self.at += 1;
        }
        let blank = self.blanks();
        if self.here() == b'#' && blank {
            self.comment()?;
        }
        if !matches!(self.here(), b'\n' | b'\r') && !self.ended() {
            return self.fault("the header of a block scalar has an indentation of 1 to 9, and `+` or `-`");
        }
        Ok((indent, chomping.unwrap_or(Chomping::Clip)))
    }

    /// Scans the lines after the header, and leaves `at` at the start of the line after them.
    fn lines(&mut self, least: i64, indent: Option<i64>, chomping: Chomping, kept: Option<u64>) -> Scanned<Lines> {
        if !self.ended() {
            self.next_line(kept)?;
        }
        let start = self.offset(self.at);
        let mut indent_found = indent;
        let mut first = None;
        // The ends of the last line with text: without its break, and with it.
        let (mut text, mut clipped, mut all) = (start, start, start);
        let mut deepest = 0;
        // Whether the input ends with the text and without a line break.
        let (mut text_open, mut all_open) = (false, false);
        while !self.ended() && !self.at_marker() && !self.at_byte_order_mark() {
            let line = self.at;
            let spaces = self.spaces();
            let is_end = matches!(self.here(), b'\n' | b'\r') || self.ended();
            if is_end && spaces <= indent_found.unwrap_or(i64::MAX) {
                deepest = deepest.max(spaces);
                if !self.ended() {
                    self.next_line(kept)?;
                    all = self.offset(self.at);
                } else if spaces > 0 && all == start {
                    // Spaces before the end are no line, unless they are all that the scalar consists of.
                    (all, all_open) = (self.offset(self.at), true);
                }
                continue;
            }
            let indent = match indent_found {
                Some(indent) => indent,
                None if spaces >= least => {
                    if deepest > spaces && self.indentation == Indentation::Lenient {
                        // The empty lines decide, so this line is not part of the text.
                        self.at = line;
                        break;
                    }
                    if deepest > spaces {
                        return self.fault("an empty line before this one has more spaces");
                    }
                    spaces
                }
                None => i64::MAX,
            };
            if spaces < indent {
                self.at = line;
                break;
            }
            indent_found = Some(indent);
            first.get_or_insert(spaces);
            self.printable()?;
            text = self.offset(self.at);
            (text_open, all_open) = (self.ended(), self.ended());
            if !self.ended() {
                self.next_line(kept)?;
            }
            (clipped, all) = (self.offset(self.at), self.offset(self.at));
        }
        let (end, open) = match chomping {
            Chomping::Strip => (text, false),
            Chomping::Clip => (clipped, text_open),
            Chomping::Keep => (all, all_open),
        };
        let indent = indent_found.unwrap_or(0);
        Ok(Lines { indent, stated: first.is_some_and(|first| first != indent), open, start, end })
    }
}
