//! The allocation strategies of wasmtime: the axes of this family as values.

use forced_commit::guest::{compile_for_target, compiler};
use highwater_worker::records_stacks;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ProfilingStrategy};

/// Slots of the pools for core modules: the top of the largest ladder. Each reserves 4 GiB of address space
/// plus guards up front, and costs no memory until it is used.
pub const POOL_SLOTS: u32 = 1000;

/// Slots of the pools for programs: the top of their ladders.
pub const PROGRAM_SLOTS: u32 = 100;

/// The maximum memory of a pooled core module; `table` needs 513 wasm pages of it.
const POOL_MEMORY: usize = 64 << 20;

/// The maximum memory of a pooled program. A slot reserves more than that anyway.
const PROGRAM_MEMORY: usize = 1 << 30;

/// The maximum number of core instances per program: CPython is linked from ten libraries, with adapters
/// between them.
const PROGRAM_INSTANCES: u32 = 64;

/// The maximum number of memories, and of tables, per program.
const PROGRAM_MEMORIES: u32 = 2;

/// Elements of a program's largest table: CPython's functions.
const PROGRAM_TABLE: usize = 64 << 10;

/// Where instances and their linear memories come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The name in case ids.
    pub name: &'static str,
    /// Address space reserved for each linear memory, in bytes; wasmtime's default is 4 GiB.
    pub reservation: Option<u64>,
    /// The size in bytes up to which a module's initial image is mapped copy-on-write however sparse it is;
    /// wasmtime's default is 16 MiB.
    pub dense_image: Option<u64>,
    /// Slots that are reserved with the engine; without a pool every instance has its own mappings.
    pub pool: Option<Pool>,
}

/// A pool of slots. When an instance is dropped, its slot is reset and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The maximum number of live core modules.
    pub slots: u32,
    /// Bytes of a linear memory that are zeroed and kept resident on drop; the rest is decommitted.
    pub keep_resident: usize,
    /// Whether to ask the kernel which pages were written to, so that only those are zeroed.
    pub pagemap_scan: bool,
    /// The number of dropped slots that are decommitted together.
    pub decommit_batch: usize,
}

impl Pool {
    /// wasmtime's default: nothing is kept, and slots are decommitted one by one.
    const DEFAULT: Self = Self { slots: POOL_SLOTS, keep_resident: 0, pagemap_scan: false, decommit_batch: 1 };

    /// Whether an instance can read what the previous one in its slot wrote, if the kernel swapped pages out
    /// in between: wasmtime #14357, fixed in 50 (`docs/wasmtime-14357.md`).
    #[must_use]
    pub const fn leaks_under_swap(self) -> bool {
        self.pagemap_scan && self.keep_resident > 0
    }
}

impl Allocation {
    /// A fresh `mmap` of the reservation for every instance, unmapped on drop.
    pub const ON_DEMAND: Self = Self { name: "on-demand", reservation: None, dense_image: None, pool: None };
    /// The same with 64 MiB of address space instead of 4 GiB, so accesses need explicit bounds checks.
    pub const ON_DEMAND_64M: Self = Self { name: "on-demand-64m", reservation: Some(64 << 20), ..Self::ON_DEMAND };
    /// The same, but sparse images of up to 64 MiB are mapped copy-on-write too.
    pub const ON_DEMAND_DENSE: Self =
        Self { name: "on-demand-dense-64m", dense_image: Some(64 << 20), ..Self::ON_DEMAND };
    /// A pool with default settings.
    pub const POOLING: Self = Self { name: "pooling", pool: Some(Pool::DEFAULT), ..Self::ON_DEMAND };
    /// A pool that keeps the first 64 KiB of a dropped memory.
    pub const POOLING_KEEP_64K: Self = Self {
        name: "pooling-keep-64k",
        pool: Some(Pool { keep_resident: 64 << 10, ..Pool::DEFAULT }),
        ..Self::ON_DEMAND
    };
    /// A pool that keeps up to 1 MiB and asks the kernel which pages to zero. Measured but not recommended:
    /// if pages are swapped out, the next instance can read them ([`Pool::leaks_under_swap`]).
    pub const POOLING_KEEP_1M_SCAN: Self = Self {
        name: "pooling-keep-1m-scan",
        pool: Some(Pool { keep_resident: 1 << 20, pagemap_scan: true, ..Pool::DEFAULT }),
        ..Self::ON_DEMAND
    };
    /// A pool that decommits 16 dropped slots together.
    pub const POOLING_BATCH_16: Self =
        Self { name: "pooling-batch-16", pool: Some(Pool { decommit_batch: 16, ..Pool::DEFAULT }), ..Self::ON_DEMAND };
    /// A pool with five times the slots.
    pub const POOLING_5000: Self =
        Self { name: "pooling-5000", pool: Some(Pool { slots: 5000, ..Pool::DEFAULT }), ..Self::ON_DEMAND };
}

