//! Says which functions hold the memory of a worker. One worker runs with attribution, and what its call stacks hold at
//! a stage is grouped by function names, reduced by what they held at the baseline stage, and divided by the units of
//! the ladder. A worker that is judged never runs with attribution.

mod bytes;
mod dump;
mod faults;
mod frames;
mod generated;
mod pprof;
mod profile;
mod run;
mod stored;
mod symbols;
mod text;

pub use dump::{AtStage, Dump, DumpError, Held, Mapping};
pub use faults::{FaultPermission, fault_permission};
pub use pprof::pprof;
pub use profile::{Coverage, Losses, Profile, ProfileError, difference};
pub use run::{Attributed, ExplainError, StagePages, attribute};
pub use stored::stage_stacks;
pub use text::{folded, json, text};
