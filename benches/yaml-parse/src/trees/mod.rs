//! The usual ways to hold a document, all fed by the parser that feeds the tape: only storage differs.

mod arena;
mod build;
mod bump;
mod tree;
mod typed;

pub use arena::{Arena, LinkedTree};
pub use bump::BumpTree;
pub use tree::{Events, Text, TextTree};
pub use typed::Typed;
