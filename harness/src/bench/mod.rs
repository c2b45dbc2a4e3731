//! What a family writes against, and what a bench binary does: it starts itself again as workers
//! for memory, and once more as a criterion benchmark for time.

mod claim;
mod family;
mod inject;
mod measure;
mod options;
mod pages;
mod plan;
mod program;
mod progress;
mod stages;
mod timing;
mod worker;

pub use claim::{Claim, Finding};
pub use family::{Case, CaseError, CaseResult, Dirs, Family, NotRun, locked_version};
pub use measure::{Measuring, RunError, Wanted};
pub use plan::{Plan, PlanError, Planned};
pub use program::main;
pub use stages::{StageError, Stages};
