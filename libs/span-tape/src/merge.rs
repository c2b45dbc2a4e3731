//! Merge keys (`<<`, the language-independent type of YAML 1.1), which [`Options::merge_keys`](crate::Options) enables.
//!
//! The value of a merge key is a mapping or a sequence of mappings. Their pairs are added to the mapping, unless it has
//! the key itself, wherever the merge key is. Of several mappings the first that has a key wins, including what it
//! merges itself. A mapping is read once however often it is merged, so neither a loop nor an alias bomb grows.

use std::{borrow::Cow, collections::HashSet};

use crate::{
    error::Error,
    node::{Node, NodeKind},
    schema::CORE,
    source::Source,
    walk::Pairs,
    word::{Kind, Layout},
};

/// An iterator over the pairs of a mapping, after merging.
#[derive(Debug)]
pub struct Entries<'t, S, W>(Inner<'t, S, W>);

#[derive(Debug)]
enum Inner<'t, S, W> {
    Written(Pairs<'t, S, W>),
    Merged(std::vec::IntoIter<Pair<'t, S, W>>),
}

type Pair<'t, S, W> = (Node<'t, S, W>, Node<'t, S, W>);

impl<S, W: Layout> Entries<'_, S, W> {
    /// Returns the number of pairs that are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        match &self.0 {
            Inner::Written(pairs) => pairs.clone().count(),
            Inner::Merged(pairs) => pairs.len(),
        }
    }
}

impl<'t, S, W: Layout> Iterator for Entries<'t, S, W> {
    type Item = Pair<'t, S, W>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Written(pairs) => pairs.next(),
            Inner::Merged(pairs) => pairs.next(),
        }
    }
}

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    /// Returns the pairs of a mapping. With [`Options::merge_keys`](crate::Options), merge keys are replaced by the
    /// pairs that they add, after the pairs of the mapping itself. Any other node has none.
    ///
    /// Takes 32 bytes per pair of a mapping with a merge key, and nothing otherwise. Keys are compared as in
    /// [`Node::get`]; those that are no scalars are never equal.
    ///
    /// # Errors
    /// When the value of a merge key is neither a mapping nor a sequence of mappings ([`Error::Merge`]), or the input is
    /// a file and no longer what it was.
    pub fn entries(&self) -> Result<Entries<'t, S, W>, Error> {
        let sources = if self.tape.merge_keys { self.merged()? } else { None };
        let Some(sources) = sources else { return Ok(Entries(Inner::Written(self.pairs()))) };
        let (mut pairs, mut seen) = (Vec::new(), HashSet::<Cow<'t, str>>::new());
        for (index, source) in std::iter::once(self).chain(&sources).enumerate() {
            for (key, value) in source.pairs() {
                if key.is_merge_key()? {
                    continue;
                }
                let is_scalar = key.resolve().kind() == NodeKind::Scalar;
                let is_new = !is_scalar || seen.insert(key.text()?);
                // Keys that the mapping itself repeats stay as they are.
                if is_new || index == 0 {
                    pairs.push((key, value));
                }
            }
        }
        Ok(Entries(Inner::Merged(pairs.into_iter())))
    }

    /// Returns what [`Node::get`] returns if merging is on.
    pub(crate) fn get_merged(&self, key: &str) -> Result<Option<Self>, Error> {
        if key == "<<" {
            // It is a key like any other in quotes only.
            for (found, value) in self.entries()? {
                if found.has_text(key)? {
                    return Ok(Some(value));
                }
            }
            return Ok(None);
        }
        if let Some(value) = self.get_written(key)? {
            return Ok(Some(value));
        }
        // Of a large mapping, it is remembered that there is no merge key.
        if self.get_written("<<")?.is_none() {
            return Ok(None);
        }
        for source in self.merged()?.into_iter().flatten() {
            if let Some(value) = source.get_written(key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Returns the mappings that are merged into the mapping, directly or by each other, in order of precedence, or
    /// `None` if it has no merge key.
    fn merged(&self) -> Result<Option<Vec<Self>>, Error> {
        let mapping = self.resolve();
        let Some(mut rest) = mapping.merge_values()? else { return Ok(None) };
        let (mut sources, mut seen) = (Vec::new(), HashSet::from([mapping.at]));
        rest.reverse();
        while let Some(next) = rest.pop() {
            if seen.insert(next.at) {
                sources.push(next);
                rest.extend(next.merge_values()?.into_iter().flatten().rev());
            }
        }
        Ok(Some(sources))
    }

    /// Returns the mappings that are the values of the merge keys of a mapping, in order, or `None` if it has none.
    fn merge_values(&self) -> Result<Option<Vec<Self>>, Error> {
        let mut merged = None;
        for (key, value) in self.pairs() {
            if !key.is_merge_key()? {
                continue;
            }
            let value = value.resolve();
            let mappings: &mut Vec<Self> = merged.get_or_insert_default();
            let before = mappings.len();
            match value.kind() {
                NodeKind::Sequence => mappings.extend(value.children().map(Node::resolve)),
                _ => mappings.push(value),
            }
            if let Some(other) = mappings[before..].iter().find(|other| other.kind() != NodeKind::Mapping) {
                return Err(Error::Merge { position: other.position()? });
            }
        }
        Ok(merged)
    }

    /// Returns whether the node is the plain scalar `<<`, without a tag or with that of a merge key.
    fn is_merge_key(&self) -> Result<bool, Error> {
        let node = self.resolve();
        let word = node.word();
        // In quotes, or decoded, it would have another size or kind.
        if word.kind() != Kind::Verbatim || word.value() != 2 || !node.has_text("<<")? {
            return Ok(false);
        }
        let tag = node.tag()?;
        Ok(tag.is_none_or(|tag| tag.strip_prefix(CORE) == Some("merge")))
    }
}
