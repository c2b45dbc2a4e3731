//! `highwater doctor`: checks what this machine supports. It runs test workers, creates and removes a cgroup, reads
//! system settings, and grades the results. It leaves no changes behind.
//!
//! Each file covers one topic in three parts: a plain struct of readings, a function that takes the readings, and a
//! function that grades them. The grading depends only on the struct, so that it can be unit-tested.

mod call_stacks;
mod cgroup;
mod check;
pub(crate) mod command;
mod diagnosis;
mod environment;
mod gates;
mod kernel;
mod limits;
mod memory;
mod pages;
mod table;
mod tracing;
mod trial;
mod visibility;
mod worker;

use check::{Check, Grade};
use diagnosis::{Diagnosis, diagnose};
pub(crate) use trial::as_worker;
