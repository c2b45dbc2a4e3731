//! What one instance costs in memory and time, by WebAssembly engine, by compiler, and by version of wasmtime.
//!
//! Each engine is linked into a worker program of its own, outside the workspace (`workers/`), so that no engine is
//! measured with another one beside it, and a build of the workspace builds none. `benches/engines/build.sh`
//! (`just engines`) builds them. A case whose worker is not built is not run.
//!
//! ```text
//!  workers/common     cases, stages, and the trait that an engine implements (a member of the workspace)
//!     |        \
//!     |         workers/wasmi, tinywasm, wasmer    one manifest, one program
//!     |         workers/wasmtime/v24 ... v48       one source, a manifest per version
//!  this crate         finds the programs, makes their inputs; claims, questions, versions; a module of the user
//! ```

mod built;
pub mod claims;
pub mod given;
mod inputs;
mod measured;
pub mod questions;
pub mod versions;

use engine_worker::AnyRow;
use highwater_worker::{Case, Family};

pub use built::BUILD_COMMAND;
pub use engine_worker::NAME;
use measured::Measured;

/// The family with all cases.
#[must_use]
pub fn family() -> Family {
    let cases = AnyRow::all().map(|row| Box::new(Measured(row)) as Box<dyn Case>).collect();
    Family { name: NAME, unit: engine_worker::UNIT, baseline_stage: engine_worker::BASELINE_STAGE, cases }
}
