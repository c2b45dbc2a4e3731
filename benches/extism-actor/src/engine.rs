//! Configuration of wasmtime 43 for allocation and compilation, shared by Extism and the control.

use wasm_guests::GuestTarget;
use wasmtime43::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Capacity of a pool in actors: the top of the longest ladder.
pub const POOL_ACTORS: u32 = 1000;

/// Number of memories that one plugin takes from a pool; it takes no more instances or tables than that. They are
/// Extism's kernel; the module twice, since `Linker::module` creates an instance that is only linked and `InstancePre`
/// another one that is called; and the heap of wasmtime's garbage collector, for the one `ExternRef` that holds the
/// host's context.
pub const PER_PLUGIN: u32 = 4;

/// Maximum size of one pooled memory: the largest limit, 100 MiB, plus the initial memory of a module.
const POOL_MEMORY: usize = 104 << 20;

/// Address space reserved per memory with [`Allocation::SmallReservation`]: the default limit. A memory that grows
/// beyond it is moved, and every access is checked by code instead of guard pages.
const SMALL: u64 = 16 << 20;

/// The allocation strategy for instances and their linear memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// A new `mmap` of 4 GiB plus guard regions for every memory, which is wasmtime's default.
    OnDemand,
    /// A new `mmap` of 16 MiB plus a guard region of one page for every memory.
    SmallReservation,
    /// A slot in a pool that is reserved when the engine is created.
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

    /// Returns the configuration for a host with `memories_per_actor` memories per actor. Compilation runs on one
    /// thread, because memory is not reproducible with several, and it targets the fixed CPU level of the guests
    /// instead of this CPU.
    ///
    /// # Errors
    /// When the environment names a target that is unknown or that this CPU cannot run.
    pub fn config(self, memories_per_actor: u32) -> wasmtime43::Result<Config> {
        let mut config = Config::new();
        config.parallel_compilation(false);
        if let Some(settings) = GuestTarget::chosen()?.settings() {
            config.target(settings.triple)?;
            for flag in settings.flags {
                // SAFETY: each flag states that the CPU has a feature, and the engine checks these flags against the
                // features of the host before it loads compiled code.
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
