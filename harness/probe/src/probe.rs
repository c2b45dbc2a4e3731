//! Takes snapshots of a worker: its own memory from `/proc/PID/{smaps,status,stat}`, that of its whole tree
//! ([`super::account`]), and the charge of its memory cgroup.
//!
//! `smaps` has the totals, the kinds of pages, the categories and the number of mappings, `status` the page tables, address
//! space and peak, and `stat` the faults. `smaps_rollup` is not read, because the kernel walks all page tables for it once more. The
//! `rss` of `stat` and `ru_maxrss` are not used: the kernel batches the former by 32 pages per CPU, and a child inherits
//! the latter from its parent at fork.

use std::{collections::BTreeSet, ops::Range, path::PathBuf};

use highwater_model::{Category, Metric, Quantity, Snapshot};

use super::{
    MemoryCgroup,
    account::Account,
    categories::{Labels, classify},
    charge::Charge,
    peak::{Level, PeakTracker},
    process::{ProbeError, ProcessFiles, Status},
    settle::WhileWaiting,
    smaps::{self, Mapping},
    tmpfs::TmpfsDevices,
    tree::{Ended, ProcessTree},
};

/// What must be known before the worker starts.
#[derive(Debug)]
pub struct Before(Account);

impl Before {
    /// To be called before the worker starts.
    #[must_use]
    pub fn start() -> Self {
        Self(Account::new())
    }
}

/// Reads the memory of one worker and of everything that it starts.
#[derive(Debug)]
pub struct Probe {
    worker: ProcessFiles,
    program: Option<PathBuf>,
    /// Known since the first snapshot.
    tmpfs: Option<TmpfsDevices>,
    tree: ProcessTree,
    account: Account,
    peaks: PeakTracker,
    charge: Option<Charge>,
    /// Why `VmHWM` could not be reset.
    peak_refused: Option<String>,
}

impl Probe {
    /// Creates a probe for the process `pid`, which must be paused whenever it is read. `mark` is an environment variable
    /// of all workers, and `group` the memory cgroup that contains only this one and its descendants.
    #[must_use]
    pub fn new(before: Before, pid: u32, group: Option<MemoryCgroup>, mark: &'static str) -> Self {
        Self {
            worker: ProcessFiles::of(pid),
            program: None,
            tmpfs: None,
            tree: ProcessTree::new(pid, group.clone(), mark),
            account: before.0,
            peaks: PeakTracker::default(),
            charge: group.map(Charge::new),
            peak_refused: None,
        }
    }

    /// Sets what is called when a snapshot has to wait for the kernel. The worker must stay paused meanwhile.
    pub fn while_waiting(&mut self, call: WhileWaiting) {
        if let Some(charge) = &mut self.charge {
            charge.while_waiting(call);
        }
    }

    /// Adds figures of the whole tree to each snapshot from now on: `tree_anon_bytes`, `tree_rss_bytes` and others.
    pub fn sum_tree(&mut self) {
        self.account.sum_tree();
    }

    /// Takes a snapshot. Memory in labelled ranges is counted in the category of the label. Peaks are those since the
    /// previous snapshot; at the baseline stage, they are the memory itself.
    ///
    /// # Errors
    /// If a file cannot be read, for example because the process has ended.
    pub fn snapshot(&mut self, labels: &Labels, is_baseline: bool) -> Result<Snapshot, ProbeError> {
        let program = match self.program.take() {
            Some(program) => program,
            None => self.worker.program()?,
        };
        let mut snapshot = Snapshot::default();
        let mut status = self.worker.status()?;
        let mark = status.high_water_mark;
        self.peak_refused = self.worker.reset_high_water_mark().err().map(|error| error.to_string());
        // The mark that later ones are compared with: the kernel may reset it to more than the RSS.
        status.high_water_mark = self.worker.status()?.high_water_mark;
        let path = self.worker.path("smaps");
        let text = self.worker.read("smaps")?.into_owned();
        let mappings = smaps::parse(&text).map_err(|line| ProbeError::Line { path, line: line.to_owned() })?;
        totals(&mut snapshot, &mappings);
        let shmem = self.tmpfs.get_or_insert_with(|| TmpfsDevices::of(&mut self.worker)).shmem(&mappings);
        snapshot.add(Metric::Shmem, shmem);
        by_category(&mut snapshot, &mappings, &program, labels);
        self.status(&mut snapshot, &status, mark, is_baseline);
        let faults = self.worker.faults()?;
        snapshot.add(Metric::MinorFaults, faults.minor);
        snapshot.add(Metric::MajorFaults, faults.major);
        self.account.add(&mut snapshot, &mut self.tree, &mut self.worker, &mappings)?;
        if let Some(charge) = &mut self.charge {
            charge.add(&mut snapshot, is_baseline);
        }
        self.program = Some(program);
        Ok(snapshot)
    }

