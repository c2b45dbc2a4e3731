//! Tests resets after the kernel swapped out a job's pages. Reproduces wasmtime #14357: a pooled slot that is
//! reset by a page table scan keeps swapped-out pages, and the next instance reads them
//! (docs/wasmtime-14357.md). Every other reset must be clean.
//!
//! The tests create their own swap file and need root; without it they print that they were skipped.

mod common;

use common::{MIB, lacks, live_for, swap_file::SwapFile};
use forced_commit::{
    GuestReset, Live,
    reset::{Pooled, Reinstantiate, Resident},
};
use linear_memory::{
    Commit, Error, Image, Target,
    commit::Populate,
    reset::{Discard, RemapImage, RestoreAll, Tracked},
    swap,
};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

const BYTES: u64 = 8 * MIB;
const RESETS: u32 = 32;
/// Bytes that a job dirties.
const DIRTIED: usize = MIB as usize;

/// What jobs left after their resets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Leaked {
    /// Number of unclean resets out of [`RESETS`].
    resets: u32,
    /// The maximum number of bytes that one of them left.
    bytes: u64,
}

/// The name of the strategy without its state.
fn name(reset: &dyn GuestReset) -> String {
    let text = format!("{reset:?}");
    text.split(" {").next().unwrap_or_default().to_owned()
}

/// A scanning pool that keeps less of a slot resident than jobs dirty.
#[derive(Debug)]
struct KeepsHalf;

impl GuestReset for KeepsHalf {
    fn supported(&self) -> Result<(), Error> {
        Pooled(Resident::Scan).supported()
    }

    fn configure(&self, config: &mut Config, length: usize) {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_core_instances(1).total_memories(1).total_tables(1).max_memory_size(length);
        pool.linear_memory_keep_resident(DIRTIED / 2).pagemap_scan(Enabled::Yes);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }

    fn reset(&mut self, live: &mut Live, _: &Image) -> Result<(), Error> {
        live.renew()
    }
}

/// Runs jobs that dirty 1 MiB in 32 runs, swaps out each and resets. `None` if the strategy cannot run here.
fn swapped_out(mut reset: Box<dyn GuestReset>) -> Option<Leaked> {
    let name = name(&*reset);
    if lacks(&name, reset.supported()) {
        return None;
    }
    let mut live = live_for(&*reset, BYTES);
    Populate::CHUNKED.commit(&mut live).expect("commits");
    let image = Image::of(live.memory());
    reset.arm(&mut live, &image).expect("arms");
    let mut leaked = Leaked::default();
    for _ in 0..RESETS {
        live.call("dirty", 256, 32).expect("a job");
        let swapped = swap::out(live.memory()).expect("swaps out");
        // Not every page: some may still be in the LRU batch of a CPU that this thread ran on before.
        assert!(swapped >= MIB / 2, "{name}: only {swapped} bytes were swapped out");
        reset.reset(&mut live, &image).expect("resets");
        let left = live.left(&image).expect("comparable");
        leaked.resets += u32::from(!left.is_clean());
        leaked.bytes = leaked.bytes.max(left.memory.bytes);
    }
    eprintln!("{name}: {} of {RESETS} resets unclean, up to {} bytes", leaked.resets, leaked.bytes);
    Some(leaked)
}

#[test]
fn resets_are_clean_after_pages_were_swapped_out() {
    let Some(_swap) = SwapFile::on() else { return };
    let strategies: [Box<dyn GuestReset>; 7] = [
        Box::new(Reinstantiate),
        Box::new(RemapImage::default()),
        Box::new(Pooled(Resident::Nothing)),
        Box::new(Pooled(Resident::Memset)),
        Box::new(RestoreAll),
        Box::new(Discard),
        Box::new(Tracked::default()),
    ];
    let dirty: Vec<String> = strategies
        .into_iter()
        .filter_map(|reset| {
            let name = name(&*reset);
            let leaked = swapped_out(reset)?;
            (leaked.resets > 0).then(|| format!("{name}: {leaked:?}"))
        })
        .collect();
    assert!(dirty.is_empty(), "{dirty:#?}");
}

/// Fails with the first fixed version of wasmtime (50, according to its source). The warnings can be removed
/// then.
#[test]
fn a_scanning_pool_leaks_swapped_pages_to_the_next_instance() {
    let Some(_swap) = SwapFile::on() else { return };
    let Some(leaked) = swapped_out(Box::new(Pooled(Resident::Scan))) else { return };
    assert!(leaked.resets > 0 && leaked.bytes > 0, "{leaked:?}: is wasmtime #14357 fixed in this version?");
}

/// Pages that the scan skips do not count towards the resident limit.
#[test]
fn the_resident_limit_of_a_pool_does_not_limit_the_leak() {
    let Some(_swap) = SwapFile::on() else { return };
    let Some(leaked) = swapped_out(Box::new(KeepsHalf)) else { return };
    assert!(leaked.bytes > DIRTIED as u64 * 3 / 4, "{leaked:?}");
}

#[test]
fn the_swap_file_is_gone_afterwards() {
    let path = {
        let Some(file) = SwapFile::on() else { return };
        assert!(swap::is_on().expect("readable"));
        file.path().to_owned()
    };
    assert!(!path.exists());
    let swaps = std::fs::read_to_string("/proc/swaps").expect("Linux");
    assert!(!swaps.contains(path.to_str().expect("text")), "{swaps}");
}
