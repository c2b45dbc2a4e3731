//! Collections in brackets (YAML 1.2.2, chapter 7.4), without recursion.

use super::{
    Scanned, Scanner,
    chars::{is_blank_or_end, is_flow},
    property::Properties,
};
use crate::{
    input::Input,
    word::{Kind, Layout, Word},
};

/// What comes next in a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// An item of a sequence, or its end.
    Item,
    /// A key of a mapping, or its end.
    Key,
    /// A key after `?`, which may be omitted.
    ExplicitKey,
    /// The colon of a key. After a key in quotes or brackets, no white space needs to follow.
    Colon { adjacent: bool },
    /// A value, which may be omitted.
    Value { adjacent: bool },
    /// A comma or the end.
    Comma,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Sequence,
    Mapping,
    /// A mapping of one pair without braces in a sequence.
    Pair,
}

/// An open collection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    shape: Shape,
    next: Next,
    start: u64,
    /// The start of the current item, its line and its first word.
    item: u64,
    line: u64,
    word: usize,
}

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    pub(super) fn in_flow(&self) -> bool {
        !self.spare.is_empty()
    }

    /// Scans the collection at `at`, whose lines have at least `least` spaces.
    pub(super) fn flow(&mut self, least: i64) -> Scanned {
        self.open_flow()?;
        while let Some(level) = self.spare.last().copied() {
            let spaced = self.flow_space(least)?;
            if self.ended() {
                return self.fault_at(
                    level.start,
                    match level.shape {
                        Shape::Mapping => "this `{` is not closed",
                        _ => "this `[` is not closed",
                    },
                );
            }
            self.step(level, spaced, least)?;
        }
        self.fresh = false;
        Ok(())
    }

    fn open_flow(&mut self) -> Scanned {
        let start = self.offset(self.at);
        let mapping = self.here() == b'{';
        let (kind, shape, next) = match mapping {
            true => (Kind::FlowMapping, Shape::Mapping, Next::Key),
            false => (Kind::FlowSequence, Shape::Sequence, Next::Item),
        };
        self.builder.open(kind, start).map_err(self.refused(start))?;
        self.spare.push(Level { shape, next, start, item: start, line: self.line, word: 0 });
        self.at += 1;
        Ok(())
    }

    fn step(&mut self, level: Level, spaced: bool, least: i64) -> Scanned {
        let byte = self.here();
        let is_end = matches!(byte, b',' | b']' | b'}');
        match level.next {
            Next::Comma => self.comma(level),
            Next::Item | Next::Key if byte == b',' => self.fault("expected a node before this comma"),
            Next::Item | Next::Key if matches!(byte, b']' | b'}') => self.close_flow(level),
            Next::Item => {
                let word = self.builder.len();
                self.set(|top| (top.item, top.line, top.word) = (0, 0, word));
                let (item, line) = (self.offset(self.at), self.line);
                self.set(|top| (top.item, top.line) = (item, line));
                if self.indicator(b'?') {
                    self.pair(word, item, Next::ExplicitKey)?;
                    self.at += 1;
                    return Ok(());
                }
                if self.is_colon(false) {
                    self.pair(word, item, Next::Colon { adjacent: false })?;
                    return self.empty();
                }
                self.flow_node(least)
            }
            Next::Key if self.indicator(b'?') => {
                self.at += 1;
                self.set(|top| top.next = Next::ExplicitKey);
                Ok(())
            }
            Next::Key | Next::ExplicitKey => {
                if is_end || self.is_colon(false) {
                    self.set(|top| top.next = Next::Colon { adjacent: false });
                    return self.empty();
                }
                self.flow_node(least)
            }
            Next::Colon { adjacent } => {
                if self.is_colon(adjacent) {
                    self.at += 1;
                    self.set(|top| top.next = Next::Value { adjacent });
                    return Ok(());
                }
                if is_end {
                    self.set(|top| top.next = Next::Comma);
                    return self.empty();
                }
                self.fault("expected `:`, `,` or the end of the collection")
            }
            Next::Value { adjacent } => {
                if is_end {
                    self.set(|top| top.next = Next::Comma);
                    return self.empty();
                }
                if !spaced && !adjacent {
                    return self.fault("expected white space after `:`");
                }
                self.flow_node(least)
            }
        }
    }

    fn set(&mut self, change: impl FnOnce(&mut Level)) {
        if let Some(top) = self.spare.last_mut() {
            change(top);
        }
    }

    fn empty(&mut self) -> Scanned {
        self.builder.empty(self.offset(self.at)).map_err(self.refused(self.offset(self.at)))
    }

    /// Returns whether a colon is at `at` that ends a key: one that a plain scalar would not contain.
    fn is_colon(&self, adjacent: bool) -> bool {
        let next = self.byte(self.at + 1);
        self.here() == b':' && (adjacent || is_blank_or_end(next) || is_flow(next))
    }

    fn comma(&mut self, level: Level) -> Scanned {
        let byte = self.here();
        if level.shape == Shape::Pair {
            if !matches!(byte, b',' | b']') {
                return self.fault("expected `,` or `]`");
            }
            self.spare.pop();
            self.builder.close_pair();
            self.set(|top| top.next = Next::Comma);
            return Ok(());
        }
        if byte == b',' {
            self.at += 1;
            self.set(|top| top.next = if top.shape == Shape::Mapping { Next::Key } else { Next::Item });
            return Ok(());
        }
        self.close_flow(level)
    }

    fn close_flow(&mut self, level: Level) -> Scanned {
        let (end, message) = match level.shape {
            Shape::Mapping => (b'}', "expected `,` or `}`"),
            _ => (b']', "expected `,` or `]`"),
        };
        if self.here() != end {
            return self.fault(message);
        }
        self.at += 1;
        self.spare.pop();
        self.builder.close();
        self.complete(true)
    }

    /// Opens a mapping of one pair before the word of its key.
    fn pair(&mut self, word: usize, start: u64, next: Next) -> Scanned {
        self.builder.insert(word, Kind::FlowMapping, start).map_err(self.refused(start))?;
        self.spare.push(Level { shape: Shape::Pair, next, start, item: start, line: self.line, word });
        Ok(())
    }

    /// Proceeds after a complete node. `adjacent` if it is in quotes or brackets.
    fn complete(&mut self, adjacent: bool) -> Scanned {
        let Some(level) = self.spare.last().copied() else { return Ok(()) };
        match level.next {
            Next::Item => {
                self.set(|top| top.next = Next::Comma);
                if self.line == level.line {
                    self.blanks();
                    if self.is_colon(adjacent) {
                        self.check_key(level.item)?;
                        self.pair(level.word, level.item, Next::Colon { adjacent })?;
                    }
                }
            }
            Next::Key | Next::ExplicitKey => self.set(|top| top.next = Next::Colon { adjacent }),
            _ => self.set(|top| top.next = Next::Comma),
        }
        Ok(())
    }

    /// Scans a node, or opens the collection that it is.
    fn flow_node(&mut self, least: i64) -> Scanned {
        let mut own = Properties::default();
        while matches!(self.here(), b'&' | b'!') {
            self.property(&mut own)?;
            self.flow_space(least)?;
        }
        let start = self.offset(self.at);
        let (word, adjacent) = match self.here() {
            b'[' | b'{' => {
                self.push_properties(&own)?;
                return self.open_flow();
            }
            b'*' if !own.is_empty() => return self.fault("an alias has no properties"),
            b'*' => (self.alias()?, false),
            quote @ (b'"' | b'\'') => (self.quoted(quote, least)?, true),
            b',' | b']' | b'}' => (Word::new(Kind::Verbatim, start, 0), false),
            b':' if self.is_colon(false) && !own.is_empty() => (Word::new(Kind::Verbatim, start, 0), false),
            _ => {
                let end = self.plain_line(true)?;
                (self.plain_rest(start, end, least, true)?, false)
            }
        };
        self.push_properties(&own)?;
        self.builder.push(word).map_err(self.refused(word.offset()))?;
        self.complete(adjacent)
    }

    /// Skips white space, comments and line breaks, and returns whether there were any.
    fn flow_space(&mut self, least: i64) -> Scanned<bool> {
        let start = self.offset(self.at);
        loop {
            self.blanks();
            if self.here() == b'#' && self.follows_blank() {
                self.comment()?;
            }
            if !matches!(self.here(), b'\n' | b'\r') {
                break;
            }
            self.next_line(None)?;
            self.indentation();
            if !matches!(self.here(), b'\n' | b'\r' | b'#') && !self.ended() {
                self.check_line(least)?;
            }
        }
        Ok(self.offset(self.at) > start)
    }

    /// Checks the indentation of a line that continues a node.
    pub(super) fn check_line(&self, least: i64) -> Scanned {
        if self.column < least {
            return self.fault(match self.tabbed {
                true => "a tab indents this line; indentation consists of spaces",
                false => "this line continues a node, so it must be indented by more than the node's parent",
            });
        }
        if self.offset(self.at) == self.line && self.at_marker() {
            return self.fault("a document may not end within a collection or a quoted scalar");
        }
        Ok(())
    }
}
