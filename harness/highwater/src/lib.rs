//! Highwater measures the memory of a process page by page, next to criterion's time, and fails CI when it grows. This
//! crate is what a bench author depends on: the family and its cases, and [`main`]. It knows nothing of WebAssembly or
//! of any other subject.
//!
//! Each layer is a crate, re-exported here, and depends only on those above it:
//!
//! ```text
//!  model    records, ids, quantities, units
//!  stats    pure mathematics
//!  store    records and baselines on disk
//!  probe    reads the memory of one process from outside
//!  worker   what a measured process links: stages, labels, the counting allocator
//!  runner   starts workers in a controlled environment and collects their samples
//!  judge    run x baseline x policy -> verdicts
//!  report   records and verdicts as text, pages and exports
//! ```
//!
//! A bench crate supplies a [`Family`] of [`Case`]s and calls [`main`]:
//!
//! ```no_run
//! use highwater::{Case, CaseId, CaseResult, Family, Scale, Stages};
//!
//! struct Buffers;
//!
//! impl Case for Buffers {
//!     fn id(&self) -> CaseId {
//!         "buffers/vec/size=64k".parse().expect("a valid id")
//!     }
//!     fn ladder(&self) -> Vec<Scale> {
//!         [1, 10, 100].map(Scale).to_vec()
//!     }
//!     fn run(&self, stages: &mut Stages) -> CaseResult {
//!         let mut live = Vec::with_capacity(100);
//!         stages.reached("loaded")?;
//!         for scale in stages.ladder() {
//!             live.resize_with(scale.0 as usize, || vec![1_u8; 65_536]);
//!             stages.reached_at("live", scale)?;
//!         }
//!         drop(live);
//!         Ok(stages.reached("dropped")?)
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     highwater::main(|| Family {
//!         name: "buffers",
//!         unit: "buffer",
//!         reference: "loaded",
//!         context: Default::default(),
//!         cases: vec![Box::new(Buffers)],
//!         claims: Vec::new(),
//!     })
//! }
//! ```

mod measure;
mod options;
mod pages;
mod plan;
mod program;
mod progress;
mod timing;

pub use highwater_judge as judge;
pub use highwater_model as model;
pub use highwater_model::{CaseId, Category, Context, Scale};
pub use highwater_probe as probe;
pub use highwater_report as report;
pub use highwater_runner as runner;
pub use highwater_stats as stats;
pub use highwater_store as store;
pub use highwater_worker as worker;
pub use highwater_worker::{
    Case, CaseError, CaseResult, Claim, Conditions, CountingAllocator, Dirs, Family, Finding, Limits, NotRun, Program,
    Stages, Timer, locked_version,
};
pub use program::main;
