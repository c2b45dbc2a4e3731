//! What an Extism plugin costs as an actor, keeps and may not exceed.
//!
//! Extism 1.30 runs on a wasmtime of its own (43), so the same module on that wasmtime alone is the control: what
//! differs is Extism's.
//!
//! ```text
//!  one plugin   Store ── kernel instance   its memory holds input, output and errors
//!                     ├─ module instance   made by Linker::module, linked to and never called
//!                     └─ module instance   made by InstancePre at the first call: the actor
//!  control      Store ── module instance
//! ```
//!
//! | strategy | question |
//! |---|---|
//! | `scaling` | what does one more actor cost? |
//! | `messages` | what does a message cost, and what stays? |
//! | `habits` | which advice on allocations holds? |
//! | `limits`, `bounds` | what can be used, what is seen beyond it, who suffers? |
//! | `leaks` | are the sources found and the cures cleared? |
//! | `monitoring` | which view shows an actor's memory? |
//! | `throughput` | what does a host lose by what it does between calls? |
//!
//! Workers of this family are not exact to the page, as those of the control are. Extism has a timer thread, to which
//! every call sends two messages through a queue on the heap, and wasmtime's compilation cache has another: what they
//! free, and when, moves what comes after it on the heap. Neither can be turned off (without the cache a worker compiles
//! for a second). A worker gives them a moment before every stage, and heap that the compiler freed is given back before
//! the reference stage. What is left: of 8 workers on a busy machine, 1,000 plugins made anon grow by 10,227 to 10,309
//! pages, where all of the control's agreed.

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
mod raw;
mod reading;
mod recommend;
mod scaling;
mod throughput;

use std::{thread, time::Duration};

use highwater_model::{CaseId, Context};
use highwater_worker::{Case, Family, locked_version};
use wasm_guests::GuestTarget;

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

/// All cases.
#[must_use]
pub fn family() -> Family {
    let lock = include_str!("../../../Cargo.lock");
    let version = |package: &str| locked_version(lock, package).unwrap_or_else(|| "unknown".to_owned());
    let mut cases: Vec<Box<dyn Case>> = Vec::new();
    add(&mut cases, Scaling::ALL);
    add(&mut cases, Messages::all());
    add(&mut cases, Habit::ALL);
    add(&mut cases, Asked::ALL.map(Limits));
    add(&mut cases, [Allocation::OnDemand, Allocation::SmallReservation].map(OutOfBounds));
    add(&mut cases, Leak::ALL);
    add(&mut cases, [Monitoring]);
    add(&mut cases, Throughput::all());
    Family {
        name: NAME,
        unit: "actor",
        reference: "loaded",
        context: Context::from([
            ("extism".to_owned(), version("extism")),
            // Extism's, and the control's; the other families have another.
            ("wasmtime".to_owned(), version("wasmtime@43")),
            GuestTarget::context(),
        ]),
        cases,
        claims: claims::all(),
    }
}

fn add<C: Case + 'static>(cases: &mut Vec<Box<dyn Case>>, more: impl IntoIterator<Item = C>) {
    cases.extend(more.into_iter().map(|case| Box::new(case) as Box<dyn Case>));
}

/// An id of this family.
fn id(strategy: &str, parameters: &[(&str, &str)]) -> CaseId {
    CaseId::new(NAME, strategy, parameters).expect("names in this crate are lower case words")
}

/// Lets Extism's timer thread empty its queue.
fn settle() {
    thread::sleep(Duration::from_millis(1));
}
