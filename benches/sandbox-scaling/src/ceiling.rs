//! Ceilings: how many sandboxes fit before a limit is reached, which limit it is, and its error message.
//!
//! ```text
//!  loaded     engine and module                                           (growth is measured from here)
//!  refused    live sandboxes when one is refused: figure `sandboxes`; notes `limit` and `error`
//! ```
//!
//! The worker sets its own limit. It identifies the limit by requesting one mapping of a page, and 8 GiB of
//! address space. A memory cgroup returns no error but kills the process, so there a forked child creates the
//! sandboxes and the worker survives to report.

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

/// The limit on a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The machine's own limits: 47 bits of address space, `vm.max_map_count` mappings, the pool's slots.
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

/// A case: sandboxes of one strategy and guest under a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// How wasmtime allocates.
    pub strategy: Strategy,
    /// What runs.
    pub guest: Guest,
    /// The limit.
    pub limit: Limit,
    /// Whether quick runs skip it.
    pub heavy: bool,
}

/// More sandboxes than any limit here allows: reaching this number means that no limit applied.
const ENDLESS: usize = 200_000;

impl Ceiling {
    /// All ceiling cases.
    pub const ALL: [Self; 7] = {
        const fn row(allocation: Allocation, cow: bool, guest: Guest, limit: Limit, heavy: bool) -> Ceiling {
            Ceiling { strategy: Strategy { allocation, cow }, guest, limit, heavy }
        }
        [
            // 4 GiB plus guards each: 47 bits of address space run out long before memory does.
            row(Allocation::ON_DEMAND, true, Guest::Tiny, Limit::Machine, true),
            // Three mappings each instead of two: the mapping limit is reached first.
            row(Allocation::ON_DEMAND, true, Guest::Image, Limit::Machine, true),
            // A limit on address space, and how many sandboxes fit with a smaller reservation.
            row(Allocation::ON_DEMAND, true, Guest::Tiny, Limit::AddressSpace(256), false),
            row(Allocation::ON_DEMAND_64M, true, Guest::Tiny, Limit::AddressSpace(256), false),
            // A pool is limited by its slots.
            row(Allocation::POOLING, true, Guest::Tiny, Limit::Machine, false),
            // Memory: a 10 MiB image, copied, or mapped with 16 pages written to.
            row(Allocation::ON_DEMAND, false, Guest::Image, Limit::Cgroup(256), false),
            row(Allocation::ON_DEMAND, true, Guest::Image, Limit::Cgroup(256), false),
        ]
    };

    fn host(self, stages: &Stages) -> CaseResult<Core> {
        let engine = Core::engine(self.strategy, Load::File)?;
        Core::load(engine, stages.input(0)?, Load::File, Access::Own, 1)
    }
}

/// Adds sandboxes and calls each until one is refused; writes a byte to the pipe for each.
fn until_refused(host: &Core, live: &mut Vec<CoreLive>, mut pipe: impl Write) -> CaseResult<wasmtime::Error> {
    while live.len() < ENDLESS {
        match host.live().and_then(|mut sandbox| host.call(&mut sandbox).map(|()| sandbox)) {
            Ok(sandbox) => live.push(sandbox),
            Err(error) => return Ok(error),
        }
        pipe.write_all(b".")?;
    }
    Err(format!("{ENDLESS} sandboxes and no limit was reached").into())
}

/// The limit that refused the last sandbox.
fn refusing(error: &wasmtime::Error) -> &'static str {
    /// More than any sandbox here reserves.
    const SPACE: usize = 8 << 30;
    let maps = |bytes: usize, flags: MapFlags| {
        // SAFETY: a new mapping at an address that the kernel chooses, which is never accessed.
        unsafe { mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::empty(), flags) }.is_ok()
    };
    if error.is::<PoolConcurrencyLimitError>() {
        "slots of the pool"
    // Shared mappings are never merged with adjacent ones: each adds one.
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
                // At the mapping limit no mapping can be split, which unmapping might require, so the
                // mappings are left to process exit.
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

/// Measures the same in a child process that will be killed.
fn killed(host: &Core, mut live: Vec<CoreLive>) -> CaseResult<(usize, &'static str, String)> {
    let (child, mut pipe) = Child::fork(|pipe| match until_refused(host, &mut live, &pipe) {
        Ok(_) => 3,
        Err(_) => 4,
    })?;
    let mut heard = Vec::new();
    pipe.read_to_end(&mut heard)?;
    match child.wait()? {
        Ended::Signaled(signal) => {
            Ok((heard.len(), "memory of the cgroup", format!("none: killed by signal {signal}")))
        }
        Ended::Exited(status) => Err(CaseError::from(format!("the child was not killed: status {status}"))),
    }
}
