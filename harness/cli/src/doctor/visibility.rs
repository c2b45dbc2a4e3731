//! What this kernel and the rights of this user show of a worker's memory beyond its own pages: descendants, shared
//! memory without a descriptor, System V segments, kernel memory, and the peak of a cgroup.

use std::path::Path;

use highwater_probe::{WorkerCgroup, children_are_listed, map_files_are_readable};

use super::check::Check;

/// What can be read. `None` where there is no cgroup to read it from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visibility {
    children: bool,
    map_files: bool,
    segments: bool,
    kernel: Option<bool>,
    cgroup_peak: Option<bool>,
}

impl Visibility {
    pub(super) fn read() -> Self {
        let group = WorkerCgroup::create().ok();
        Self {
            children: children_are_listed(),
            map_files: map_files_are_readable(),
            segments: Path::new("/proc/sysvipc/shm").exists(),
            kernel: group.as_ref().map(|group| group.group().kernel().is_some()),
            cgroup_peak: group.as_ref().map(|group| group.group().has_stage_peaks()),
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let see_cgroup = "see `memory cgroup`";
        let of_cgroup = |name, readable: Option<bool>, cost, fix| match readable {
            Some(true) => Check::good(name, "readable"),
            Some(false) => Check::limits(name, "not reported by this kernel", cost, fix),
            None => Check::limits(name, "no cgroup for workers", cost, see_cgroup),
        };
        let plain = |name, readable: bool, cost, fix| match readable {
            true => Check::good(name, "readable"),
            false => Check::limits(name, "not readable", cost, fix),
        };
        vec![
            plain(
                "children of a process",
                self.children,
                "without a memory cgroup, memory of processes that a worker starts is not measured",
                "use a kernel with CONFIG_PROC_CHILDREN",
            ),
            plain(
                "mapped files",
                self.map_files,
                "pages of a memfd or of shared anonymous memory that is mapped, has no open descriptor and was not \
                 touched through this mapping are not in shmem_total",
                "run as root or with CAP_CHECKPOINT_RESTORE",
            ),
            plain(
                "System V segments",
                self.segments,
                "segments that are not attached are not measured",
                "none is needed if the kernel has no System V IPC; otherwise mount /proc without restrictions",
            ),
            of_cgroup(
                "kernel memory",
                self.kernel,
                "buffers of sockets and pipes, rings of io_uring and other kernel memory are not measured",
                "use Linux 5.18 or newer",
            ),
            of_cgroup(
                "peak of a cgroup",
                self.cgroup_peak,
                "peaks between two stages in descendants or in memory that is not mapped are not measured",
                "use Linux 6.12 or newer",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    const EVERYTHING: Visibility =
        Visibility { children: true, map_files: true, segments: true, kernel: Some(true), cgroup_peak: Some(true) };

    #[test]
    fn whatever_cannot_be_read_has_a_consequence_and_a_fix() {
        assert!(EVERYTHING.checks().iter().all(|check| check.grade == Grade::Good));
        for limited in [
            Visibility { children: false, ..EVERYTHING },
            Visibility { map_files: false, ..EVERYTHING },
            Visibility { segments: false, ..EVERYTHING },
            Visibility { kernel: Some(false), ..EVERYTHING },
            Visibility { kernel: None, ..EVERYTHING },
            Visibility { cgroup_peak: Some(false), ..EVERYTHING },
            Visibility { cgroup_peak: None, ..EVERYTHING },
        ] {
            let checks = limited.checks();
            let limits: Vec<_> = checks.iter().filter(|check| check.grade == Grade::Limits).collect();
            let [check] = limits.as_slice() else { panic!("{limited:?}: {limits:?}") };
            assert!(!check.cost.is_empty() && !check.fix.is_empty(), "{check:?}");
        }
    }
}