    /// The memory of the worker and all that it has started ([`Metric::Total`]), for a reading between two snapshots. It
    /// resets no peak.
    ///
    /// # Errors
    /// If a file cannot be read, for example because the process has ended.
    pub fn total(&mut self) -> Result<u64, ProbeError> {
        let path = self.worker.path("smaps");
        let text = self.worker.read("smaps")?.into_owned();
        let mappings = smaps::parse(&text).map_err(|line| ProbeError::Line { path, line: line.to_owned() })?;
        let mut snapshot = Snapshot::default();
        self.account.add(&mut snapshot, &mut self.tree, &mut self.worker, &mappings)?;
        Ok(snapshot.get(Metric::Total).unwrap_or(0))
    }

    /// The highest charge of the worker's cgroup since the last snapshot; `None` if it is not known.
    pub fn charge_peak(&mut self) -> Option<u64> {
        self.charge.as_mut().and_then(Charge::peak)
    }

    /// The category of every mapping of the worker, by address.
    ///
    /// # Errors
    /// If a file cannot be read, for example because the process has ended.
    pub fn categories(&mut self, labels: &Labels) -> Result<Vec<(Range<u64>, Category)>, ProbeError> {
        let program = self.worker.program()?;
        let path = self.worker.path("smaps");
        let text = self.worker.read("smaps")?.into_owned();
        let mappings = smaps::parse(&text).map_err(|line| ProbeError::Line { path, line: line.to_owned() })?;
        let categories = classify(&mappings, &program, labels);
        Ok(mappings.into_iter().map(|mapping| mapping.range).zip(categories).collect())
    }

    /// Why the system did not reset `VmHWM` for the last snapshot; `None` if it did.
    #[must_use]
    pub fn peak_refused(&self) -> Option<&str> {
        self.peak_refused.as_deref()
    }

    /// To be called after the worker has executed another program.
    pub fn program_has_changed(&mut self) {
        self.program = None;
    }

    /// The processes that the worker has started and that are running, and those that they have.
    #[must_use]
    pub fn descendants(&self) -> BTreeSet<u32> {
        self.tree.descendants()
    }

    /// Kills and reaps everything that the worker has started and that is still running, to be called after the worker
    /// was reaped.
    #[must_use]
    pub fn end_descendants(&self) -> Ended {
        self.tree.end()
    }

    fn status(&mut self, snapshot: &mut Snapshot, status: &Status, mark: u64, is_baseline: bool) {
        let get = |metric: Metric| snapshot.get(metric).unwrap_or(0);
        // A thread that runs on while the files are read may need memory meanwhile, so the mark is at least the RSS.
        let (others, now) = (get(Metric::Anon) + get(Metric::Shmem), status.high_water_mark.max(get(Metric::Rss)));
        let file = get(Metric::Rss).saturating_sub(others);
        let level = Level { others, file, mark: now };
        let peaks = self.peaks.update(level, mark.max(get(Metric::Rss)), is_baseline);
        snapshot.add(Metric::File, file);
        snapshot.add(Metric::PageTables, status.page_tables);
        snapshot.add(Metric::Vsize, status.address_space);
        snapshot.add(Metric::Threads, status.threads);
        snapshot.add(Metric::Peak, peaks.all);
        snapshot.add(Metric::PeakAnon, peaks.without_files);
        if let Some(before) = peaks.before {
            snapshot.add(Metric::PeakBefore, before);
        }
    }
}

