//! The limits of a machine, and how many units of a case reach them.

use highwater_model::Bytes;
use serde::Serialize;

/// A resource that limits the number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Memory charged to a cgroup: anon, page tables and kernel memory per mapping.
    Anon,
    /// `vm.max_map_count`.
    MaxMapCount,
    /// The address space of a process, or its `RLIMIT_AS`.
    AddressSpace,
    /// The slots of a pool, if the worker reports them (figure `slots`).
    Slots,
}

impl Limit {
    /// The name used in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::MaxMapCount => "max_map_count",
            Self::AddressSpace => "address space",
            Self::Slots => "slots",
        }
    }
}

/// The limits of a machine, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ceilings {
    /// Available memory.
    pub memory: Bytes,
    /// Mappings of one process.
    pub max_map_count: u64,
    /// Address space of one process.
    pub address_space: Bytes,
    /// Kernel memory for each mapping.
    pub bytes_per_mapping: u64,
}

/// An estimated number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnitEstimate {
    /// The median over workers.
    pub units: u64,
    /// The lower end of the 95 % confidence interval over workers.
    pub low: u64,
    /// The upper end of the interval.
    pub high: u64,
}

/// The number of units at which one limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitCapacity {
    /// The limit.
    pub limit: Limit,
    /// The units that fit.
    pub fits: UnitEstimate,
}
