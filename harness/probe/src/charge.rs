//! The charge of a worker's memory cgroup: what the kernel counts for the worker and everything that it starts, which
//! covers kernel memory and is the cross-check of all other metrics.

use highwater_model::{Metric, Snapshot};

use super::{MemoryCgroup, settle::Settled, worker_cgroup::CgroupPeak};

/// The charge of one worker's cgroup over its snapshots.
#[derive(Debug)]
pub(super) struct Charge {
    group: MemoryCgroup,
    peak: Option<CgroupPeak>,
    /// The highest peak between the first stage and the baseline stage. Before the first stage the group contains the
    /// fork of the parent, whose pages are copied until it executes the worker's program.
    highest: Option<u64>,
    /// The charge and the memory of the worker at the previous snapshot.
    previous: Option<(u64, u64)>,
    settled: Settled,
    is_past_baseline: bool,
}

impl Charge {
    pub(super) fn new(group: MemoryCgroup) -> Self {
        Self { peak: None, group, highest: None, previous: None, settled: Settled::default(), is_past_baseline: false }
    }

    /// Adds the charge to a snapshot that has the account of the tree.
    pub(super) fn add(&mut self, snapshot: &mut Snapshot, is_baseline: bool) {
        let get = |metric: Metric| snapshot.get(metric).unwrap_or(0);
        let (page_tables, mappings) = (get(Metric::PageTables), get(Metric::Vmas));
        // Before anything else is read, because it may wait.
        let kernel = self.settled.read(page_tables, mappings, || self.group.kernel().map(|it| it.0));
        let Ok(current) = self.group.current() else { return };
        snapshot.add(Metric::CgroupCurrent, current.0);
        self.add_peak(snapshot, current.0, is_baseline);
        let file_cache = self.group.file_cache();
        if let Some(kernel) = kernel {
            snapshot.add(Metric::Kernel, kernel + self.group.uncharged_tcp().0);
        }
        if let Some(cache) = file_cache {
            snapshot.add(Metric::FileCache, cache.0);
        }
        if let (Some(kernel), Some(cache)) = (kernel, file_cache) {
            let get = |metric: Metric| snapshot.get(metric).unwrap_or(0);
            // Swapped out pages, the hugetlb pool and files on disks are not charged as memory.
            let user =
                get(Metric::Total).saturating_sub(get(Metric::Swap) + get(Metric::Hugetlb) + get(Metric::DeletedFiles));
            snapshot.add(Metric::Unaccounted, current.0.saturating_sub(user + kernel + cache.0));
        }
    }

    fn add_peak(&mut self, snapshot: &mut Snapshot, current: u64, is_baseline: bool) {
        let is_first = self.peak.is_none();
        let Some(peak) = self.peak.take().or_else(|| CgroupPeak::of(&self.group)) else { return };
        let peak = self.peak.insert(peak);
        let Some(since_last) = peak.take() else { return };
        let since_last = if is_first { current } else { since_last.max(current) };
        snapshot.add(Metric::CgroupPeak, if is_baseline { current } else { since_last });
        let get = |metric: Metric| snapshot.get(metric).unwrap_or(0);
        // A peak is above both ends of the stage. What a stage releases was charged at its start, and the kernel may
        // release it late, so the end alone would show a peak that depends on the load of the machine.
        let user = get(Metric::Anon) + get(Metric::Shmem);
        let (charge_before, user_before) = self.previous.replace((current, user)).unwrap_or((current, user));
        let own = get(Metric::PeakAnon).saturating_sub(user.max(user_before));
        let hidden = since_last.saturating_sub(current.max(charge_before)).saturating_sub(own);
        snapshot.add(Metric::HiddenPeak, if is_baseline { 0 } else { hidden });
        if !self.is_past_baseline {
            let highest = self.highest.unwrap_or(0).max(since_last);
            self.highest = Some(highest);
            if is_baseline {
                snapshot.add(Metric::CgroupPeakBefore, highest.saturating_sub(current));
                self.is_past_baseline = true;
            }
        }
    }
}
