//! Highwater measures the memory of a process page by page, next to criterion's time, and fails CI
//! when it grows. This crate is the harness: it knows nothing of WebAssembly or of any other subject.
//!
//! Data flows one way, and a module uses only those above it in this list:
//!
//! ```text
//!  model    what is written down
//!  stats    pure mathematics
//!  probe    one process's memory, read from outside
//!  isolate  one worker in a controlled environment
//!  doctor   what this machine grants
//!  judge    run x baseline x policy -> verdicts
//!  report   records and verdicts as text and as web pages
//!  bench    what a family is written against; the bench binary
//!  cli      the `highwater` command
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

mod alloc;
pub mod bench;
pub mod cli;
pub mod doctor;
pub mod exit;
pub mod isolate;
pub mod judge;
pub mod model;
pub mod probe;
pub mod report;
pub mod stats;

pub use alloc::CountingAllocator;
pub use bench::{Case, CaseError, CaseResult, Claim, Dirs, Family, Finding, NotRun, Stages, locked_version, main};
pub use criterion::{BatchSize, Bencher};
pub use isolate::{Conditions, Limits, Program};
pub use model::{CaseId, Category, Context, Scale};
