//! Resolves tags (YAML 1.2.2, chapter 6.9.1): a handle and a suffix to a prefix and a suffix, when asked for.

use std::borrow::Cow;

use crate::{Tape, build::Handle, error::Error, schema::CORE, source::Source, word::Layout};

impl<S: Source, W: Layout> Tape<S, W> {
    /// Resolves the tag of the node at `at`.
    pub(crate) fn resolve_tag<'t>(&'t self, at: usize, tag: Cow<'t, str>) -> Result<Cow<'t, str>, Error> {
        if let Some(verbatim) = tag.strip_prefix("!<") {
            return Ok(unescaped(verbatim.trim_end_matches('>')).into_owned().into());
        }
        let suffix = tag[1..].rfind('!').map_or(1, |at| at + 2);
        if tag.len() == 1 {
            return Ok(tag);
        }
        let (name, suffix) = tag.split_at(suffix);
        let prefix = match self.handle(at, name)? {
            Some(handle) => self.source.text(handle.prefix())?,
            None if name == "!!" => Cow::Borrowed(CORE),
            None => Cow::Borrowed(name),
        };
        Ok(Cow::Owned([unescaped(&prefix), unescaped(suffix)].concat()))
    }

    /// Returns the handle with a name in the document of the node at `at`.
    fn handle(&self, at: usize, name: &str) -> Result<Option<Handle>, Error> {
        let after = self.handles.partition_point(|handle| handle.document as usize <= at);
        let Some(document) = self.handles[..after].last().map(|handle| handle.document) else { return Ok(None) };
        if self.end(document as usize) <= at {
            return Ok(None);
        }
        let first = self.handles.partition_point(|handle| handle.document < document);
        let (mut low, mut high) = (first, after);
        while low < high {
            let middle = low.midpoint(high);
            match (*self.source.text(self.handles[middle].name())?).cmp(name) {
                std::cmp::Ordering::Equal => return Ok(Some(self.handles[middle])),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(*digits.first()?)? << 4 | digit(*digits.get(1)?)?) as u8)
}

/// Replaces percent escapes by their characters.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (bytes, mut plain, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let escaped = if bytes[at] == b'%' { hex(&bytes[at + 1..]) } else { None };
        plain.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8(plain).unwrap_or_else(|_| text.to_owned()))
}

/// The fault of an invalid escape in a tag or in the prefix of tags.
pub(crate) const BAD_ESCAPE: &str = "expected two hexadecimal digits that encode UTF-8 after `%`";

/// Returns the position of the first invalid escape of a tag.
pub(crate) fn bad_escape(tag: &[u8]) -> Option<usize> {
    let first = tag.iter().position(|byte| *byte == b'%')?;
    let bad = (first..tag.len()).find(|at| tag[*at] == b'%' && hex(&tag[at + 1..]).is_none());
    let text = std::str::from_utf8(tag).unwrap_or_default();
    let escapes = tag.iter().filter(|byte| **byte == b'%').count();
    // A sequence of escapes that is not UTF-8 stays as it is.
    let whole = unescaped(text).len() + 2 * escapes == tag.len();
    bad.or((!whole).then_some(first))
}
