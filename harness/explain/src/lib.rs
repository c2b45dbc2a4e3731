//! Says which functions hold the memory of a worker. One worker runs with attribution, and what its call stacks hold at a
//! stage is grouped by function names, reduced by what they held at the baseline stage, and divided by the units of the
//! ladder. A worker that is judged never runs with attribution.

mod dump;
mod frames;
mod profile;
mod run;
mod symbols;
mod text;

pub use dump::{AtStage, Dump, DumpError, Held, Mapping};
pub use profile::{Moment, Profile, ProfileError, Row, difference};
pub use run::{Attributed, ExplainError, attribute};
pub use symbols::Frame;
pub use text::{folded, json, text};
