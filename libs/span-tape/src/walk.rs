//! The structure of a tape: its documents in order, and the children of a node.

use crate::{
    Tape,
    node::{Node, NodeKind, Part},
    source::Source,
    word::{Kind, Layout},
};

/// An iterator over the documents of a tape, in order.
#[derive(Debug)]
pub struct Documents<'t, S, W> {
    tape: &'t Tape<S, W>,
    at: usize,
}

/// A document of a tape.
#[derive(Debug)]
pub struct Document<'t, S, W> {
    tape: &'t Tape<S, W>,
    at: usize,
}

impl<S, W: Layout> Tape<S, W> {
    /// Returns the documents, in order.
    pub fn documents(&self) -> Documents<'_, S, W> {
        Documents { tape: self, at: 0 }
    }

    /// Returns the index after the node at `at` and its descendants.
    #[inline]
    pub(crate) fn end(&self, at: usize) -> usize {
        let word = self.word(at);
        at + 1 + if word.kind().has_children() { word.value() as usize } else { 0 }
    }

    /// Returns the node whose properties start at `at`, or the node at `at` if it has none.
    #[inline]
    pub(crate) fn node(&self, mut at: usize) -> Node<'_, S, W> {
        while self.word(at).kind().is_property() {
            at += 1;
        }
        Node { tape: self, at: at as u32, part: Part::Whole }
    }
}

impl<'t, S, W: Layout> Iterator for Documents<'t, S, W> {
    type Item = Document<'t, S, W>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        if at >= self.tape.nodes.len() {
            return None;
        }
        self.at = self.tape.end(at);
        Some(Document { tape: self.tape, at })
    }
}

impl<'t, S, W: Layout> Document<'t, S, W> {
    /// Returns the root node, or `None` if the document is empty.
    #[must_use]
    pub fn root(&self) -> Option<Node<'t, S, W>> {
        (self.tape.end(self.at) > self.at + 1).then(|| self.tape.node(self.at + 1))
    }

    /// Returns whether the document starts with `---`.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.tape.word(self.at).kind() == Kind::MarkedDocument
    }
}

/// An iterator over the children of a node.
#[derive(Debug)]
pub struct Children<'t, S, W> {
    pub(crate) tape: &'t Tape<S, W>,
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// If the node is an empty pair, which is at `at`, the part that came last.
    pub(crate) pair: Option<Part>,
}

impl<S, W> Clone for Children<'_, S, W> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<'t, S, W: Layout> Iterator for Children<'t, S, W> {
    type Item = Node<'t, S, W>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        if let Some(last) = self.pair {
            let part = if last == Part::Whole { Part::Key } else { Part::Value };
            (self.pair, self.at) = (Some(part), if part == Part::Value { self.end } else { self.at });
            return Some(Node { tape: self.tape, at: self.end as u32 - 1, part });
        }
        let node = self.tape.node(self.at);
        self.at = self.tape.end(node.at as usize);
        Some(node)
    }
}

/// An iterator over the pairs of a mapping, as they are written.
#[derive(Debug)]
pub struct Pairs<'t, S, W>(pub(crate) Children<'t, S, W>);

impl<S, W> Clone for Pairs<'_, S, W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'t, S, W: Layout> Iterator for Pairs<'t, S, W> {
    type Item = (Node<'t, S, W>, Node<'t, S, W>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

impl<'t, S: Source, W: Layout> Node<'t, S, W> {
    /// Returns the children: the items of a sequence, or the keys and values of a mapping, alternating. Of an alias,
    /// those of its target.
    #[must_use]
    pub fn children(&self) -> Children<'t, S, W> {
        let node = self.resolve();
        let at = node.at as usize;
        let pair = (node.word().kind() == Kind::EmptyPair).then_some(Part::Whole);
        let end = if node.part == Part::Whole { node.tape.end(at) } else { at + 1 };
        Children { tape: node.tape, at: at + usize::from(pair.is_none()), end, pair }
    }

    /// Returns the item of a sequence at `index`, from 0.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Self> {
        let is_sequence = self.resolve().kind() == NodeKind::Sequence;
        is_sequence.then(|| self.children().nth(index)).flatten()
    }

    /// Returns the pairs of a mapping as they are written: a merge key is one of them, see [`Node::entries`]. Any other
    /// node has none.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'t, S, W> {
        let mut children = self.children();
        if self.resolve().kind() != NodeKind::Mapping {
            children.at = children.end;
        }
        Pairs(children)
    }
}
