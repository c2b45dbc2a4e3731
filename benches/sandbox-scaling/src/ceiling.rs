//! Ceilings: how many sandboxes until something refuses one more, what refuses, and in which words.
//!
//! ```text
//!  loaded     engine and module                                           (reference of all growth)
//!  refused    sandboxes that live, all at once: figure `sandboxes`; notes `limit` and `error`
//! ```
//!
//! The worker sets its own limit. What refused is found by asking the system for one mapping of a page, and
//! for 8 GiB of address space. A memory cgroup refuses nobody: it kills; so there a forked child makes the
//! sandboxes and its worker stays to tell.

use std::{
    io::{Read, Write},
    path::PathBuf,
    ptr,
};

use forced_commit::{Child, Ended};
use highwater_model::{Bytes, CaseId};
use highwater_worker::{Case, CaseError, CaseResult, Dirs, Limits, Stages};
use rustix::{
    mm::{MapFlags, ProtFlags, mmap_anonymous},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use wasmtime::PoolConcurrencyLimitError;

use crate::{
    Access, Allocation, Guest, Load, NAME, Strategy,
    host::{Core, CoreLive},
};

/// What a worker is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// What the machine has: 47 bits of address space, `vm.max_map_count` mappings, the pool's slots.
    Machine,
    /// `RLIMIT_AS`, in GiB.
    AddressSpace(u64),
    /// A memory cgroup, in MiB.
    Cgroup(u64),
}

impl Limit {
    fn name(self) -> String {
        match self {
            Self::Machine => "machine".to_owned(),
            Self::AddressSpace(gib) => format!("rlimit-as-{gib}g"),
            Self::Cgroup(mib) => format!("cgroup-{mib}m"),
        }
    }
}

/// Sandboxes of a strategy and a guest under a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// How wasmtime allocates.
    pub strategy: Strategy,
    /// What runs.
    pub guest: Guest,
    /// What is limited.
    pub limit: Limit,
    /// Whether quick runs leave it out.
    pub heavy: bool,
}

/// More than any limit here allows: a test that got there would have found none.
const ENDLESS: usize = 200_000;

impl Ceiling {
    /// All of them.
    pub const ALL: [Self; 7] = {
        const fn row(allocation: Allocation, cow: bool, guest: Guest, limit: Limit, heavy: bool) -> Ceiling {
            Ceiling { strategy: Strategy { allocation, cow }, guest, limit, heavy }
        }
        [
            // 4 GiB and guards each: 47 bits are full long before the memory is.
            row(Allocation::ON_DEMAND, true, Guest::Tiny, Limit::Machine, true),
            // Three mappings each instead of two: another limit comes first.
            row(Allocation::ON_DEMAND, true, Guest::Image, Limit::Machine, true),
            // A limit on address space, and how far a smaller reservation goes in it.
            row(Allocation::ON_DEMAND, true, Guest::Tiny, Limit::AddressSpace(256), false),
            row(Allocation::ON_DEMAND_64M, true, Guest::Tiny, Limit::AddressSpace(256), false),
            // A pool says how many it has.
            row(Allocation::POOLING, true, Guest::Tiny, Limit::Machine, false),
            // Memory: with an image of 10 MiB copied, and mapped with 16 pages written to.
            row(Allocation::ON_DEMAND, false, Guest::Image, Limit::Cgroup(256), false),
            row(Allocation::ON_DEMAND, true, Guest::Image, Limit::Cgroup(256), false),
        ]
    };

    fn host(self, stages: &Stages) -> CaseResult<Core> {
        let engine = Core::engine(self.strategy, Load::File)?;
        Core::load(engine, stages.input(0)?, Load::File, Access::Own, 1)
    }
}

