//! Documents, their markers and their directives (YAML 1.2.2, chapters 6.8 and 9).

use super::{
    Scanned, Scanner,
    chars::{is_blank_or_end, is_uri},
};
use crate::{input::Input, word::Layout};

const MARK: &[u8] = b"\xef\xbb\xbf";

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans the whole input.
    pub(crate) fn run(&mut self) -> Scanned {
        self.start_line(None)?;
        // Whether a document without a marker, or directives, may start here.
        let mut closed = true;
        loop {
            self.skip_mark();
            self.indentation();
            self.skip_prefix()?;
            if self.ended() {
                return Ok(());
            }
            let at_line_start = self.offset(self.at) == self.line;
            if at_line_start && self.at_marker() && self.here() == b'.' {
                self.at += 3;
                self.end_line("content after the document's end")?;
                closed = true;
                continue;
            }
            let explicit = at_line_start && self.at_marker();
            if !explicit && !closed {
                return self.fault("expected `---` or `...` between documents, or less indentation");
            }
            self.directives.clear();
            let directives = !explicit && at_line_start && self.here() == b'%';
            if directives {
                self.directives()?;
            }
            self.document(explicit || directives)?;
            closed = false;
        }
    }

    /// Skips a byte order mark at the start of a line. It does not count as a column.
    fn skip_mark(&mut self) {
        if self.offset(self.at) == self.line && self.at_byte_order_mark() {
            self.at += MARK.len();
            self.line += MARK.len() as u64;
        }
    }

    /// Returns whether a byte order mark is at `at`. At the start of a line it ends a document, as in files that were
    /// joined.
    pub(super) fn at_byte_order_mark(&self) -> bool {
        self.input.bytes()[self.at..].starts_with(MARK)
    }

    /// Skips comments, line breaks and byte order marks before a document.
    fn skip_prefix(&mut self) -> Scanned {
        loop {
            self.skip_to_content()?;
            let before = self.at;
            self.skip_mark();
            if self.at == before {
                return Ok(());
            }
            self.indentation();
        }
    }

    fn document(&mut self, marked: bool) -> Scanned {
        self.builder.start_document(marked, self.offset(self.at)).map_err(self.refused(self.offset(self.at)))?;
        self.builder.handles(self.directives.handles());
        if marked {
            self.at += 3;
            self.fresh = false;
        }
        self.open.clear();
        self.block(marked)?;
        self.builder.close();
        Ok(())
    }

    /// Skips white space and a comment up to the end of the line, and starts the next line.
    fn end_line(&mut self, message: &str) -> Scanned {
        let blank = self.blanks();
        if self.here() == b'#' && blank {
            self.comment()?;
        }
        if self.ended() {
            return Ok(());
        }
        if !matches!(self.here(), b'\n' | b'\r') {
            return self.fault(message);
        }
        self.next_line(None)
    }

    /// Scans directives up to the marker of their document.
    fn directives(&mut self) -> Scanned {
        let mut version = false;
        loop {
            let start = self.offset(self.at);
            self.at += 1;
            let name = self.word();
            let is = |scanner: &Self, text: &[u8]| &scanner.input.bytes()[name.clone()] == text;
            if name.is_empty() {
                return self.fault("a directive has no name");
            } else if is(self, b"YAML") {
                if version {
                    return self.fault_at(start, "the version is given twice");
                }
                version = true;
                self.version()?;
            } else if is(self, b"TAG") {
                self.handle()?;
            } else {
                // A reserved directive, which is ignored.
                let rest = &self.input.bytes()[self.at..];
                let line = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                let comment = rest[..line].windows(2).position(|pair| matches!(pair, b" #" | b"\t#"));
                self.at += comment.unwrap_or(line);
            }
            self.end_line("content after a directive")?;
            self.indentation();
            self.skip_to_content()?;
            let at_line_start = self.offset(self.at) == self.line;
            if at_line_start && self.at_marker() && self.here() == b'-' {
                return Ok(());
            }
            if !at_line_start || self.here() != b'%' || self.ended() {
                return self.fault("expected `---` after directives");
            }
        }
    }

    /// Skips and returns characters up to white space.
    fn word(&mut self) -> std::ops::Range<usize> {
        let start = self.at;
        while !is_blank_or_end(self.here()) {
            self.at += 1;
        }
        start..self.at
    }

    fn version(&mut self) -> Scanned {
        self.blanks();
        let start = self.offset(self.at);
        let version = self.word();
        let text = String::from_utf8_lossy(&self.input.bytes()[version]).into_owned();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.split_once('.') {
            Some((major, minor)) if is_number(major) && is_number(minor) => {
                if major == "1" {
                    Ok(())
                } else {
                    self.fault_at(start, "only YAML 1 is known")
                }
            }
            _ => self.fault_at(start, "expected a version such as 1.2"),
        }
    }

    fn handle(&mut self) -> Scanned {
        self.blanks();
        let handle = self.word();
        self.blanks();
        let prefix = self.word();
        let bytes = self.input.bytes();
        let name = &bytes[handle.clone()];
        let good = match name {
            b"!" | b"!!" => true,
            [b'!', name @ .., b'!'] => name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'),
            _ => false,
        };
        if !good {
            return self.fault_at(self.offset(handle.start), "expected a handle such as `!e!`");
        }
        let first = bytes[prefix.clone()].first().is_some_and(|byte| !super::chars::is_flow(*byte));
        if !first || !bytes[prefix.clone()].iter().all(|byte| is_uri(*byte)) {
            return self.fault_at(self.offset(prefix.start), "expected the prefix of tags");
        }
        if let Some(bad) = crate::tag::bad_escape(&bytes[prefix.clone()]) {
            return self.fault_at(self.offset(prefix.start + bad), crate::tag::BAD_ESCAPE);
        }
        let (offset, prefix) = (self.offset(handle.start), self.offset(prefix.start)..self.offset(prefix.end));
        let name = name.to_owned();
        if !self.directives.insert(&name, offset, prefix) {
            return self.fault_at(offset, "this handle is defined twice");
        }
        Ok(())
    }
}
