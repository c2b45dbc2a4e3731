//! Highwater measures the memory of a process page by page, alongside criterion's time measurements, and fails CI when
//! it grows. Bench crates depend on this crate for the family, its cases, and [`main`]. It is independent of
//! WebAssembly and of any other subject.
//!
//! Each layer is a crate, re-exported here, and depends only on the crates above it:
//!
//! ```text
//!  model    data types: records, ids, quantities, units
//!  stats    statistics: pure functions
//!  store    records and baselines on disk
//!  probe    reads the memory of a process from outside
//!  worker   the library of the measured process: stages, labels, the counting allocator
//!  runner   starts workers in a controlled environment and collects their samples
//!  judge    run x baseline x policy -> verdicts
//!  report   records and verdicts as text, HTML pages and exports
//! ```
//!
//! A first family takes a few lines:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     highwater::suite("buffers")
//!         .unit("buffer")
//!         .case("vec/size=64k", [1, 10, 100], |cx| {
//!             let mut live = cx.units();
//!             cx.ladder("live", |n| live.resize_with(n, || vec![1_u8; 65_536]))?;
//!             drop(live);
//!             cx.stage("dropped")
//!         })
//!         .main()
//! }
//! ```
//!
//! A large family implements [`Case`] and passes its [`Family`] to [`main`], or to [`bench()`] to add claims and a worker
//! binary that links nothing but the cases.

/// Shadows `std::println!`, which panics if the reader of a pipe has gone.
macro_rules! println {
    ($($text:tt)*) => { highwater_report::terminal::print(format_args!($($text)*)) };
}

mod bench;
mod criterion_flags;
mod hints;
mod lockfile;
mod matcher;
mod measure;
mod options;
mod outlook;
mod pages;
mod parts;
mod plan;
mod program;
mod result;
mod suite;
mod timing;

pub use bench::{Bench, bench, main};
pub use highwater_judge as judge;
pub use highwater_judge::{Claim, Finding};
pub use highwater_model as model;
pub use highwater_model::{CaseId, Category, Context, Measure, Question, Scale};
pub use highwater_probe as probe;
pub use highwater_report as report;
pub use highwater_runner as runner;
pub use highwater_stats as stats;
pub use highwater_store as store;
pub use highwater_worker as worker;
pub use highwater_worker::{
    Case, CaseError, CaseResult, Conditions, CountingAllocator, Dirs, Family, Limits, NotRun, Program, Stages, Timer,
};
pub use lockfile::locked_version;
pub use suite::{Cx, IntoCaseResult, Suite, suite};
