//! The system's memory and its rules: huge pages, overcommit, number of mappings, what is free, swap.

use std::fs;

use highwater_model::Bytes;
use highwater_probe::MemoryCgroup;
use procfs::{FromBufRead, Meminfo};

use super::check::Check;

/// Linux's own default of `vm.max_map_count`.
const USUAL_MAPPINGS: u64 = 65_530;
/// With less, cases of a few thousand units do not fit.
const ENOUGH: Bytes = Bytes(2 << 30);

/// What the system says; `None` where it does not.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    thp_mode: String,
    overcommit: Option<u64>,
    overcommit_ratio: Option<u64>,
    max_map_count: Option<u64>,
    info: Option<Info>,
    /// The lowest limit of this process's cgroups.
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

/// A number below `/proc/sys`.
pub(super) fn sysctl(name: &str) -> Option<u64> {
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
                "cases that leave huge pages on get them unasked; baselines of other modes do not compare",
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            ),
            mode => Check::limits(
                NAME,
                mode,
                "the machine class says thp_unknown: baselines of known modes do not compare",
                "let /sys/kernel/mm/transparent_hugepage/enabled be read (a container may hide it)",
            ),
        }
    }

    fn overcommit(&self) -> Check {
        const NAME: &str = "vm.overcommit_memory";
        match self.overcommit {
            Some(0) => Check::good(NAME, "0 (heuristic)"),
            Some(1) => Check::good(NAME, "1 (all is granted)"),
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
                    "writable mappings are refused at that limit even when never touched: large cases die early",
                    "sysctl vm.overcommit_memory=0, or a higher vm.overcommit_ratio",
                )
            }
            None => Check::good(NAME, "not told"),
        }
    }

    fn mappings(&self) -> Check {
        const NAME: &str = "vm.max_map_count";
        match self.max_map_count {
            Some(count) if count < USUAL_MAPPINGS => Check::limits(
                NAME,
                count.to_string(),
                format!("a worker ends at {count} mappings: ladders with more of them die"),
                format!("sysctl vm.max_map_count={USUAL_MAPPINGS}"),
            ),
            Some(count) => Check::good(NAME, count.to_string()),
            None => Check::good(NAME, "not told"),
        }
    }

    fn free(&self) -> Check {
        const NAME: &str = "free memory";
        let Some(available) = self.info.and_then(|info| info.available) else {
            return Check::good(NAME, "not told");
        };
        let (usable, finding) = match self.cgroup_limit {
            Some(limit) => {
                (available.min(limit), format!("{available} available, this process's cgroup limited to {limit}"))
            }
            None => (available, format!("{available} available")),
        };
        if usable >= ENOUGH {
            return Check::good(NAME, finding);
        }
        Check::limits(
            NAME,
            finding,
            "large cases run out of memory and count as died, or are not run",
            format!(
                "free memory or raise the container's limit to {ENOUGH} at least, or measure with a smaller --ladder"
            ),
        )
    }

    fn swap(&self) -> Check {
        const NAME: &str = "swap";
        match self.info {
            None => Check::good(NAME, "not told"),
            Some(info) if info.swap == Bytes(0) => Check::good(NAME, "none"),
            Some(info) => Check::limits(
                NAME,
                format!("{} of {} used", info.swap_used, info.swap),
                "pages that are swapped out leave anon (they are in `swap`): growth reads too low under pressure. A \
                 wasmtime pool with keep_resident and pagemap_scan, up to version 49, leaks memory from one instance \
                 to the next (wasmtime #14357, docs/wasmtime-14357.md)",
                "swapoff -a while measuring; in production no such pool where swap is on",
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

    /// The only check that is not good, in a memory that is otherwise healthy.
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
    fn an_ordinary_machine_is_good_throughout() {
        assert!(healthy().checks().iter().all(|check| check.grade == Grade::Good));
    }

    #[test]
    fn what_the_system_does_not_tell_is_no_complaint_but_for_the_machine_class() {
        let memory = Memory { thp_mode: "unknown".into(), ..Memory::default() };
        assert!(limited(&memory).cost.contains("thp_unknown"));
    }

    #[test]
    fn huge_pages_for_everyone_limit() {
        assert_eq!(limited(&Memory { thp_mode: "always".into(), ..healthy() }).name, "THP mode");
    }

    #[test]
    fn strict_overcommit_shows_its_ratio_its_limit_and_what_is_left() {
        let check = limited(&Memory { overcommit: Some(2), ..healthy() });
        assert_eq!(check.finding, "2 (strict, ratio 50 %, limit 12 GiB, 11 GiB left)");
    }

    #[test]
    fn few_mappings_limit_and_more_than_usual_do_not() {
        assert_eq!(limited(&Memory { max_map_count: Some(8192), ..healthy() }).finding, "8192");
        assert_eq!(Memory { max_map_count: Some(1 << 20), ..healthy() }.mappings().grade, Grade::Good);
    }

    #[test]
    fn a_containers_limit_counts_even_where_the_machine_has_plenty() {
        let check = limited(&Memory { cgroup_limit: Some(Bytes(512 << 20)), ..healthy() });
        assert_eq!(check.finding, "22 GiB available, this process's cgroup limited to 512 MiB");
        assert_eq!(
            limited(&Memory { info: info(|info| info.available = Some(Bytes(GIB))), ..healthy() }).name,
            "free memory"
        );
    }

    #[test]
    fn swap_limits_even_while_it_is_empty() {
        let check = limited(&Memory { info: info(|info| info.swap = Bytes(8 * GIB)), ..healthy() });
        assert_eq!(check.finding, "0 B of 8 GiB used");
    }

    #[test]
    fn swap_names_the_lost_pages_and_the_pools_that_leak() {
        let cost = limited(&Memory { info: info(|info| info.swap = Bytes(8 * GIB)), ..healthy() }).cost;
        assert!(cost.contains("leave anon") && cost.contains("docs/wasmtime-14357.md"), "{cost}");
    }

    #[test]
    fn this_systems_meminfo_can_be_read() {
        let info = Info::parse(&fs::read_to_string("/proc/meminfo").expect("Linux")).expect("well formed");
        assert!(info.available.is_some() && info.swap_used <= info.swap);
        assert!(Info::parse("MemTotal: many\n").is_none());
    }
}
