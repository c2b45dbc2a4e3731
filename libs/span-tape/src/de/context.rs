//! What all deserializers of one call share: the limits, and what the data may borrow from.

use std::cell::Cell;

use crate::{Layout, Tape};

/// The maximum depth of collections and newtypes, which bounds the stack. It is that of `serde_yaml` and `serde_json`.
pub const DEPTH: u32 = 128;

/// The maximum number of nodes that aliases stand for, as a multiple of the nodes of the tape.
pub const REPEATED: u64 = 100;

/// What all deserializers of one call share.
pub(super) struct Context<L> {
    pub(super) lender: L,
    /// The number of nodes that aliases may still stand for, and its initial value.
    pub(super) left: Cell<u64>,
    pub(super) most: u64,
}

impl<L> Context<L> {
    pub(super) fn new<S, W: Layout>(tape: &Tape<S, W>, lender: L) -> Self {
        let most = REPEATED * tape.nodes() as u64;
        Self { lender, left: Cell::new(most), most }
    }
}

/// Extends the lifetime of a text from that of the tape to that of the data, if it lives so long.
pub(super) trait Lender<'t, 'de> {
    fn lend(&self, text: &'t str) -> Option<&'de str>;
}

/// The data borrows from the tape.
pub(super) struct FromTape;

impl<'t> Lender<'t, 't> for FromTape {
    fn lend(&self, text: &'t str) -> Option<&'t str> {
        Some(text)
    }
}

/// The data borrows from the text that the tape refers to, and outlives the tape.
pub(super) struct FromText<'de>(pub(super) &'de str);

impl<'t, 'de> Lender<'t, 'de> for FromText<'de> {
    fn lend(&self, text: &'t str) -> Option<&'de str> {
        // A text of the arena is not in the range.
        let start = (text.as_ptr() as usize).checked_sub(self.0.as_ptr() as usize)?;
        self.0.get(start..start.checked_add(text.len())?)
    }
}

/// The data owns all texts.
pub(super) struct Owned;

impl<'t, 'de> Lender<'t, 'de> for Owned {
    fn lend(&self, _: &'t str) -> Option<&'de str> {
        None
    }
}
