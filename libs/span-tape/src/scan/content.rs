//! One node in a block collection, up to its end or to the first node within it.

use super::{Fault, Scanned, Scanner, block::Place, chars::is_blank_or_end, property::Properties};
use crate::{
    error::Limit,
    input::Input,
    options::Indentation,
    word::{Kind, Layout, Word},
};

/// The number of characters within which the colon after a key must follow its start.
pub(super) const KEY: usize = 1024;

/// A node whose first line decides whether it is the first key of a mapping.
struct Candidate {
    indent: i64,
    /// Properties on lines before, which belong to the mapping if there is one.
    outer: Properties,
    /// Properties on the line of the node.
    own: Properties,
    start: u64,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A key of the innermost open mapping.
    Key,
    /// The first key of a mapping at a column, or a leaf.
    Either(i64),
    /// A leaf, because a mapping cannot start here.
    Leaf,
}

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans the node at a place. Returns the place of the first node within it, or `None` if it is complete.
    pub(super) fn node(&mut self, place: &Place) -> Scanned<Option<Place>> {
        let (mut outer, mut own) = (Properties::default(), Properties::default());
        let mut after = place.after;
        let mut role = Role::Leaf;
        loop {
            let line = self.line;
            self.skip_to_content()?;
            if self.line != line && !own.is_empty() {
                outer = self.merge(outer, own)?;
                own = Properties::default();
            }
            let dashes = self.fresh && place.dashes_at_indent && self.column == place.indent;
            let dashes = dashes && !self.tabbed && self.indicator(b'-');
            let header = self.indentation == Indentation::Lenient && self.column == place.indent;
            let header = header && matches!(self.here(), b'|' | b'>');
            if self.at_document_end() || self.fresh && self.column <= place.indent && !dashes && !header {
                let all = self.merge(outer, own)?;
                self.push_properties(&all)?;
                self.builder.empty(after).map_err(self.refused(after))?;
                return Ok(None);
            }
            let start = self.offset(self.at);
            let column = if self.fresh { self.column } else { (start - self.line) as i64 };
            if own.is_empty() {
                let allowed = !self.tabbed && (self.fresh || place.compact && outer.is_empty());
                role = if allowed { Role::Either(column) } else { Role::Leaf };
            }
            match self.here() {
                b'-' | b'?' if is_blank_or_end(self.byte(self.at + 1)) => {
                    let is_mapping = self.here() == b'?';
                    if role == Role::Leaf || !own.is_empty() {
                        return self.fault(match (self.tabbed, own.is_empty()) {
                            (true, _) => "a tab indents this block collection; indentation consists of spaces",
                            (_, true) => "a block collection may not start on this line",
                            (_, false) => "the properties of a block collection precede it on a line of their own",
                        });
                    }
                    self.push_properties(&outer)?;
                    self.open_block(is_mapping, column, start)?;
                    if let Some(open) = self.open.last_mut() {
                        open.awaits_value = is_mapping;
                    }
                    return Ok(Some(self.after_indicator(column, true, is_mapping)));
                }
                b'&' | b'!' => {
                    self.property(&mut own)?;
                    after = self.offset(self.at);
                    // The node is on this line, or its indentation is that of a later line.
                    self.fresh = false;
                }
                _ => {
                    let start = own.start().unwrap_or(start);
                    return self.candidate(Candidate { indent: place.indent, outer, own, start, role });
                }
            }
        }
    }

    /// Scans a key of the innermost mapping, and returns the place of its value.
    pub(super) fn key(&mut self, indent: i64) -> Scanned<Place> {
        let start = self.offset(self.at);
        let mut own = Properties::default();
        while matches!(self.here(), b'&' | b'!') {
            self.property(&mut own)?;
            self.blanks();
        }
        let outer = Properties::default();
        match self.candidate(Candidate { indent, outer, own, start, role: Role::Key })? {
            Some(place) => Ok(place),
            None => self.fault_at(start, "expected a key with `:` on this line"),
        }
    }

    fn candidate(&mut self, candidate: Candidate) -> Scanned<Option<Place>> {
        let Candidate { indent, start, role, .. } = candidate;
        let must = role == Role::Key;
        let token = self.offset(self.at);
        self.fresh = false;
        match self.here() {
            b':' if is_blank_or_end(self.byte(self.at + 1)) => {
                self.found_key(&candidate, Word::new(Kind::Verbatim, token, 0))
            }
            b'*' => {
                let word = self.alias()?;
                if !candidate.own.is_empty() {
                    return self.fault_at(token, "an alias has no properties");
                }
                if self.is_key() {
                    return self.found_key(&candidate, word);
                }
                if !candidate.outer.is_empty() {
                    return self.fault_at(token, "an alias has no properties");
                }
                self.leaf(candidate, word)
            }
            b'|' | b'>' if !must => {
                let all = self.merge(candidate.outer, candidate.own)?;
                self.push_properties(&all)?;
                self.literal(indent)?;
                Ok(None)
            }
            quote @ (b'"' | b'\'') => {
                let line = self.line;
                let word = self.quoted(quote, self.least(indent))?;
                if self.line == line && self.is_key() {
                    return self.found_key(&candidate, word);
                }
                self.leaf(candidate, word)
            }
            b'[' | b'{' => self.flow_candidate(candidate),
            _ => {
                let end = self.plain_line(false)?;
                if self.is_key() {
                    self.check_key(start)?;
                    let word = self.verbatim(token, end)?;
                    return self.found_key(&candidate, word);
                }
                if must {
                    return self.fault_at(start, "expected `:` after this key");
                }
                let word = self.plain_rest(token, end, indent + 1, false)?;
                self.leaf(candidate, word)
            }
        }
    }

    fn flow_candidate(&mut self, candidate: Candidate) -> Scanned<Option<Place>> {
        let line = self.line;
        if candidate.role == Role::Key {
            self.push_properties(&candidate.own)?;
            self.flow(self.least(candidate.indent))?;
            if self.line != line || !self.is_key() {
                return self.fault_at(candidate.start, "expected `:` after this key");
            }
            self.check_key(candidate.start)?;
            return Ok(Some(self.after_indicator(candidate.indent, false, true)));
        }
        self.push_properties(&candidate.outer)?;
        let first = self.builder.len();
        self.push_properties(&candidate.own)?;
        self.flow(self.least(candidate.indent))?;
        if self.line == line && self.is_key() {
            let Role::Either(column) = candidate.role else { return self.nested_key() };
            self.check_key(candidate.start)?;
            self.builder.insert(first, Kind::BlockMapping, candidate.start).map_err(self.refused(candidate.start))?;
            self.open.push(super::Open { indent: column, is_mapping: true, awaits_value: false });
            return Ok(Some(self.after_indicator(column, false, true)));
        }
        // They are properties of one node, so none may occur twice.
        self.merge(candidate.outer, candidate.own)?;
        Ok(None)
    }

    fn leaf(&mut self, candidate: Candidate, word: Word) -> Scanned<Option<Place>> {
        if candidate.role == Role::Key {
            return self.fault_at(candidate.start, "expected `:` after this key");
        }
        let all = self.merge(candidate.outer, candidate.own)?;
        self.push_properties(&all)?;
        self.builder.push(word).map_err(self.refused(word.offset()))?;
        Ok(None)
    }

    /// Pushes a key, and the mapping that it opens. `at` is at the colon.
    fn found_key(&mut self, candidate: &Candidate, word: Word) -> Scanned<Option<Place>> {
        let indent = match candidate.role {
            Role::Key => candidate.indent,
            Role::Either(column) => {
                self.push_properties(&candidate.outer)?;
                self.open_block(true, column, candidate.start)?;
                column
            }
            Role::Leaf => return self.nested_key(),
        };
        self.check_key(candidate.start)?;
        self.push_properties(&candidate.own)?;
        self.builder.push(word).map_err(self.refused(word.offset()))?;
        Ok(Some(self.after_indicator(indent, false, true)))
    }

    fn nested_key<T>(&self) -> Scanned<T> {
        self.fault(match self.tabbed {
            true => "a tab indents this mapping; indentation consists of spaces",
            false => "a mapping may not start on this line",
        })
    }

    /// Skips white space and returns whether the colon of a key follows.
    #[inline]
    fn is_key(&mut self) -> bool {
        let before = self.at;
        self.blanks();
        let found = self.indicator(b':');
        if !found {
            self.at = before;
        }
        found
    }

    /// Checks the size of a key that ends at `at`.
    pub(super) fn check_key(&self, start: u64) -> Scanned {
        let size = (self.offset(self.at) - start) as usize;
        if size <= KEY {
            return Ok(());
        }
        let text = &self.input.bytes()[self.at - size..self.at];
        let characters = text.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count();
        if characters <= KEY {
            return Ok(());
        }
        self.fault_at(start, "a key without `?` has at most 1,024 characters")
    }

    /// Returns the word of a scalar whose text is its token.
    pub(super) fn verbatim(&self, start: u64, end: u64) -> Scanned<Word> {
        self.sized(start, end).map(|size| Word::new(Kind::Verbatim, start, size))
    }

    /// Returns the size of a token, if it is within the limit.
    pub(super) fn sized(&self, start: u64, end: u64) -> Scanned<u64> {
        let most = self.builder.limits.scalar;
        if end - start > most { Err(Fault::Limit(start, Limit::Scalar, most)) } else { Ok(end - start) }
    }
}
