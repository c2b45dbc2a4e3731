//! The measured process: what a worker links besides the code that is measured. Stages and labels, the counting
//! allocator, and the worker's side of the stage protocol; no statistics, no report, no command line.
//!
//! A worker runs one [`Case`] of a [`Family`], once, and pauses at each stage until the parent process has read its
//! memory from outside.

mod alloc;
mod boundaries;
mod case;
mod claim;
mod family;
mod inject;
mod layout;
pub mod protocol;
mod run;
mod stages;
mod sys;
mod timer;

pub use alloc::CountingAllocator;
pub use case::{Case, CaseError, CaseResult, Conditions, Dirs, Limits, NotRun, Program};
pub use claim::{Claim, Finding};
pub use family::{Family, locked_version};
pub use layout::Layout;
pub use run::{run, warm_stack};
pub use stages::{StageError, Stages};
pub use sys::worker_channel;
pub use timer::Timer;