/// What a mapping adds to a metric, in bytes.
type Part = fn(&Mapping<'_>) -> u64;

fn totals(snapshot: &mut Snapshot, mappings: &[Mapping<'_>]) {
    let metrics: [(Metric, Part); 7] = [
        (Metric::Anon, |mapping| mapping.anon),
        (Metric::Rss, |mapping| mapping.rss),
        (Metric::Pss, |mapping| mapping.pss),
        (Metric::Uss, |mapping| mapping.uss),
        (Metric::Swap, |mapping| mapping.swap),
        (Metric::LazyFree, |mapping| mapping.lazy_free),
        (Metric::AnonHuge, |mapping| mapping.anon_huge),
    ];
    for (metric, of) in metrics {
        snapshot.add(metric, mappings.iter().map(of).sum::<u64>());
    }
}

fn by_category(snapshot: &mut Snapshot, mappings: &[Mapping<'_>], program: &std::path::Path, labels: &Labels) {
    snapshot.add(Metric::Vmas, mappings.len() as u64);
    snapshot.add(Metric::AnonHeap, 0);
    snapshot.add(Metric::AnonMapped, 0);
    for (mapping, category) in mappings.iter().zip(classify(mappings, program, labels)) {
        snapshot.add(Quantity::Within(Metric::Vmas, category), 1);
        snapshot.add(Quantity::Within(Metric::Anon, category), mapping.anon);
        let part = if category.is_heap() { Metric::AnonHeap } else { Metric::AnonMapped };
        snapshot.add(part, mapping.anon);
        snapshot.add(Quantity::Within(Metric::Rss, category), mapping.rss);
        snapshot.add(Quantity::Within(Metric::Pss, category), mapping.pss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Label;

    /// Captured from a worker of `sandbox-scaling/pooling/cow=on,guest=image` at `called@3`, ASLR on.
    fn captured() -> Probe {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc/worker-pooling-image"));
        let program = "/work/main/target/release/sandbox-scaling".into();
        let mut probe = Probe::new(Before::start(), u32::MAX, None, "NONE");
        probe.worker = ProcessFiles::at(folder);
        probe.program = Some(program);
        probe
    }

    #[test]
    fn a_captured_worker_is_read_correctly() {
        let mut labels = Labels::default();
        // Its three linear memories of 161 wasm pages, one per slot.
        for start in [0x7bed_d920_0000, 0x7bee_db20_0000, 0x7bef_dd20_0000_u64] {
            labels.add(Label { category: Category::LinearMemory, range: start..start + 161 * 65_536 });
        }
        let snapshot = captured().snapshot(&labels, true).expect("all files are there");
        let anon = |category| snapshot.get(Quantity::Within(Metric::Anon, category));
        let vmas = |category| snapshot.get(Quantity::Within(Metric::Vmas, category));
        // Each sandbox wrote to 16 pages of its image and to no other page of its memory.
        assert_eq!(anon(Category::CowImage), Some(3 * 16 * 4096));
        assert_eq!((vmas(Category::CowImage), vmas(Category::LinearMemory)), (Some(3), Some(3)));
        assert_eq!(anon(Category::LinearMemory), None);
        assert_eq!(vmas(Category::HostHeap), Some(1));
        // The totals are the sums of the categories.
        for metric in [Metric::Anon, Metric::Rss] {
            let parts = Category::ALL.iter().filter_map(|category| snapshot.get(Quantity::Within(metric, *category)));
            assert_eq!(snapshot.get(metric), Some(parts.sum()), "{metric}");
        }
        // RssFile and RssShmem of status.
        let get = |metric: Metric| snapshot.get(metric).expect("read");
        assert_eq!((get(Metric::File), get(Metric::Shmem)), (5720 << 10, 0));
        assert_eq!(get(Metric::Rss), get(Metric::Anon) + get(Metric::File));
        assert!(get(Metric::Peak) >= get(Metric::Rss));
    }

    #[test]
    fn the_error_for_a_missing_process_names_the_file() {
        let mut probe = Probe::new(Before::start(), 0, None, "NONE");
        let error = probe.snapshot(&Labels::default(), false).expect_err("no process 0").to_string();
        assert!(error.starts_with("/proc/0/exe"), "{error}");
    }
}
