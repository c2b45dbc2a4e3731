//! Starts workers in a controlled environment, one at a time, lets each run from stage to stage, and reads its memory
//! while it is paused. Whatever becomes of a worker is an outcome, not an error.
//!
//! ```text
//!   parent                              worker (fresh process, fd 3 = socket)
//!     spawn ---- controls, exec --------> start
//!     job lines ------------------------>
//!     <------------------- reached start
//!     reads /proc/PID/...                 (blocked in read)
//!     go -------------------------------> works
//!     <------------------ reached loaded
//!     ...                                 exit
//! ```

mod controls;
mod job;
mod life;
mod machine;
mod measure;
mod output;
mod plan;
pub mod protocol;
mod supervise;
mod sys;

pub use controls::{CpuPlan, ParentPinned};
pub use job::{Interrupt, IsolateError, Job, Observed};
pub use machine::{MachineError, context, machine_class, run_id, target_dir};
pub use measure::{Decided, Measuring, RunError, Wanted};
pub use plan::{Plan, PlanError, Planned};
pub use supervise::Supervisor;
