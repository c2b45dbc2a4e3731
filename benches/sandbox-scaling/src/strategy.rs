//! How wasmtime is told to allocate: the axes of this family as values.

use forced_commit::guest::{compile_for_target, compiler};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Slots of the pools for core modules: the largest ladder's top. Each reserves 4 GiB of address space
/// and guards up front, and costs no memory until it is used.
pub const POOL_SLOTS: u32 = 1000;

/// Slots of the pools for programs: the top of theirs.
pub const PROGRAM_SLOTS: u32 = 100;

/// The most memory a pooled core module may have; `table` needs 513 wasm pages of it.
const POOL_MEMORY: usize = 64 << 20;

/// The most memory a pooled program may have. A slot reserves more than that in any case.
const PROGRAM_MEMORY: usize = 1 << 30;

/// Core instances that one program takes at most: CPython is linked of ten libraries, with adapters
/// between them.
const PROGRAM_INSTANCES: u32 = 64;

/// Memories, and tables, that one program takes at most.
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
    /// Up to how many bytes a module's initial image is mapped copy-on-write however sparse it is;
    /// wasmtime's default is 16 MiB.
    pub dense_image: Option<u64>,
    /// Slots that are reserved with the engine; without it every instance has mappings of its own.
    pub pool: Option<Pool>,
}

/// A pool of slots. On drop a slot is reset and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// How many core modules can live at once.
    pub slots: u32,
    /// Bytes of a linear memory that are zeroed and kept resident on drop; what is above is given back.
    pub keep_resident: usize,
    /// Ask the kernel which pages were written to, so that only those are zeroed.
    pub pagemap_scan: bool,
    /// How many dropped slots are given back together.
    pub decommit_batch: usize,
}

impl Pool {
    /// As wasmtime has it by default: nothing is kept, slots are given back one by one.
    const DEFAULT: Self = Self { slots: POOL_SLOTS, keep_resident: 0, pagemap_scan: false, decommit_batch: 1 };

    /// Whether an instance may read what the one before it in its slot wrote, where the kernel swapped pages
    /// out in between: wasmtime #14357, fixed in 50 (`docs/wasmtime-14357.md`).
    #[must_use]
    pub const fn leaks_under_swap(self) -> bool {
        self.pagemap_scan && self.keep_resident > 0
    }
}

impl Allocation {
    /// A fresh `mmap` of the reservation for every instance, unmapped on drop.
    pub const ON_DEMAND: Self = Self { name: "on-demand", reservation: None, dense_image: None, pool: None };
    /// The same with 64 MiB of address space instead of 4 GiB; accesses are checked by code.
    pub const ON_DEMAND_64M: Self = Self { name: "on-demand-64m", reservation: Some(64 << 20), ..Self::ON_DEMAND };
    /// The same where a sparse image of up to 64 MiB is mapped copy-on-write too.
    pub const ON_DEMAND_DENSE: Self =
        Self { name: "on-demand-dense-64m", dense_image: Some(64 << 20), ..Self::ON_DEMAND };
    /// A pool as it is by default.
    pub const POOLING: Self = Self { name: "pooling", pool: Some(Pool::DEFAULT), ..Self::ON_DEMAND };
    /// A pool that keeps the first 64 KiB of a dropped memory.
    pub const POOLING_KEEP_64K: Self = Self {
        name: "pooling-keep-64k",
        pool: Some(Pool { keep_resident: 64 << 10, ..Pool::DEFAULT }),
        ..Self::ON_DEMAND
    };
    /// A pool that keeps up to 1 MiB of it and lets the kernel say which pages to zero. Measured and not
    /// recommended: where pages are swapped out, the next instance reads them ([`Pool::leaks_under_swap`]).
    pub const POOLING_KEEP_1M_SCAN: Self = Self {
        name: "pooling-keep-1m-scan",
        pool: Some(Pool { keep_resident: 1 << 20, pagemap_scan: true, ..Pool::DEFAULT }),
        ..Self::ON_DEMAND
    };
    /// A pool that gives back 16 dropped slots together.
    pub const POOLING_BATCH_16: Self =
        Self { name: "pooling-batch-16", pool: Some(Pool { decommit_batch: 16, ..Pool::DEFAULT }), ..Self::ON_DEMAND };
    /// A pool with five times the slots.
    pub const POOLING_5000: Self =
        Self { name: "pooling-5000", pool: Some(Pool { slots: 5000, ..Pool::DEFAULT }), ..Self::ON_DEMAND };
}

/// What an engine is to run.
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
    /// The settings that compiled code depends on.
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
        config
    }

    /// An engine that runs precompiled code and cannot compile, as in production.
    ///
    /// # Errors
    /// When wasmtime refuses the settings or the system the address space.
    pub fn engine(self, shape: Shape) -> wasmtime::Result<Engine> {
        let mut config = self.config(shape);
        config.enable_compiler(false);
        Engine::new(&config)
    }

    /// The same with a compiler for the guests' target, which keeps to the calling thread.
    ///
    /// # Errors
    /// As [`Strategy::engine`].
    pub fn compiling_engine(self, shape: Shape) -> wasmtime::Result<Engine> {
        let mut config = self.config(shape);
        config.parallel_compilation(false);
        compile_for_target(&mut config)?;
        Engine::new(&config)
    }

    /// An engine to compile with for engines of these settings and for the guests' target. Its pool's address
    /// space is left out.
    ///
    /// # Errors
    /// When wasmtime refuses the settings, or the environment names no target.
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
