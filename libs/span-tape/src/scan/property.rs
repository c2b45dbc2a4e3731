//! Tags, anchors and aliases (YAML 1.2.2, chapters 6.9 and 7.1).

use std::{collections::BTreeMap, ops::Range};

use super::{
    Scanned, Scanner,
    chars::{is_blank_or_end, is_flow, is_unprintable, is_uri},
};
use crate::{
    build::Handle,
    error::Limit,
    input::Input,
    word::{Kind, Layout, Word},
};

/// The properties of a node: the ranges of its tag, and of the name of its anchor.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    tag: Option<Range<u64>>,
    anchor: Option<(Range<u64>, Box<[u8]>)>,
}

impl Properties {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.tag.is_none() && self.anchor.is_none()
    }

    /// Returns the offset of the first property.
    #[inline]
    pub(super) fn start(&self) -> Option<u64> {
        let tag = self.tag.as_ref().map(|tag| tag.start);
        let anchor = self.anchor.as_ref().map(|(name, _)| name.start - 1);
        [tag, anchor].into_iter().flatten().min()
    }
}

/// The handles that the directives of the next document define, by name.
#[derive(Debug, Default)]
pub(super) struct Directives(BTreeMap<Box<[u8]>, Handle>);

impl Directives {
    /// Adds a handle. Returns `false` if it is defined.
    pub(super) fn insert(&mut self, name: &[u8], offset: u64, prefix: Range<u64>) -> bool {
        self.0.insert(name.into(), Handle::new(offset, name.len() as u64, &prefix)).is_none()
    }

    /// Returns all handles, in the order of their names.
    pub(super) fn handles(&self) -> impl Iterator<Item = Handle> {
        self.0.values().copied()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn has(&self, name: &[u8]) -> bool {
        matches!(name, b"!" | b"!!") || self.0.contains_key(name)
    }
}

impl<I: Input, W: Layout> Scanner<'_, I, W> {
    /// Scans the tag or anchor at `at`.
    pub(super) fn property(&mut self, properties: &mut Properties) -> Scanned {
        let start = self.offset(self.at);
        if self.here() == b'!' {
            let tag = self.tag()?;
            if properties.tag.replace(tag).is_some() {
                return self.fault_at(start, "a node has at most one tag");
            }
        } else {
            let name = self.name()?;
            let text = self.input.bytes()[name.clone()].into();
            let range = self.offset(name.start)..self.offset(name.end);
            if properties.anchor.replace((range, text)).is_some() {
                return self.fault_at(start, "a node has at most one anchor");
            }
        }
        if is_blank_or_end(self.here()) || self.in_flow() && matches!(self.here(), b',' | b']' | b'}') {
            Ok(())
        } else {
            self.fault("expected white space after a property")
        }
    }

    /// Skips `&` or `*` and returns the positions of the name after it.
    fn name(&mut self) -> Scanned<Range<usize>> {
        self.at += 1;
        let start = self.at;
        while !is_blank_or_end(self.here()) && !is_flow(self.here()) {
            if is_unprintable(&self.input.bytes()[self.at..]) {
                return self.fault(super::chars::UNPRINTABLE);
            }
            self.at += 1;
        }
        if start == self.at {
            return self.fault("expected the name of an anchor");
        }
        Ok(start..self.at)
    }

    fn tag(&mut self) -> Scanned<Range<u64>> {
        let start = self.at;
        self.at += 1;
        if self.here() == b'<' {
            self.at += 1;
            while is_uri(self.here()) {
                self.at += 1;
            }
            if self.here() != b'>' || self.at == start + 2 {
                return self.fault("expected a tag and `>` after `!<`");
            }
            self.at += 1;
        } else {
            let mut handle = start + 1;
            while is_uri(self.here()) && !is_flow(self.here()) {
                self.at += 1;
                if self.byte(self.at - 1) == b'!' {
                    handle = self.at;
                }
            }
            let name = self.input.bytes()[start..handle].to_owned();
            if handle > start + 1 && handle == self.at {
                return self.fault("expected the rest of the tag");
            }
            if name[1..].iter().rev().skip(1).any(|byte| *byte == b'!') || !self.directives.has(&name) {
                return self.fault_at(self.offset(start), "no directive defines the handle of this tag");
            }
        }
        self.escapes(start)?;
        self.sized(self.offset(start), self.offset(self.at))?;
        Ok(self.offset(start)..self.offset(self.at))
    }

    /// Checks the percent escapes of a tag.
    fn escapes(&self, start: usize) -> Scanned {
        let tag = &self.input.bytes()[start..self.at];
        let Some(bad) = crate::tag::bad_escape(tag) else { return Ok(()) };
        self.fault_at(self.offset(start + bad), crate::tag::BAD_ESCAPE)
    }

    /// Scans an alias and returns its word.
    pub(super) fn alias(&mut self) -> Scanned<Word> {
        let start = self.offset(self.at);
        let name = self.name()?;
        match self.builder.target(&self.input.bytes()[name]) {
            Some(target) => Ok(Word::new(Kind::Alias, start, target.into())),
            None => self.fault_at(start, "no anchor before it has this name"),
        }
    }

    /// Joins the properties of one node.
    pub(super) fn merge(&self, outer: Properties, own: Properties) -> Scanned<Properties> {
        if outer.tag.is_some() && own.tag.is_some() || outer.anchor.is_some() && own.anchor.is_some() {
            return self.fault_at(own.start().unwrap_or_default(), "a node has at most one tag and one anchor");
        }
        Ok(Properties { tag: outer.tag.or(own.tag), anchor: outer.anchor.or(own.anchor) })
    }

    #[inline]
    pub(super) fn push_properties(&mut self, properties: &Properties) -> Scanned {
        if let Some(tag) = &properties.tag {
            let word = Word::new(Kind::Tag, tag.start, tag.end - tag.start);
            self.builder.push(word).map_err(self.refused(tag.start))?;
        }
        if let Some((range, name)) = &properties.anchor {
            let length = range.end - range.start;
            if length > self.builder.limits.scalar {
                return Err(super::Fault::Limit(range.start, Limit::Scalar, self.builder.limits.scalar));
            }
            self.builder.anchor(name, range.start).map_err(self.refused(range.start))?;
        }
        Ok(())
    }
}
