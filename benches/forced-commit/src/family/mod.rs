//! What Highwater measures of all this: tables of rows, and a case for each kind of row.
//!
//! ```text
//!  commit    one way to commit one memory: what it leaves out, what it costs, what it costs others
//!  beside    what another thread waits for meanwhile
//!  reset     one way to reset, by how much was dirtied and where
//!  swapped   the same with the job's pages swapped out before the reset
//!  jobs      a hundred jobs of an indexer in a row
//!  limit     one way to commit where there is too little memory, and who notices when
//!  guarded   twenty refusals in a row, and a smaller request served after them
//! ```

mod beside;
mod claims;
mod commit;
mod jobs;
mod limit;
mod readings;
mod reset;
mod swapped;
mod tables;

use highwater_model::{CaseId, Category, Context};
use highwater_worker::{Case, CaseError, CaseResult, Family, NotRun, Stages, locked_version};
use wasm_guests::GuestTarget;

use crate::{Error, Live, Target};

const NAME: &str = "forced-commit";

/// All rows.
#[must_use]
pub fn family() -> Family {
    let cases = [commit::cases(), beside::cases(), reset::cases(), swapped::cases(), jobs::cases(), limit::cases()];
    let version = locked_version(include_str!("../../../../Cargo.lock"), "wasmtime");
    Family {
        name: NAME,
        unit: "MiB dirtied",
        reference: "loaded",
        context: Context::from([
            ("wasmtime".to_owned(), version.unwrap_or_else(|| "unknown".to_owned())),
            GuestTarget::context(),
        ]),
        cases: cases.into_iter().flatten().collect(),
        claims: claims::all(),
    }
}

/// The id of a row.
fn id(kind: &str, parameters: &[(&str, &str)]) -> CaseId {
    CaseId::new(NAME, kind, parameters).expect("names in the tables are lower case words")
}

fn boxed<C: Case + 'static>(rows: impl Iterator<Item = C>) -> Vec<Box<dyn Case>> {
    rows.map(|row| Box::new(row) as Box<dyn Case>).collect()
}

/// What this machine lacks makes a case `not run`; everything else is a failure.
fn or_not_run(error: Error) -> CaseError {
    match error {
        Error::Unsupported { .. } => NotRun(error.to_string()).into(),
        other => other.into(),
    }
}

/// Tells the harness where the linear memory is now, and nowhere else. It is to be forgotten before it goes.
fn label(stages: &mut Stages, live: &mut Live) -> CaseResult {
    let memory = live.memory().as_ptr_range();
    stages.forget(Category::LinearMemory)?;
    Ok(stages.label(Category::LinearMemory, memory.start.addr()..memory.end.addr())?)
}

/// The middle one of some durations in nanoseconds, 0 of none.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
