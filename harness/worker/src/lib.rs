//! The library of the measured process: stages and labels, the counting allocator, and the worker's side of the stage
//! protocol. It contains no statistics, reports or command line, so that a worker links little besides the measured
//! code.
//!
//! A worker runs one [`Case`] of a [`Family`], once. At each stage it pauses until the parent process has read its
//! memory from outside.

mod alloc;
pub mod archive;
mod attribution;
mod case;
mod family;
mod inject;
mod layout;
mod program;
pub mod protocol;
mod run;
mod split_mapping;
mod stages;
mod sys;
mod timer;

pub use alloc::CountingAllocator;
pub use attribution::{VARIABLE as ATTRIBUTION_VARIABLE, records_stacks};
pub use case::{Case, CaseError, CaseResult, Conditions, Dirs, Limits, NotRun};
pub use family::Family;
pub use layout::Layout;
pub use program::{OutputStage, Program, UnmodifiedProgram};
pub use run::{run, warm_stack};
pub use stages::{StageError, Stages};
pub use sys::worker_channel;
pub use timer::Timer;
