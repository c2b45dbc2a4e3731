//! System memory: huge pages, overcommit, the limit on mappings, free memory, swap.

use std::fs;

use highwater_model::Bytes;
use highwater_probe::MemoryCgroup;
use procfs::{FromBufRead, Meminfo};

use super::check::Check;

/// The default of `vm.max_map_count`.
const DEFAULT_MAX_MAP_COUNT: u64 = 65_530;
/// With less memory, cases with a few thousand units do not fit.
const MIN_FREE: Bytes = Bytes(2 << 30);

/// Settings and state of the system; `None` if not available.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    thp_mode: String,
    overcommit: Option<u64>,
    overcommit_ratio: Option<u64>,
    max_map_count: Option<u64>,
    info: Option<Info>,
    /// The lowest memory limit of the cgroups of this process.
    cgroup_limit: Option<Bytes>,
}

#[derive(Clone, Copy, Debug)]
struct Info {
    available: Option<Bytes>,
    swap: Bytes,
    swap_used: Bytes,
    commit_limit: Option<Bytes>,
    committed: Bytes,
}

impl Info {
    fn parse(text: &str) -> Option<Self> {
        let info = Meminfo::from_buf_read(text.as_bytes()).ok()?;
        Some(Self {
            available: info.mem_available.map(Bytes),
            swap: Bytes(info.swap_total),
            swap_used: Bytes(info.swap_total.saturating_sub(info.swap_free)),
            commit_limit: info.commit_limit.map(Bytes),
            committed: Bytes(info.committed_as),
        })
    }
}

/// Reads a number below `/proc/sys`.
fn sysctl(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}

