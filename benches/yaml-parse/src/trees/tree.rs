//! Trees of vectors with different types of text, and a subject that keeps no tree at all.

use std::{borrow::Cow, collections::HashSet, hint::black_box, rc::Rc};

use granit_parser::Event;
use highwater_worker::CaseResult;

use super::build::{self, Store};
use crate::subject::{Document, Loaded, Subject, While};

/// Keeps nothing, which measures the cost of the parser.
#[derive(Clone, Copy, Debug)]
pub struct Events;

impl Subject for Events {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        let mut scalars = 0;
        build::events(input.text()?, |event| {
            scalars += u64::from(matches!(event, Event::Scalar(..)));
            black_box(event);
        })?;
        drop(input);
        then(&Counted(scalars))
    }
}

struct Counted(u64);

impl Document for Counted {
    fn walk(&self) -> CaseResult<u64> {
        Ok(self.0)
    }
}

/// The type of a tree's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A `String`. The input can be dropped.
    Owned,
    /// A slice of the input if the text occurs there unchanged, otherwise a `String`.
    Borrowed,
    /// A reference-counted text, shared between equal texts.
    Interned,
    /// A reference-counted text per scalar, for comparison with `Interned`.
    Counted,
}

/// A tree of vectors.
#[derive(Clone, Copy, Debug)]
pub struct TextTree(pub Text);

enum Tree<T> {
    Scalar(T),
    Collection(Vec<Tree<T>>),
    Alias(#[allow(dead_code)] usize),
}

impl<T: AsRef<str>> Tree<T> {
    fn scalars(&self) -> u64 {
        match self {
            Self::Scalar(text) => {
                black_box(text.as_ref());
                1
            }
            Self::Collection(nodes) => nodes.iter().map(Self::scalars).sum(),
            Self::Alias(_) => 0,
        }
    }
}

impl<T: AsRef<str>> Document for Vec<Tree<T>> {
    fn walk(&self) -> CaseResult<u64> {
        Ok(self.iter().map(Tree::scalars).sum())
    }

    fn documents(&self) -> Option<u64> {
        Some(self.len() as u64)
    }
}

/// Builds trees whose texts are created by a function.
struct Trees<F>(F);

impl<'i, T, F: FnMut(Cow<'i, str>) -> T> Store<'i> for Trees<F> {
    type Node = Tree<T>;

    fn scalar(&mut self, text: Cow<'i, str>) -> Tree<T> {
        Tree::Scalar((self.0)(text))
    }

    fn collection(&mut self, _: bool, nodes: Vec<Tree<T>>) -> Tree<T> {
        Tree::Collection(nodes)
    }

    fn alias(&mut self, anchor: usize) -> Tree<T> {
        Tree::Alias(anchor)
    }
}

impl Subject for TextTree {
    fn parse(&self, input: Loaded, then: &mut While<'_>) -> CaseResult {
        match self.0 {
            Text::Owned => {
                let tree = build::roots(input.text()?, &mut Trees(Cow::into_owned))?;
                drop(input);
                then(&tree)
            }
            Text::Borrowed => {
                let tree = build::roots(input.text()?, &mut Trees(|text| text))?;
                then(&tree)
            }
            Text::Interned => {
                let mut known: HashSet<Rc<str>> = HashSet::new();
                let tree = build::roots(
                    input.text()?,
                    &mut Trees(|text: Cow<'_, str>| {
                        if let Some(found) = known.get(&*text) {
                            return Rc::clone(found);
                        }
                        let new: Rc<str> = text.into();
                        known.insert(Rc::clone(&new));
                        new
                    }),
                )?;
                drop(input);
                drop(known);
                then(&tree)
            }
            Text::Counted => {
                let tree = build::roots(input.text()?, &mut Trees(|text: Cow<'_, str>| Rc::<str>::from(text)))?;
                drop(input);
                then(&tree)
            }
        }
    }
}
