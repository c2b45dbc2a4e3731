//! Reads the memory of a process from outside. This crate only measures; interpreting the numbers is the task of
//! `highwater-judge`.
//!
//! The process must be paused, so that the files of `/proc` are consistent with each other and repeated readings are
//! equal.

mod categories;
pub mod ceilings;
mod cgroup;
mod delegation;
mod peak;
mod proc_files;
mod smaps;

pub use categories::{Label, Labels};
pub use cgroup::{CgroupError, MemoryCgroup, WorkerCgroup};
pub use delegation::DelegationError;
pub use proc_files::{Probe, ProbeError};