impl Memory {
    pub(super) fn read(thp_mode: &str) -> Self {
        Self {
            thp_mode: thp_mode.to_owned(),
            overcommit: sysctl("vm/overcommit_memory"),
            overcommit_ratio: sysctl("vm/overcommit_ratio"),
            max_map_count: sysctl("vm/max_map_count"),
            info: fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(Info::parse),
            cgroup_limit: MemoryCgroup::of(std::process::id()).ok().and_then(|group| group.limit()),
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        vec![self.huge_pages(), self.overcommit(), self.mappings(), self.free(), self.swap()]
    }

    fn huge_pages(&self) -> Check {
        const NAME: &str = "THP mode";
        match self.thp_mode.as_str() {
            "never" | "madvise" => Check::good(NAME, &self.thp_mode),
            "always" => Check::limits(
                NAME,
                "always",
                "cases that do not disable huge pages always get them; baselines for other modes are not comparable",
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            ),
            mode => Check::limits(
                NAME,
                mode,
                "the machine class contains thp_unknown; baselines for known modes are not comparable",
                "make /sys/kernel/mm/transparent_hugepage/enabled readable (containers may hide it)",
            ),
        }
    }

    fn overcommit(&self) -> Check {
        const NAME: &str = "vm.overcommit_memory";
        match self.overcommit {
            Some(0) => Check::good(NAME, "0 (heuristic)"),
            Some(1) => Check::good(NAME, "1 (always)"),
            Some(mode) => {
                let rule = match (self.info.and_then(|info| info.commit_limit), self.info) {
                    (Some(limit), Some(info)) => {
                        let left = Bytes(limit.0.saturating_sub(info.committed.0));
                        format!(", limit {limit}, {left} left")
                    }
                    _ => String::new(),
                };
                let ratio = self.overcommit_ratio.map_or(String::new(), |ratio| format!(", ratio {ratio} %"));
                Check::limits(
                    NAME,
                    format!("{mode} (strict{ratio}{rule})"),
                    "writable mappings count towards the limit even if untouched, so large cases fail",
                    "sysctl vm.overcommit_memory=0, or a higher vm.overcommit_ratio",
                )
            }
            None => Check::good(NAME, "unknown"),
        }
    }

    fn mappings(&self) -> Check {
        const NAME: &str = "vm.max_map_count";
        match self.max_map_count {
            Some(count) if count < DEFAULT_MAX_MAP_COUNT => Check::limits(
                NAME,
                count.to_string(),
                format!("workers with more than {count} mappings fail"),
                format!("sysctl vm.max_map_count={DEFAULT_MAX_MAP_COUNT}"),
            ),
            Some(count) => Check::good(NAME, count.to_string()),
            None => Check::good(NAME, "unknown"),
        }
    }

    fn free(&self) -> Check {
        const NAME: &str = "free memory";
        let Some(available) = self.info.and_then(|info| info.available) else {
            return Check::good(NAME, "unknown");
        };
        let (usable, finding) = match self.cgroup_limit {
            Some(limit) => (
                available.min(limit),
                format!("{available} available; the cgroup of this process is limited to {limit}"),
            ),
            None => (available, format!("{available} available")),
        };
        if usable >= MIN_FREE {
            return Check::good(NAME, finding);
        }
        Check::limits(
            NAME,
            finding,
            "large cases run out of memory and fail, or are not run",
            format!(
                "free memory, raise the container's limit to at least {MIN_FREE}, or measure with a smaller --ladder"
            ),
        )
    }

    fn swap(&self) -> Check {
        const NAME: &str = "swap";
        match self.info {
            None => Check::good(NAME, "unknown"),
            Some(info) if info.swap == Bytes(0) => Check::good(NAME, "none"),
            Some(info) => Check::limits(
                NAME,
                format!("{} of {} used", info.swap_used, info.swap),
                "swapped-out pages count as `swap` instead of anon, so growth is underestimated under memory pressure. \
                 Wasmtime pools up to version 49 with keep_resident and pagemap_scan leak memory between instances \
                 (wasmtime #14357, docs/wasmtime-14357.md)",
                "swapoff -a while measuring; in production, do not use such pools with swap",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    const GIB: u64 = 1 << 30;

    fn healthy() -> Memory {
        Memory {
            thp_mode: "madvise".into(),
            overcommit: Some(0),
            overcommit_ratio: Some(50),
            max_map_count: Some(65_530),
            info: Some(Info {
                available: Some(Bytes(22 * GIB)),
                swap: Bytes(0),
                swap_used: Bytes(0),
                commit_limit: Some(Bytes(12 * GIB)),
                committed: Bytes(GIB),
            }),
            cgroup_limit: None,
        }
    }

    /// The only check that is not good.
    fn limited(memory: &Memory) -> Check {
        let limited: Vec<_> = memory.checks().into_iter().filter(|check| check.grade == Grade::Limits).collect();
        let [check] = limited.as_slice() else { panic!("{limited:?}") };
        assert!(!check.cost.is_empty() && !check.fix.is_empty(), "{check:?}");
        check.clone()
    }

    fn info(change: impl FnOnce(&mut Info)) -> Option<Info> {
        let mut info = healthy().info.expect("healthy");
        change(&mut info);
        Some(info)
    }

    #[test]
    fn all_checks_are_good_on_an_ordinary_machine() {
        assert!(healthy().checks().iter().all(|check| check.grade == Grade::Good));
    }

    #[test]
    fn only_an_unknown_thp_mode_limits() {
        let memory = Memory { thp_mode: "unknown".into(), ..Memory::default() };
        assert!(limited(&memory).cost.contains("thp_unknown"));
    }

    #[test]
    fn thp_mode_always_limits() {
        assert_eq!(limited(&Memory { thp_mode: "always".into(), ..healthy() }).name, "THP mode");
    }

    #[test]
    fn strict_overcommit_shows_ratio_limit_and_remainder() {
        let check = limited(&Memory { overcommit: Some(2), ..healthy() });
        assert_eq!(check.finding, "2 (strict, ratio 50 %, limit 12 GiB, 11 GiB left)");
    }

    #[test]
    fn only_a_low_max_map_count_limits() {
        assert_eq!(limited(&Memory { max_map_count: Some(8192), ..healthy() }).finding, "8192");
        assert_eq!(Memory { max_map_count: Some(1 << 20), ..healthy() }.mappings().grade, Grade::Good);
    }

    #[test]
    fn the_cgroup_limit_counts_as_free_memory() {
        let check = limited(&Memory { cgroup_limit: Some(Bytes(512 << 20)), ..healthy() });
        assert_eq!(check.finding, "22 GiB available; the cgroup of this process is limited to 512 MiB");
        assert_eq!(
            limited(&Memory { info: info(|info| info.available = Some(Bytes(GIB))), ..healthy() }).name,
            "free memory"
        );
    }

    #[test]
    fn unused_swap_limits() {
        let check = limited(&Memory { info: info(|info| info.swap = Bytes(8 * GIB)), ..healthy() });
        assert_eq!(check.finding, "0 B of 8 GiB used");
    }

    #[test]
    fn swap_mentions_anon_and_the_wasmtime_leak() {
        let cost = limited(&Memory { info: info(|info| info.swap = Bytes(8 * GIB)), ..healthy() }).cost;
        assert!(cost.contains("instead of anon") && cost.contains("docs/wasmtime-14357.md"), "{cost}");
    }

    #[test]
    fn meminfo_of_this_system_can_be_parsed() {
        let info = Info::parse(&fs::read_to_string("/proc/meminfo").expect("Linux")).expect("well formed");
        assert!(info.available.is_some() && info.swap_used <= info.swap);
        assert!(Info::parse("MemTotal: many\n").is_none());
    }
}
