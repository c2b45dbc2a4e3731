//! The Highwater family: tables of rows, and a case type for each kind of row.
//!
//! ```text
//!  commit    one commit strategy and one memory: what stays uncommitted, time, memory
//!  beside    how long another thread is blocked meanwhile
//!  reset     one reset strategy, by amount and layout of dirty pages
//!  swapped   the same with the job's pages swapped out before the reset
//!  jobs      a hundred consecutive jobs of an indexer
//!  limit     one commit strategy with too little memory: error or kill, and when
//!  guarded   twenty consecutive refusals, then a smaller request that succeeds
//! ```

mod beside;
mod bounds;
pub mod claims;
mod commit;
mod jobs;
mod limit;
mod readings;
mod reset;
mod swapped;
mod tables;

use highwater_model::{CaseId, Category};
use highwater_worker::{Case, CaseError, CaseResult, Family, NotRun, Stages};
use linear_memory::{Error, Target};

use crate::Live;

const NAME: &str = "forced-commit";

/// The family with all cases.
#[must_use]
pub fn family() -> Family {
    let cases = [commit::cases(), beside::cases(), reset::cases(), swapped::cases(), jobs::cases(), limit::cases()];
    let cases = cases.into_iter().flatten().collect();
    Family { name: NAME, unit: "MiB dirtied", baseline_stage: "loaded", cases }
}

/// The id of a row.
fn id(kind: &str, parameters: &[(&str, &str)]) -> CaseId {
    CaseId::new(NAME, kind, parameters).expect("names in the tables are lower case words")
}

fn boxed<C: Case + 'static>(rows: impl Iterator<Item = C>) -> Vec<Box<dyn Case>> {
    rows.map(|row| Box::new(row) as Box<dyn Case>).collect()
}

/// A feature that this machine lacks makes a case `not run`; any other error is a failure.
fn or_not_run(error: Error) -> CaseError {
    match error {
        Error::Unsupported { .. } => NotRun(error.to_string()).into(),
        other => other.into(),
    }
}

/// Labels the current address range of the linear memory for the harness. Remove the label before the memory
/// is unmapped.
fn label(stages: &mut Stages, live: &mut Live) -> CaseResult {
    let memory = live.memory().as_ptr_range();
    stages.forget(Category::LinearMemory)?;
    Ok(stages.label(Category::LinearMemory, memory.start.addr()..memory.end.addr())?)
}

/// The median of durations in nanoseconds; 0 if there are none.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
