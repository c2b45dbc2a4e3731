//! A linked tree of 32-byte nodes in arenas that grow in different ways.
//!
//! ```text
//!  malloc        one heap block per node
//!  chunks        blocks of 64 KiB, never moved
//!  mremap        one anonymous mapping, doubled when full; up to half of it is untouched
//!  mremap-trim   like mremap, trimmed to its used size at the end
//!  mremap-huge   like mremap, with huge pages if the system provides them
//!  exact         allocated once after counting the nodes, so the file is parsed twice
//! ```

use std::{borrow::Cow, hint::black_box};

use bumpalo::Bump;
use granit_parser::Event;
use highwater_worker::CaseResult;

use super::build;
use crate::{
    region::Region,
    subject::{Document, Loaded, Subject, While},
};

/// The way the memory of the nodes grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arena {
    /// One heap block per node.
    Malloc,
    /// Blocks of 64 KiB.
    Chunks,
    /// A mapping that doubles.
    Mremap,
    /// A mapping that doubles and is trimmed at the end.
    MremapTrim,
    /// A mapping of huge pages that doubles.
    MremapHuge,
    /// One allocation of the exact size, after counting the nodes.
    Exact,
}

impl Arena {
    /// All arenas.
    pub const ALL: [Self; 6] =
        [Self::Malloc, Self::Chunks, Self::Mremap, Self::MremapTrim, Self::MremapHuge, Self::Exact];

    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malloc => "malloc",
            Self::Chunks => "chunks",
            Self::Mremap => "mremap",
            Self::MremapTrim => "mremap-trim",
            Self::MremapHuge => "mremap-huge",
            Self::Exact => "exact",
        }
    }
}

/// A linked tree in an arena.
#[derive(Clone, Copy, Debug)]
pub struct LinkedTree(pub Arena);

/// A node: its text and the end of its subtree.
#[derive(Clone, Copy, Debug)]
struct Node<'a> {
    text: &'a str,
    /// The index after the last descendant.
    end: u32,
    is_scalar: bool,
    _style: [u8; 11],
}

const NODE: usize = size_of::<Node<'_>>();
const CHUNK: usize = (64 << 10) / NODE;

enum Nodes<'a> {
    #[expect(clippy::vec_box, reason = "one allocation per node is what this case measures")]
    Malloc(Vec<Box<Node<'a>>>),
    Chunks(Vec<Vec<Node<'a>>>),
    Region(Region<Node<'a>>),
    Exact(Vec<Node<'a>>),
}

impl<'a> Nodes<'a> {
    fn len(&self) -> usize {
        match self {
            Self::Malloc(nodes) => nodes.len(),
            Self::Chunks(chunks) => chunks.last().map_or(0, |last| (chunks.len() - 1) * CHUNK + last.len()),
            Self::Region(region) => region.len(),
            Self::Exact(nodes) => nodes.len(),
        }
    }

    fn push(&mut self, node: Node<'a>) -> CaseResult {
        match self {
            Self::Malloc(nodes) => nodes.push(Box::new(node)),
            Self::Chunks(chunks) => {
                if chunks.last().is_none_or(|last| last.len() == CHUNK) {
                    chunks.push(Vec::with_capacity(CHUNK));
                }
                if let Some(last) = chunks.last_mut() {
                    last.push(node);
                }
            }
            Self::Region(region) => region.push(node)?,
            Self::Exact(nodes) => nodes.push(node),
        }
        Ok(())
    }

    fn at(&self, index: usize) -> &Node<'a> {
        match self {
            Self::Malloc(nodes) => &nodes[index],
            Self::Chunks(chunks) => &chunks[index / CHUNK][index % CHUNK],
            Self::Region(region) => &region[index],
            Self::Exact(nodes) => &nodes[index],
        }
    }

    fn close(&mut self, index: usize) {
        let end = self.len() as u32;
        match self {
            Self::Malloc(nodes) => nodes[index].end = end,
            Self::Chunks(chunks) => chunks[index / CHUNK][index % CHUNK].end = end,
            Self::Region(region) => region[index].end = end,
            Self::Exact(nodes) => nodes[index].end = end,
        }
    }

    /// Returns the bytes reserved beyond the nodes.
    fn slack(&self) -> usize {
        let capacity = match self {
            Self::Malloc(nodes) => return nodes.capacity() * size_of::<usize>(),
            Self::Chunks(chunks) => chunks.len() * CHUNK,
            Self::Region(region) => region.capacity(),
            Self::Exact(nodes) => nodes.capacity(),
        };
        (capacity - self.len()) * NODE
    }
}

impl Document for Nodes<'_> {
    fn walk(&self) -> CaseResult<u64> {
        let scalars = (0..self.len()).filter(|index| {
            let node = self.at(*index);
            black_box(node.text);
            node.is_scalar
        });
        Ok(scalars.count() as u64)
    }

    fn parts(&self) -> Vec<(&'static str, u64)> {
        vec![("tree_bytes", (self.len() * NODE) as u64), ("slack_bytes", self.slack() as u64)]
    }
}

impl Subject for LinkedTree {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        let text = input.text()?;
        let texts = Bump::new();
        let mut nodes = match self.0 {
            Arena::Malloc => Nodes::Malloc(Vec::new()),
            Arena::Chunks => Nodes::Chunks(Vec::new()),
            Arena::Mremap | Arena::MremapTrim => Nodes::Region(Region::new(false)?),
            Arena::MremapHuge => Nodes::Region(Region::new(true)?),
            Arena::Exact => {
                let mut count = 0;
                build::events(text, |event| count += usize::from(event.is_node()))?;
                Nodes::Exact(Vec::with_capacity(count))
            }
        };
        let mut open = Vec::new();
        let mut failed = Ok(());
        build::events(text, |event| {
            let (text, is_scalar) = match event {
                Event::Scalar(Cow::Borrowed(text), ..) => (text, true),
                Event::Scalar(Cow::Owned(text), ..) => (&*texts.alloc_str(&text), true),
                Event::Alias(_) => ("", false),
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    open.push(nodes.len());
                    ("", false)
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(opened) = open.pop() {
                        nodes.close(opened);
                    }
                    return;
                }
                _ => return,
            };
            let end = nodes.len() as u32 + 1;
            if let Err(error) = nodes.push(Node { text, end, is_scalar, _style: [0; 11] }) {
                failed = Err(error);
            }
        })?;
        failed?;
        if let (Arena::MremapTrim, Nodes::Region(region)) = (self.0, &mut nodes) {
            region.trim()?;
        }
        then(&nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_thirty_two_bytes() {
        assert_eq!(NODE, 32);
    }
}
