//! Common representations of a document. They use the same parser, so only storage differs between them.

mod arena;
mod build;
mod bump;
mod tree;
mod typed;

pub use arena::{Arena, LinkedTree};
pub use bump::BumpTree;
pub use tree::{Events, Text, TextTree};
pub use typed::{Reader, Typed};