/// The kind of code that an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Core modules with one memory and one table at most.
    Core,
    /// The components of `wasm-programs`.
    Program,
}

/// An allocation with or without copy-on-write initialisation of linear memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Where instances come from.
    pub allocation: Allocation,
    /// Map the module's initial image privately (`on`), or copy the data segments at instantiation.
    pub cow: bool,
}

impl Strategy {
    /// The settings on which compiled code depends.
    fn base(self, shape: Shape) -> Config {
        let mut config = Config::new();
        config.memory_init_cow(self.cow);
        if let Some(bytes) = self.allocation.reservation {
            config.memory_reservation(bytes);
        }
        if let Some(bytes) = self.allocation.dense_image {
            config.memory_guaranteed_dense_image_size(bytes);
        }
        if shape == Shape::Program {
            wasm_programs::configure(&mut config);
        }
        config
    }

    fn config(self, shape: Shape) -> Config {
        let mut config = self.base(shape);
        if let Some(pool) = self.allocation.pool {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool.config(shape)));
        }
        if records_stacks() {
            // `highwater explain` shows the names of the guest's functions.
            config.profiler(ProfilingStrategy::PerfMap);
        }
        config
    }

    /// An engine that runs precompiled code and cannot compile, as in production.
    ///
    /// # Errors
    /// When wasmtime rejects the settings, or the system refuses the address space.
    pub fn engine(self, shape: Shape) -> wasmtime::Result<Engine> {
        let mut config = self.config(shape);
        config.enable_compiler(false);
        Engine::new(&config)
    }

    /// The same with a compiler for the guests' target, which runs on the calling thread only.
    ///
    /// # Errors
    /// As [`Strategy::engine`].
    pub fn compiling_engine(self, shape: Shape) -> wasmtime::Result<Engine> {
        let mut config = self.config(shape);
        config.parallel_compilation(false);
        compile_for_target(&mut config)?;
        Engine::new(&config)
    }

    /// An engine that compiles for engines with these settings and for the guests' target. It has no pool, to
    /// save its address space.
    ///
    /// # Errors
    /// When wasmtime rejects the settings, or the environment names no target.
    pub fn compiler(self, shape: Shape) -> wasmtime::Result<Engine> {
        compiler(&self.base(shape))
    }
}

impl Pool {
    fn config(self, shape: Shape) -> PoolingAllocationConfig {
        let mut pool = PoolingAllocationConfig::default();
        let (instances, memories, bytes) = match shape {
            Shape::Core => (self.slots, self.slots, POOL_MEMORY),
            Shape::Program => {
                pool.total_component_instances(PROGRAM_SLOTS).table_elements(PROGRAM_TABLE);
                (PROGRAM_SLOTS * PROGRAM_INSTANCES, PROGRAM_SLOTS * PROGRAM_MEMORIES, PROGRAM_MEMORY)
            }
        };
        pool.total_core_instances(instances).total_memories(memories).total_tables(memories);
        pool.max_memory_size(bytes);
        pool.linear_memory_keep_resident(self.keep_resident);
        pool.pagemap_scan(if self.pagemap_scan { Enabled::Yes } else { Enabled::No });
        pool.decommit_batch_size(self.decommit_batch);
        pool
    }
}
