//! The memory of one worker and of everything that it starts, from the first stage to the end: its cgroup, its
//! snapshots, and the processes that it leaves behind.

use std::collections::BTreeSet;

use highwater_model::{Bytes, ControlState, FigureName, Metric, Quantity, Snapshot};
use highwater_probe::{Before, CgroupError, Labels, MemoryCgroup, Probe, ProbeError, WorkerCgroup};

/// The environment variable that extends a worker's environment to the length of its layout. Descendants inherit it.
pub(super) const PADDING_VAR: &str = "HIGHWATER_PADDING";

/// Creates the cgroup of a worker, or states why there is none.
///
/// # Errors
/// If there is none, and the case has a limit that only a cgroup can enforce.
pub(super) fn worker_cgroup(limit: Option<Bytes>) -> Result<(Option<WorkerCgroup>, ControlState), CgroupError> {
    match limit {
        Some(limit) => Ok((Some(WorkerCgroup::with_limit(limit)?), ControlState::Granted)),
        None => match WorkerCgroup::create() {
            Ok(group) => Ok((Some(group), ControlState::Granted)),
            Err(error) => Ok((None, ControlState::Refused(error.cause()))),
        },
    }
}

/// The snapshots of one worker.
#[derive(Debug)]
pub(super) struct Account {
    probe: Probe,
    /// The highest number of live bytes up to the baseline stage.
    highest_heap: u64,
    /// Whether the descendants were ended.
    ended: bool,
}

impl Account {
    /// The account of the process `pid`. `before` was taken before it started.
    pub(super) fn new(before: Before, pid: u32, group: Option<MemoryCgroup>) -> Self {
        // A group that the worker could not join says nothing about it.
        let group = group.filter(|group| group.processes().is_ok_and(|pids| pids.contains(&pid)));
        Self { probe: Probe::new(before, pid, group, PADDING_VAR), highest_heap: 0, ended: false }
    }

    /// Takes a snapshot of the paused worker, and adds what it reported.
    pub(super) fn snapshot(
        &mut self,
        labels: &Labels,
        is_baseline: bool,
        heap: &[(Metric, u64)],
        figures: &[(FigureName, u64)],
    ) -> Result<Snapshot, ProbeError> {
        let mut snapshot = self.probe.snapshot(labels, is_baseline)?;
        for (metric, value) in heap {
            snapshot.add(
                *metric,
                if *metric == Metric::HeapPeak { self.heap_peak(*value, heap, is_baseline) } else { *value },
            );
        }
        if is_baseline && let Some(live) = snapshot.get(Metric::HeapLive) {
            snapshot.add(Metric::HeapPeakBefore, self.highest_heap.saturating_sub(live));
        }
        for (name, value) in figures {
            snapshot.add(Quantity::Figure(*name), *value);
        }
        Ok(snapshot)
    }

    /// Growth is measured from the live bytes at the baseline stage, not from the peak while loading.
    fn heap_peak(&mut self, peak: u64, heap: &[(Metric, u64)], is_baseline: bool) -> u64 {
        self.highest_heap = self.highest_heap.max(peak);
        let live = heap.iter().find(|(other, _)| *other == Metric::HeapLive);
        if is_baseline { live.map_or(peak, |(_, live)| *live) } else { peak }
    }

    /// The processes that the worker has started, and those that they have.
    pub(super) fn descendants(&self) -> BTreeSet<u32> {
        self.probe.descendants()
    }

    /// The probe of the worker.
    pub(super) fn probe(&mut self) -> &mut Probe {
        &mut self.probe
    }

    /// Whether the system reset the peak for the last snapshot.
    pub(super) fn peak_reset(&self) -> ControlState {
        match self.probe.peak_refused() {
            None => ControlState::Granted,
            Some(error) => ControlState::Refused(error.to_owned()),
        }
    }

    /// Ends what the worker, which was reaped, has left behind. Returns a note for each kind of process.
    pub(super) fn end(&mut self) -> Vec<(String, String)> {
        self.ended = true;
        let ended = self.probe.end_descendants();
        let note = |name: &'static str| move |process: &String| (name.to_owned(), process.clone());
        let left = ended.running.iter().map(note("outlived_its_worker"));
        left.chain(ended.surviving.iter().map(note("could_not_be_ended"))).collect()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.end();
        }
    }
}
