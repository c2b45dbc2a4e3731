//! Reads the memory of a process, and of everything that it starts, from outside. This crate only measures; interpreting
//! the numbers is the task of `highwater-judge`.
//!
//! The process must be paused, so that the files of `/proc` are consistent with each other and repeated readings are
//! equal.

mod account;
mod categories;
pub mod ceilings;
mod cgroup;
mod charge;
mod delegation;
mod held_files;
mod leaf;
mod leftover;
mod locate;
mod peak;
mod probe;
mod process;
mod settle;
mod smaps;
mod subtree;
mod sys;
mod sysv;
mod tmpfs;
mod tree;
mod worker_cgroup;

pub use categories::{Label, Labels};
pub use cgroup::{CgroupError, MemoryCgroup};
pub use delegation::DelegationError;
pub use held_files::map_files_are_readable;
pub use probe::{Before, Probe};
pub use process::ProbeError;
pub use settle::WhileWaiting;
pub use tree::{Ended, adopt_orphans, children_are_listed};
pub use worker_cgroup::WorkerCgroup;
