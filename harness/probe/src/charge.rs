//! The charge of a worker's memory cgroup: what the kernel counts for the worker and everything that it starts, which
//! covers kernel memory and is the cross-check of all other metrics.

use highwater_model::{Metric, Snapshot};

use super::{
    MemoryCgroup,
    settle::{KernelMemory, Settled, WhileWaiting},
    worker_cgroup::CgroupPeak,
};

/// The charge of one worker's cgroup over its snapshots.
#[derive(Debug)]
pub(super) struct Charge {
    peak: Option<CgroupPeak>,
    kernel_peak: Option<CgroupPeak>,
    group: MemoryCgroup,
    /// The highest peak between the first stage and the baseline stage. Before the first stage the group contains the
    /// fork of the parent, whose pages are copied until it executes the worker's program.
    highest: Option<u64>,
    previous: Option<Reading>,
    settled: Settled,
    is_past_baseline: bool,
}

/// What a snapshot found, bytes.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// The whole charge.
    charge: u64,
    /// Memory of the worker that its own peak covers.
    user: u64,
    kernel: KernelMemory,
}

impl Charge {
    pub(super) fn new(group: MemoryCgroup) -> Self {
        Self {
            peak: None,
            kernel_peak: None,
            group,
            highest: None,
            previous: None,
            settled: Settled::default(),
            is_past_baseline: false,
        }
    }

    pub(super) fn while_waiting(&mut self, call: WhileWaiting) {
        self.settled.while_waiting = Some(call);
    }

    /// Adds the charge to a snapshot that has the account of the tree.
    pub(super) fn add(&mut self, snapshot: &mut Snapshot, is_baseline: bool) {
        let get = |metric: Metric| snapshot.get(metric).unwrap_or(0);
        let (page_tables, mappings) = (get(Metric::PageTables), get(Metric::Vmas));
        let user = get(Metric::Anon) + get(Metric::Shmem);
        // Swapped out pages, the hugetlb pool and files on disks are not charged as memory.
        let charged =
            get(Metric::Total).saturating_sub(get(Metric::Swap) + get(Metric::Hugetlb) + get(Metric::DeletedFiles));
        // Before anything else is read, because it may wait.
        let kernel = self.settled.read(page_tables, mappings, || self.group.kernel().map(|it| it.0));
        let Ok(current) = self.group.current() else { return };
        snapshot.add(Metric::CgroupCurrent, current.0);
        let now = Reading { charge: current.0, user, kernel: kernel.unwrap_or_default() };
        self.add_peak(snapshot, now, is_baseline);
        let file_cache = self.group.file_cache();
        if let Some(kernel) = kernel {
            snapshot.add(Metric::Kernel, kernel.settled + self.group.uncharged_tcp().0);
        }
        if let Some(cache) = file_cache {
            snapshot.add(Metric::FileCache, cache.0);
        }
        if let (Some(kernel), Some(cache)) = (kernel, file_cache) {
            let known = charged + kernel.settled + cache.0;
            snapshot.add(Metric::Unaccounted, current.0.saturating_sub(known));
        }
    }

    /// The highest charge since the last snapshot. The next one includes it, too.
    pub(super) fn peak(&mut self) -> Option<u64> {
        self.peak.as_mut().and_then(CgroupPeak::read)
    }

    fn add_peak(&mut self, snapshot: &mut Snapshot, now: Reading, is_baseline: bool) {
        let is_first = self.peak.is_none();
        if is_first {
            self.peak = CgroupPeak::of(&self.group);
            self.kernel_peak = CgroupPeak::of_kernel(&self.group);
        }
        let Some(since_last) = self.peak.as_mut().and_then(CgroupPeak::take) else { return };
        let kernel_peak = self.kernel_peak.as_mut().and_then(CgroupPeak::take);
        let since_last = if is_first { now.charge } else { since_last.max(now.charge) };
        snapshot.add(Metric::CgroupPeak, if is_baseline { now.charge } else { since_last });
        let before = self.previous.replace(now).unwrap_or(now);
        let own_peak = snapshot.get(Metric::PeakAnon).unwrap_or(0);
        let hidden = hidden_peak([before, now], since_last, own_peak, kernel_peak);
        snapshot.add(Metric::HiddenPeak, if is_baseline { 0 } else { hidden });
        if !self.is_past_baseline {
            let highest = self.highest.unwrap_or(0).max(since_last);
            self.highest = Some(highest);
            if is_baseline {
                snapshot.add(Metric::CgroupPeakBefore, highest.saturating_sub(now.charge));
                self.is_past_baseline = true;
            }
        }
    }
}

/// How far the charge rose within a stage above both of its ends, less what the worker's own peak shows, and less the
/// kernel's: page tables and mappings that were removed stay charged for a while, the longer the busier the machine is.
/// Where the peak of kernel memory is unknown, what was still to be released at the end of the stage stands for it.
fn hidden_peak([before, now]: [Reading; 2], peak: u64, own_peak: u64, kernel_peak: Option<u64>) -> u64 {
    let above = peak.saturating_sub(now.charge.max(before.charge));
    let own = own_peak.saturating_sub(now.user.max(before.user));
    let kernel = kernel_peak
        .map_or(now.kernel.released, |peak| peak.saturating_sub(now.kernel.settled.max(before.kernel.settled)));
    above.saturating_sub(own + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn reading(charge: u64, user: u64, kernel: u64, released: u64) -> Reading {
        Reading { charge, user, kernel: KernelMemory { settled: kernel, released } }
    }

    #[test]
    fn a_hidden_peak_is_above_both_ends_and_neither_the_workers_nor_the_kernels() {
        let ends = [reading(10 * MIB, 6 * MIB, MIB, 0), reading(12 * MIB, 8 * MIB, MIB, 4 * MIB)];
        // 8 MiB above the ends, of which the worker had 2 and the kernel 5 that it released.
        assert_eq!(hidden_peak(ends, 20 * MIB, 10 * MIB, Some(6 * MIB)), MIB);
        // Version 2 of cgroups: 4 MiB were released at the end.
        assert_eq!(hidden_peak(ends, 20 * MIB, 10 * MIB, None), 2 * MIB);
        // What is released late is no peak.
        assert_eq!(hidden_peak(ends, 16 * MIB, 8 * MIB, Some(5 * MIB)), 0);
        assert_eq!(hidden_peak(ends, 12 * MIB, 8 * MIB, Some(MIB)), 0);
    }
}
