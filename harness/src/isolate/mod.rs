//! Starts one worker in a controlled environment, lets it run from stage to stage, and reads its
//! memory at each while it is paused. Whatever becomes of the worker is an outcome, not an error.
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

mod boundaries;
mod controls;
mod job;
mod layout;
mod life;
mod machine;
mod output;
pub mod protocol;
mod supervise;
mod sys;

pub(crate) use boundaries::Boundaries;
pub use controls::{Conditions, CpuPlan, ParentPinned};
pub use job::{Interrupt, IsolateError, Job, Limits, Observed, Program};
pub use layout::Layout;
pub use machine::{MachineError, context, machine_class, run_id, target_dir};
pub use supervise::Supervisor;
pub(crate) use sys::{heap_figures, trim_heap, worker_channel};
