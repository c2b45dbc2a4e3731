//! Reads one process's memory from outside. It counts and never decides: what a number means is
//! the judge's business.
//!
//! Everything is read of a process that is paused, so the several files of `/proc` agree with each
//! other and two readings in a row are equal.

mod categories;
pub mod ceilings;
mod cgroup;
mod peak;
mod proc_files;
mod smaps;

pub use categories::{Label, Labels};
pub use cgroup::{CgroupError, MemoryCgroup, OwnCgroup};
pub use proc_files::{Probe, ProbeError};
