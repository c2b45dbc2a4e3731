//! How wasmtime is told to allocate: the axes of this family as values.

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Slots of the pool: the largest ladder's top. Each reserves 4 GiB of address space and guards up
/// front, and costs no memory until it is used.
pub const POOL_SLOTS: u32 = 1000;

/// The most memory a pooled guest may have; `image` needs 161 wasm pages of it.
const POOL_MEMORY: usize = 64 << 20;

/// Where instances and their linear memories come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// A fresh `mmap` of the reservation for every instance, unmapped on drop.
    OnDemand,
    /// A slot of a pool that is reserved with the engine; on drop the slot is reset and kept.
    Pooling,
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
    /// All four.
    pub const ALL: [Self; 4] = [
        Self { allocation: Allocation::OnDemand, cow: true },
        Self { allocation: Allocation::OnDemand, cow: false },
        Self { allocation: Allocation::Pooling, cow: true },
        Self { allocation: Allocation::Pooling, cow: false },
    ];

    /// The name in case ids.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.allocation {
            Allocation::OnDemand => "on-demand",
            Allocation::Pooling => "pooling",
        }
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.memory_init_cow(self.cow);
        if self.allocation == Allocation::Pooling {
            let mut pool = PoolingAllocationConfig::default();
            pool.total_core_instances(POOL_SLOTS);
            pool.total_memories(POOL_SLOTS);
            pool.total_tables(POOL_SLOTS);
            pool.max_memory_size(POOL_MEMORY);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        config
    }

    /// An engine that runs precompiled modules and cannot compile, as in production.
    ///
    /// # Errors
    /// When wasmtime refuses the settings or the system the address space.
    pub fn engine(&self) -> wasmtime::Result<Engine> {
        let mut config = self.config();
        config.enable_compiler(false);
        Engine::new(&config)
    }

    /// An engine of the same settings that can compile. Its pool's address space is left out.
    ///
    /// # Errors
    /// When wasmtime refuses the settings.
    pub fn compiler(&self) -> wasmtime::Result<Engine> {
        Engine::new(Config::new().memory_init_cow(self.cow))
    }
}
