//! Block collections: which node comes next is decided by the indentation of its line (YAML 1.2.2, chapter 8.2).

use super::{Open, Scanned, Scanner};
use crate::{input::Input, word::Kind, word::Layout};

/// Where a node is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The column of the entries of its parent, or -1. The node's lines are indented by more.
    pub(super) indent: i64,
    /// Whether a block collection may start on the line of the indicator before it.
    pub(super) compact: bool,
    /// Whether it may be a sequence whose dashes are at `indent`.
    pub(super) dashes_at_indent: bool,
    /// The offset after the indicator, which is the position of an omitted node.
    pub(super) after: u64,
}

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans the root of a document and all below it.
    pub(super) fn block(&mut self, marked: bool) -> Scanned {
        let after = self.offset(self.at);
        let mut place = Place { indent: -1, compact: false, dashes_at_indent: false, after };
        if marked {
            self.tabbed = false;
        }
        loop {
            place = match self.node(&place)? {
                Some(child) => child,
                None => match self.next_place()? {
                    Some(next) => next,
                    None => return Ok(()),
                },
            };
        }
    }

    /// Opens a block collection whose entries are at a column.
    pub(super) fn open_block(&mut self, is_mapping: bool, indent: i64, offset: u64) -> Scanned {
        let kind = if is_mapping { Kind::BlockMapping } else { Kind::BlockSequence };
        self.builder.open(kind, offset).map_err(self.refused(offset))?;
        self.open.push(Open { indent, is_mapping, awaits_value: false });
        Ok(())
    }

    /// Skips an indicator and returns the place of the node after it.
    pub(super) fn after_indicator(&mut self, indent: i64, compact: bool, dashes_at_indent: bool) -> Place {
        self.at += 1;
        self.fresh = false;
        self.tabbed = false;
        Place { indent, compact, dashes_at_indent, after: self.offset(self.at) }
    }

    /// Finds the place of the node after a complete one, or returns `None` at the end of the document.
    fn next_place(&mut self) -> Scanned<Option<Place>> {
        if !self.fresh {
            let end = self.at;
            self.tabbed = false;
            self.skip_to_content()?;
            if !self.fresh && !self.ended() {
                return self.trailing(end);
            }
        }
        if let Some(place) = self.quick()? {
            return Ok(Some(place));
        }
        while let Some(&Open { indent, is_mapping, awaits_value }) = self.open.last() {
            if self.at_document_end() || self.column < indent {
                self.close_block()?;
                continue;
            }
            if self.column > indent {
                return self.fault("this line is indented by more than the entries before it");
            }
            if self.tabbed {
                return self.fault("a tab indents this line; indentation consists of spaces");
            }
            if !is_mapping {
                if self.indicator(b'-') {
                    return Ok(Some(self.after_indicator(indent, true, false)));
                }
                let parent = self.open.iter().rev().nth(1);
                if parent.is_none_or(|parent| parent.indent != indent) {
                    return self.fault("expected `-` as at the entries before, or less indentation");
                }
                self.close_block()?;
                continue;
            }
            if let Some(open) = self.open.last_mut() {
                open.awaits_value = false;
            }
            if awaits_value {
                if self.indicator(b':') {
                    return Ok(Some(self.after_indicator(indent, true, true)));
                }
                self.builder.empty(self.offset(self.at)).map_err(self.refused(self.offset(self.at)))?;
            }
            if self.indicator(b'?') {
                if let Some(open) = self.open.last_mut() {
                    open.awaits_value = true;
                }
                return Ok(Some(self.after_indicator(indent, true, true)));
            }
            return self.key(indent).map(Some);
        }
        Ok(None)
    }

    fn close_block(&mut self) -> Scanned {
        if self.open.pop().is_some_and(|open| open.awaits_value) {
            self.builder.empty(self.offset(self.at)).map_err(self.refused(self.offset(self.at)))?;
        }
        self.builder.close();
        Ok(())
    }

    /// Returns the error of content after a complete node on its line.
    fn trailing<T>(&self, end: usize) -> Scanned<T> {
        let blank = self.at > end;
        self.fault(match self.here() {
            b'#' if !blank => "a comment needs white space before `#`",
            b':' => "a key may neither span lines nor follow another key on its line",
            b'%' | b'@' | b'`' | b',' | b']' | b'}' => "unexpected character after a node",
            _ => "unexpected content after a node on its line",
        })
    }
}