/// Adds called sandboxes until one is refused; a byte to `told` for each.
fn until_refused(host: &Core, live: &mut Vec<CoreLive>, mut told: impl Write) -> CaseResult<wasmtime::Error> {
    while live.len() < ENDLESS {
        match host.live().and_then(|mut sandbox| host.call(&mut sandbox).map(|()| sandbox)) {
            Ok(sandbox) => live.push(sandbox),
            Err(error) => return Ok(error),
        }
        told.write_all(b".")?;
    }
    Err(format!("{ENDLESS} sandboxes and nothing has refused").into())
}

/// What refuses one more sandbox.
fn refusing(error: &wasmtime::Error) -> &'static str {
    /// More than any sandbox here reserves.
    const SPACE: usize = 8 << 30;
    let maps = |bytes: usize, flags: MapFlags| {
        // SAFETY: a new mapping at an address of the kernel's choice, which nobody accesses.
        unsafe { mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::empty(), flags) }.is_ok()
    };
    if error.is::<PoolConcurrencyLimitError>() {
        "slots of the pool"
    // Shared mappings are never merged with their neighbours: each is one more.
    } else if !maps(rustix::param::page_size(), MapFlags::SHARED) {
        "mappings (vm.max_map_count)"
    } else if !maps(SPACE, MapFlags::PRIVATE | MapFlags::NORESERVE) {
        "address space"
    } else {
        "neither mappings nor address space nor slots"
    }
}

impl Case for Ceiling {
    fn id(&self) -> CaseId {
        let cow = if self.strategy.cow { "on" } else { "off" };
        let (by, allocation) = (self.limit.name(), self.strategy.allocation.name);
        let parameters = [("by", by.as_str()), ("alloc", allocation), ("cow", cow), ("guest", self.guest.name())];
        CaseId::new(NAME, "ceiling", &parameters).expect("names in the tables are lower case words")
    }

    fn is_heavy(&self) -> bool {
        self.heavy
    }

    fn limits(&self) -> Limits {
        let memory = match self.limit {
            Limit::Cgroup(mib) => Some(Bytes(mib << 20)),
            _ => None,
        };
        Limits { memory, ..Limits::default() }
    }

    fn prepare(&self, dirs: Dirs<'_>) -> CaseResult<Vec<PathBuf>> {
        self.guest.files(self.strategy, Load::File, dirs)
    }

    fn run(&self, stages: &mut Stages) -> CaseResult {
        let host = self.host(stages)?;
        let mut live = Vec::with_capacity(ENDLESS);
        stages.reached("loaded")?;
        let (count, limit, error) = match self.limit {
            Limit::Cgroup(_) => killed(&host, live)?,
            limit => {
                if let Limit::AddressSpace(gib) = limit {
                    let limit = Rlimit { current: Some(gib << 30), maximum: getrlimit(Resource::As).maximum };
                    setrlimit(Resource::As, limit)?;
                }
                let error = until_refused(&host, &mut live, std::io::sink())?;
                let found = (live.len(), refusing(&error), format!("{error:#}"));
                // Where no mapping is left, none can be split either, which unmapping might have to: they go with
                // the process.
                std::mem::forget(live);
                found
            }
        };
        stages.figure("sandboxes", count as u64)?;
        stages.note("limit", limit)?;
        stages.note("error", &error)?;
        Ok(stages.reached("refused")?)
    }
}

/// The same in a child that will be killed.
fn killed(host: &Core, mut live: Vec<CoreLive>) -> CaseResult<(usize, &'static str, String)> {
    let (child, mut told) = Child::fork(|told| match until_refused(host, &mut live, &told) {
        Ok(_) => 3,
        Err(_) => 4,
    })?;
    let mut heard = Vec::new();
    told.read_to_end(&mut heard)?;
    match child.wait()? {
        Ended::Signaled(signal) => {
            Ok((heard.len(), "memory of the cgroup", format!("none: killed by signal {signal}")))
        }
        Ended::Exited(status) => Err(CaseError::from(format!("the child was not killed: status {status}"))),
    }
}
