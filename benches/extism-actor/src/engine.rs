//! How wasmtime 43 is told to allocate and compile: the same for Extism and for the control.

use wasm_guests::GuestTarget;
use wasmtime43::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Actors that a pool has room for: the largest ladder's top.
pub const POOL_ACTORS: u32 = 1000;

/// Memories (and no more instances and tables) that one plugin takes of a pool: Extism's kernel; the module twice, since
/// `Linker::module` makes an instance that is only linked to and `InstancePre` another that is called; and the heap of
/// wasmtime's garbage collector, for the one `ExternRef` that holds the host's context.
pub const PER_PLUGIN: u32 = 4;

/// The most that one pooled memory may have: 100 MiB, the largest limit, and what a module starts with.
const POOL_MEMORY: usize = 104 << 20;

/// The address space of one memory where little is reserved: the default limit. Beyond it a memory that grows is
/// moved, and every access is checked in code, not by guard pages.
const SMALL: u64 = 16 << 20;

/// Where instances and their linear memories come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// A fresh `mmap` of 4 GiB and guards for every memory: wasmtime's default.
    OnDemand,
    /// A fresh `mmap` of 16 MiB and one page of guard.
    SmallReservation,
    /// A slot of a pool that is reserved with the engine.
    Pooling,
}

impl Allocation {
    /// The name in case ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::SmallReservation => "small-reservation",
            Self::Pooling => "pooling",
        }
    }

    /// The settings for a host with so many memories per actor. One thread compiles: a worker of several has no
    /// exact memory. It compiles for the guests' target, not for this CPU.
    ///
    /// # Errors
    /// When the environment names no target.
    pub fn config(self, memories_per_actor: u32) -> wasmtime43::Result<Config> {
        let mut config = Config::new();
        config.parallel_compilation(false);
        if let Some(settings) = GuestTarget::chosen()?.settings() {
            config.target(settings.triple)?;
            for flag in settings.flags {
                // SAFETY: each says that the CPU has a feature, and the engine compares these flags with the host's
                // features before it loads what was compiled.
                unsafe { config.cranelift_flag_enable(flag) };
            }
        }
        match self {
            Self::OnDemand => {}
            Self::SmallReservation => {
                config.memory_reservation(SMALL);
                config.memory_reservation_for_growth(SMALL);
                config.memory_guard_size(4096);
            }
            Self::Pooling => {
                let slots = POOL_ACTORS * memories_per_actor;
                let mut pool = PoolingAllocationConfig::default();
                pool.total_core_instances(slots);
                pool.total_memories(slots);
                pool.total_tables(slots);
                pool.total_gc_heaps(POOL_ACTORS);
                pool.max_memory_size(POOL_MEMORY);
                config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
            }
        }
        Ok(config)
    }
}
