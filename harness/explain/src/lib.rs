//! Says which functions hold the memory of a worker. One worker runs with attribution, and what its call stacks hold at
//! a stage is grouped by function names, reduced by what they held at the baseline stage, and divided by the units of
//! the ladder. A worker that is judged never runs with attribution.

mod dump;
mod faults;
mod frames;
mod pprof;
mod profile;
mod run;
mod symbols;
mod text;

pub use dump::{AtStage, Dump, DumpError, Held, Mapping};
pub use faults::{FaultPermission, fault_permission};
pub use pprof::pprof;
pub use profile::{Coverage, Losses, Moment, Profile, ProfileError, difference};
pub use run::{Attributed, ExplainError, StagePages, attribute};
pub use text::{folded, json, text};
