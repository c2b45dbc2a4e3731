//! Bring your own: measures any core module or component with every strategy, in separate workers. The
//! program `try-sandbox` is its command line (`just try PATH`); `docs/try.md` has sessions.
//!
//! ```text
//!  given     the file: read, compiled                     in the parent; nothing of it runs there
//!  order     what to call, and how: passed to workers
//!  host      imports, exports, arguments; sandboxes       in the parent to check, in workers to run
//!  case      the stages of one strategy                   in workers
//!  sweep     a trial, then every strategy
//!  advice    the table, the recommendation, the settings
//! ```

mod advice;
mod args;
mod case;
mod exports;
mod given;
mod host;
mod order;
mod refusal;
mod strategy;
mod sweep;

use highwater_model::Context;
use highwater_worker::{Case, Family};

pub use advice::advice;
pub use order::{Call, Errand, Order};
pub use refusal::{FAILED, Refusal};
pub use strategy::{Needs, Strategy};
pub use sweep::{Asked, Tried, sweep};

/// The family of the workers, in which each strategy is a case.
#[must_use]
pub fn family() -> Family {
    Family {
        name: case::FAMILY,
        unit: "sandbox",
        baseline_stage: "loaded",
        context: Context::new(),
        cases: strategy::ALL.into_iter().map(|one| Box::new(case::Try(one)) as Box<dyn Case>).collect(),
        claims: Vec::new(),
    }
}
