//! The limits of this machine that a process with many mappings meets: how many it may have, what it may
//! address, what the kernel keeps for each, and what memory is free.

use std::fs;

use highwater_model::Bytes;
use procfs::{Current, Meminfo};
use rustix::process::{Resource, getrlimit};

use super::MemoryCgroup;

/// Linux's own default of `vm.max_map_count`.
const USUAL_MAPPINGS: u64 = 65_530;
/// Bits of an address that a process may use, without asking for more (`Documentation/arch/x86/x86_64/mm.rst`,
/// `Documentation/arch/arm64/memory.rst`).
const ADDRESS_BITS: u32 = if cfg!(target_arch = "aarch64") { 48 } else { 47 };
/// `sizeof(struct vm_area_struct)` of Linux 6.18 on x86_64, where the kernel does not tell its own.
const USUAL_MAPPING_BYTES: u64 = 192;
/// What accounting a slab object to a cgroup takes: a pointer.
const ACCOUNTING_BYTES: u64 = 8;

/// How many mappings a process may have: `vm.max_map_count`.
#[must_use]
pub fn max_map_count() -> u64 {
    number("/proc/sys/vm/max_map_count").unwrap_or(USUAL_MAPPINGS)
}

/// What a process may address: 47 bits (48 on aarch64) less a page, or this process's `RLIMIT_AS`.
#[must_use]
pub fn address_space() -> Bytes {
    let addresses = (1 << ADDRESS_BITS) - rustix::param::page_size() as u64;
    Bytes(getrlimit(Resource::As).current.map_or(addresses, |limit| limit.min(addresses)))
}

/// What the kernel holds for each mapping and charges to the process's memory cgroup. Measured here: 200 B
/// in version 1 with Linux 6.18. A mapping that was written to has 184 B more (`anon_vma` and its chain),
/// which the number of mappings does not tell; its page is twenty times that.
#[must_use]
pub fn bytes_per_mapping() -> u64 {
    number("/sys/kernel/slab/vm_area_struct/object_size").unwrap_or(USUAL_MAPPING_BYTES) + ACCOUNTING_BYTES
}

/// Memory that is free or can be freed: the system's, or what is left to this process's cgroups. `None`
/// where the system does not tell.
#[must_use]
pub fn available() -> Option<Bytes> {
    let system = Meminfo::current().ok()?.mem_available?;
    let group = MemoryCgroup::of(std::process::id()).ok();
    let left = group.and_then(|group| Some(group.limit()?.0.saturating_sub(group.current().ok()?.0)));
    Some(Bytes(left.map_or(system, |left| left.min(system))))
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_limits_that_make_sense() {
        assert!(max_map_count() > 1000);
        assert!(address_space().0 < 1 << 48);
        assert!((100..1000).contains(&bytes_per_mapping()), "{}", bytes_per_mapping());
        assert!(available().is_some_and(|bytes| bytes.0 > 1 << 20));
    }
}
