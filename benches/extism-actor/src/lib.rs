//! Benchmarks of Extism plugins used as actors: the cost of an actor, the memory it retains, and its memory limits.
//!
//! Extism 1.30 depends on wasmtime 43. The control runs the same module on wasmtime 43 without Extism, so the
//! difference between the two is the cost of Extism.
//!
//! ```text
//!  one plugin   Store ── kernel instance   its memory holds input, output and errors
//!                     ├─ module instance   created by Linker::module, linked but never called
//!                     └─ module instance   created by InstancePre at the first call: the actor
//!  control      Store ── module instance
//! ```
//!
//! | strategy | question |
//! |---|---|
//! | `scaling` | What is the marginal cost per actor? |
//! | `messages` | What does a message cost, and how much memory does the actor retain afterwards? |
//! | `habits` | Which advice on allocation saves memory? |
//! | `limits`, `bounds` | How much memory can an actor use, and what happens beyond the limit? |
//! | `leaks` | Does the leak test report the leaking functions and pass the fixed ones? |
//! | `monitoring` | Which view shows an actor's memory? |
//! | `throughput` | How does the work between calls affect calls per second? |
//!
//! Memory of workers that run Extism is not reproducible to the page; memory of the control is. Extism has a timer
//! thread, to which every call sends two messages through a queue on the heap, and wasmtime's compilation cache has
//! another thread. The time at which they free memory affects the placement of later heap allocations. Neither can be
//! turned off (without the cache, a worker compiles for a second). A worker therefore sleeps briefly before every stage
//! and trims the heap that the compiler freed before the baseline stage. The remaining variation, for 8 workers on a
//! busy machine: anon growth over 1,000 plugins ranged from 10,227 to 10,309 pages, while all workers of the control
//! agreed.

mod actor;
pub mod claims;
pub mod config;
mod engine;
mod habits;
pub mod inputs;
mod leaks;
mod limits;
mod messages;
mod monitoring;
pub mod questions;
mod raw;
mod recommend;
mod scaling;
mod selected;
mod throughput;

use std::{thread, time::Duration};

use highwater_model::CaseId;
use highwater_worker::{Case, Family};

pub use actor::{Actor, AfterCall, CallError, Files, Source};
pub use config::MemoryLimit;
pub use engine::{Allocation, PER_PLUGIN, POOL_ACTORS};
pub use habits::{Given, Habit};
pub use leaks::{Leak, WINDOW, WINDOWS};
pub use limits::{Asked, Limits, OutOfBounds};
pub use messages::Messages;
pub use monitoring::Monitoring;
pub use raw::{RawActor, RawHost};
pub use recommend::recommend;
pub use scaling::{Maker, Scaling};
pub use throughput::{Between, Throughput};

/// The family's name.
pub const NAME: &str = "extism-actor";

/// Returns the family with all its cases.
#[must_use]
pub fn family() -> Family {
    let mut cases: Vec<Box<dyn Case>> = Vec::new();
    add(&mut cases, Scaling::ALL);
    add(&mut cases, Messages::all());
    add(&mut cases, Habit::ALL);
    add(&mut cases, Asked::ALL.map(Limits));
    add(&mut cases, [Allocation::OnDemand, Allocation::SmallReservation].map(OutOfBounds));
    add(&mut cases, Leak::ALL);
    add(&mut cases, [Monitoring]);
    add(&mut cases, Throughput::all());
    Family { name: NAME, unit: "actor", baseline_stage: "loaded", cases }
}

fn add<C: Case + 'static>(cases: &mut Vec<Box<dyn Case>>, more: impl IntoIterator<Item = C>) {
    cases.extend(more.into_iter().map(|case| Box::new(case) as Box<dyn Case>));
}

/// Builds a case id of this family.
fn id(strategy: &str, parameters: &[(&str, &str)]) -> CaseId {
    CaseId::new(NAME, strategy, parameters).expect("names in this crate are lower case words")
}

/// Gives Extism's timer thread time to empty its queue.
fn settle() {
    thread::sleep(Duration::from_millis(1));
}
