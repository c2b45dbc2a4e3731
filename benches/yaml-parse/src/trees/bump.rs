//! A borrowed tree in a bump arena, which contains nodes and decoded texts and is freed as a whole.

use std::{borrow::Cow, hint::black_box};

use bumpalo::Bump;
use highwater_worker::CaseResult;

use super::build::{self, Store};
use crate::subject::{Document, Loaded, Subject, While};

/// A borrowed tree in a bump arena.
#[derive(Clone, Copy, Debug)]
pub struct BumpTree;

#[derive(Clone, Copy)]
enum Node<'a> {
    Scalar(&'a str),
    Collection(&'a [Node<'a>]),
    Alias,
}

struct InBump<'a>(&'a Bump);

impl<'a> Store<'a> for InBump<'a> {
    type Node = Node<'a>;

    fn scalar(&mut self, text: Cow<'a, str>) -> Node<'a> {
        Node::Scalar(match text {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => self.0.alloc_str(&text),
        })
    }

    fn collection(&mut self, _: bool, nodes: Vec<Node<'a>>) -> Node<'a> {
        Node::Collection(self.0.alloc_slice_copy(&nodes))
    }

    fn alias(&mut self, _: usize) -> Node<'a> {
        Node::Alias
    }
}

struct Roots<'a>(Vec<Node<'a>>, &'a Bump);

impl Document for Roots<'_> {
    fn walk(&self) -> CaseResult<u64> {
        fn scalars(node: &Node<'_>) -> u64 {
            match node {
                Node::Scalar(text) => {
                    black_box(text);
                    1
                }
                Node::Collection(nodes) => nodes.iter().map(scalars).sum(),
                Node::Alias => 0,
            }
        }
        Ok(self.0.iter().map(scalars).sum())
    }

    fn parts(&self) -> Vec<(&'static str, u64)> {
        let reserved = self.1.allocated_bytes_including_metadata() as u64;
        let free = self.1.chunk_capacity() as u64;
        vec![("tree_bytes", reserved - free), ("slack_bytes", free)]
    }
}

impl Subject for BumpTree {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        let bump = Bump::new();
        let roots = build::roots(input.text()?, &mut InBump(&bump))?;
        then(&Roots(roots, &bump))
    }
}
