//! The limits of this machine for a process with many mappings: the maximum number of mappings, the address space, the
//! kernel memory per mapping, and the available memory.

use std::fs;

use highwater_model::Bytes;
use procfs::{Current, Meminfo};
use rustix::process::{Resource, getrlimit};

use super::MemoryCgroup;

/// The default of `vm.max_map_count` in Linux.
const DEFAULT_MAX_MAP_COUNT: u64 = 65_530;
/// Address bits that a process can use by default (`Documentation/arch/x86/x86_64/mm.rst`,
/// `Documentation/arch/arm64/memory.rst`).
const ADDRESS_BITS: u32 = if cfg!(target_arch = "aarch64") { 48 } else { 47 };
/// `sizeof(struct vm_area_struct)` of Linux 6.18 on x86_64, for kernels that do not report it.
const DEFAULT_VMA_BYTES: u64 = 192;
/// The cost of accounting a slab object to a cgroup: a pointer.
const ACCOUNTING_BYTES: u64 = 8;

/// The maximum number of mappings of a process: `vm.max_map_count`.
#[must_use]
pub fn max_map_count() -> u64 {
    number("/proc/sys/vm/max_map_count").unwrap_or(DEFAULT_MAX_MAP_COUNT)
}

/// The size of the address space: 47 bits (48 on aarch64) minus a page, or `RLIMIT_AS` of this process if lower.
#[must_use]
pub fn address_space() -> Bytes {
    let addresses = (1 << ADDRESS_BITS) - rustix::param::page_size() as u64;
    Bytes(getrlimit(Resource::As).current.map_or(addresses, |limit| limit.min(addresses)))
}

/// The kernel memory per mapping, which is charged to the memory cgroup of the process. Measured: 200 B with Linux 6.18
/// and cgroup version 1. A mapping that was written to takes 184 B more (`anon_vma` and its chain), which is not
/// included; its first page alone is twenty times as large.
#[must_use]
pub fn bytes_per_mapping() -> u64 {
    number("/sys/kernel/slab/vm_area_struct/object_size").unwrap_or(DEFAULT_VMA_BYTES) + ACCOUNTING_BYTES
}

/// The available memory, free or reclaimable: that of the system, or what the limits of this process's cgroups leave if
/// that is lower. `None` if the system does not report it.
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
    fn the_limits_of_this_machine_are_plausible() {
        assert!(max_map_count() > 1000);
        assert!(address_space().0 < 1 << 48);
        assert!((100..1000).contains(&bytes_per_mapping()), "{}", bytes_per_mapping());
        assert!(available().is_some_and(|bytes| bytes.0 > 1 << 20));
    }
}
