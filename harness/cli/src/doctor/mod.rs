//! What this machine grants and what each refusal costs: `highwater doctor`. It tries things out
//! (a worker, a cgroup, a system call), grades what it found, and changes nothing.
//!
//! Every file has one idea in three parts: a plain struct of readings, the function that reads them
//! here, and the function that grades them, which sees nothing but the struct.

mod cgroup;
mod check;
pub(crate) mod command;
mod examine;
mod gates;
mod kernel;
mod limits;
mod memory;
mod surroundings;
mod sys;
mod table;
mod trial;
mod worker;

use check::{Check, Grade};
use examine::{Diagnosis, examine};
pub use trial::as_worker;
