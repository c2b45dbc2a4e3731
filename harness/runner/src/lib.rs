//! Starts workers in a controlled environment, lets each run from stage to stage, and takes a snapshot
//! of its memory while it is paused. A worker that fails is an outcome, not an error.
//!
//! ```text
//!   parent                              worker (fresh process, fd 3 = socket)
//!     spawn ---- controls, exec --------> start
//!     job lines ------------------------>
//!     <------------------- reached start
//!     reads /proc/PID/...                 (blocked in read)
//!     go -------------------------------> continues
//!     <------------------ reached loaded
//!     ...                                 exit
//! ```
//!
//! A program that does not speak this protocol is stopped instead (`command_process.rs`).

mod account;
mod child;
mod command_process;
mod controls;
mod conversation;
mod guardian;
mod inbox;
mod job;
mod lanes;
pub mod limits;
mod machine;
mod measure;
mod observer;
mod output;
mod output_stages;
mod partition_flag;
mod pause;
mod plan;
mod program;
mod program_clock;
mod program_link;
pub mod protocol;
mod ptrace;
mod running_program;
mod sampling;
mod signals;
mod supervise;
mod sys;
mod turn;
mod watch;
mod worker_process;

pub use controls::{CpuPlan, ParentPinned};
pub use job::{Job, Observed, RunnerError};
pub use lanes::measure_all;
pub use machine::{MachineError, context, machine_class, machine_name, run_id, target_dir};
pub use measure::{Measuring, RunError};
pub use observer::Observer;
pub use partition_flag::{PartitionFlagError, partition_flag};
pub use plan::{Plan, PlanError, Planned};
pub use program_link::link_program;
pub use sampling::{Sampling, StopRule};
pub use signals::{Interrupt, end_on_closed_pipe, report_file_size_limit};
pub use supervise::Supervisor;
pub use watch::{CaseTimes, Step, StepListener};
