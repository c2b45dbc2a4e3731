//! A new instance for every job, the traditional approach.

use linear_memory::{Error, Image, oracle};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::GuestReset;
use crate::{GuestCommit, Live, commit::ZeroNewPages};

/// Drops the instance and creates a new one, on demand. Clean and fast, but nothing is committed afterwards:
/// the next job pays a fault for every page that it touches.
#[derive(Clone, Copy, Debug)]
pub struct Reinstantiate;

impl GuestReset for Reinstantiate {
    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        live.renew()
    }
}

/// [`Reinstantiate`], and the memory grown as far as before: a refresh as the studied host does it, which commits the
/// memory of its first instance only. Here the host grows the memory, so that the next job finds it as large; there the
/// guest does.
#[derive(Clone, Copy, Debug)]
pub struct Refresh;

impl GuestReset for Refresh {
    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        live.renew()?;
        live.grow_to_maximum()
    }
}

/// [`Refresh`] with [`ZeroNewPages`], as for the first instance. The pages that the new instance grows by are committed
/// again, at the cost of a first commit; those of its declared minimum are not.
#[derive(Clone, Copy, Debug)]
pub struct RefreshAndCommit;

impl GuestReset for RefreshAndCommit {
    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        live.renew()?;
        ZeroNewPages.commit(live)
    }
}

/// What a pool keeps resident of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resident {
    /// Nothing: wasmtime's default.
    Nothing,
    /// The whole memory, zeroed by memset.
    Memset,
    /// The whole memory; only pages that a scan of the page tables reports as written are zeroed. Scans stop
    /// after 32 runs of pages, and the rest is discarded. Not clean where swap is on: before version 50,
    /// wasmtime's scan misses pages that were swapped out (`docs/wasmtime-14357.md`).
    Scan,
}

/// [`Reinstantiate`] with wasmtime's pooling allocator and one slot.
#[derive(Clone, Copy, Debug)]
pub struct Pooled(pub Resident);

impl GuestReset for Pooled {
    fn supported(&self) -> Result<(), Error> {
        if self.0 == Resident::Scan { oracle::supported() } else { Ok(()) }
    }

    fn configure(&self, config: &mut Config, length: usize) {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_core_instances(1).total_memories(1).total_tables(1).max_memory_size(length);
        if self.0 != Resident::Nothing {
            pool.linear_memory_keep_resident(length);
        }
        pool.pagemap_scan(if self.0 == Resident::Scan { Enabled::Yes } else { Enabled::No });
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }

    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        live.renew()
    }
}
