//! Reads `/proc/PID/{smaps_rollup,smaps,status,stat,clear_refs}` into a snapshot.
//!
//! `smaps_rollup` has the totals, `smaps` the categories and the number of mappings, `status` the page tables, address
//! space and peak, and `stat` the faults. The `rss` of `stat` and `ru_maxrss` are not used: the kernel batches the
//! former by 32 pages per CPU, and a child inherits the latter from its parent at fork.

use std::{fs, io, path::PathBuf};

use highwater_model::{Metric, Quantity, Snapshot};
use procfs::{
    FromBufRead, FromRead,
    process::{SmapsRollup, Stat, Status},
};

use super::{
    categories::{Labels, classify},
    peak::PeakTracker,
    smaps,
};

/// A file of `/proc` could not be read or parsed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// An I/O error, for example because the process has ended.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The file has an unexpected format.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: procfs::ProcError,
    },
    /// A line of `smaps` has an unexpected format.
    #[error("{path}: cannot parse the line {line:?}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: String,
    },
    /// A field is missing that all supported kernels have.
    #[error("{path}: no field {field}; Highwater requires Linux 4.14 or newer with smaps")]
    NoField {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
    },
}

/// Reads the memory of one process.
#[derive(Debug)]
pub struct Probe {
    folder: PathBuf,
    program: PathBuf,
    peaks: PeakTracker,
}

impl Probe {
    /// Creates a probe for the process `pid`, which must be paused whenever it is read.
    ///
    /// # Errors
    /// If `/proc/PID/exe` cannot be read.
    pub fn of(pid: u32) -> Result<Self, ProbeError> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let exe = folder.join("exe");
        let program = fs::read_link(&exe).map_err(|source| ProbeError::Io { path: exe, source })?;
        Ok(Self { folder, program, peaks: PeakTracker::default() })
    }

    /// Takes a snapshot. Memory in labelled ranges is counted in the category of the label. The peaks depend on earlier
    /// snapshots, too.
    ///
    /// # Errors
    /// If a file cannot be read, for example because the process has ended.
    pub fn snapshot(&mut self, labels: &Labels) -> Result<Snapshot, ProbeError> {
        let mut snapshot = Snapshot::default();
        self.totals(&mut snapshot)?;
        self.mappings(&mut snapshot, labels)?;
        self.status(&mut snapshot)?;
        Ok(snapshot)
    }

    /// Resets the peak (`VmHWM`) to the current RSS.
    ///
    /// # Errors
    /// If `clear_refs` cannot be written.
    pub fn reset_peak(&mut self) -> Result<(), ProbeError> {
        let path = self.folder.join("clear_refs");
        // 5 resets the high-water mark without touching pages (proc_pid_clear_refs(5)).
        fs::write(&path, "5").map_err(|source| ProbeError::Io { path, source })?;
        self.peaks = PeakTracker::default();
        Ok(())
    }

    fn read(&self, name: &str) -> Result<(PathBuf, String), ProbeError> {
        let path = self.folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(source) => Err(ProbeError::Io { path, source }),
        }
    }

    fn parse<T>(&self, name: &str, parse: impl Fn(&[u8]) -> procfs::ProcResult<T>) -> Result<(PathBuf, T), ProbeError> {
        let (path, text) = self.read(name)?;
        match parse(text.as_bytes()) {
            Ok(value) => Ok((path, value)),
            Err(source) => Err(ProbeError::Parse { path, source }),
        }
    }

    fn totals(&self, snapshot: &mut Snapshot) -> Result<(), ProbeError> {
        let (path, rollup) = self.parse("smaps_rollup", |text| SmapsRollup::from_buf_read(text))?;
        let fields = rollup.memory_map_rollup.0.first().map(|map| &map.extension.map);
        let get = |field: &'static str| {
            let value = fields.and_then(|fields| fields.get(field)).copied();
            value.ok_or_else(|| ProbeError::NoField { path: path.clone(), field })
        };
        snapshot.add(Metric::Anon, get("Anonymous")?);
        snapshot.add(Metric::Rss, get("Rss")?);
        snapshot.add(Metric::Pss, get("Pss")?);
        snapshot.add(Metric::Uss, get("Private_Clean")? + get("Private_Dirty")?);
        snapshot.add(Metric::Swap, get("Swap")?);
        Ok(())
    }

    fn mappings(&self, snapshot: &mut Snapshot, labels: &Labels) -> Result<(), ProbeError> {
        let (path, text) = self.read("smaps")?;
        let mappings = smaps::parse(&text).map_err(|line| ProbeError::Line { path, line: line.to_owned() })?;
        snapshot.add(Metric::Vmas, mappings.len() as u64);
        snapshot.add(Metric::AnonHeap, 0);
        snapshot.add(Metric::AnonMapped, 0);
        for (mapping, category) in mappings.iter().zip(classify(&mappings, &self.program, labels)) {
            snapshot.add(Quantity::Within(Metric::Vmas, category), 1);
            snapshot.add(Quantity::Within(Metric::Anon, category), mapping.anon);
            let part = if category.is_heap() { Metric::AnonHeap } else { Metric::AnonMapped };
            snapshot.add(part, mapping.anon);
            snapshot.add(Quantity::Within(Metric::Rss, category), mapping.rss);
            snapshot.add(Quantity::Within(Metric::Pss, category), mapping.pss);
        }
        Ok(())
    }

    fn status(&mut self, snapshot: &mut Snapshot) -> Result<(), ProbeError> {
        let (path, status) = self.parse("status", |text| Status::from_buf_read(text))?;
        let bytes = |kib: Option<u64>, field| {
            let kib = kib.ok_or_else(|| ProbeError::NoField { path: path.clone(), field })?;
            Ok(kib * 1024)
        };
        let (file, shmem) = (bytes(status.rssfile, "RssFile")?, bytes(status.rssshmem, "RssShmem")?);
        let others = snapshot.get(Metric::Anon).unwrap_or(0) + shmem;
        let peaks = self.peaks.update(others, file, bytes(status.vmhwm, "VmHWM")?);
        snapshot.add(Metric::File, file);
        snapshot.add(Metric::Shmem, shmem);
        snapshot.add(Metric::PageTables, bytes(status.vmpte, "VmPTE")?);
        snapshot.add(Metric::Vsize, bytes(status.vmsize, "VmSize")?);
        snapshot.add(Metric::Threads, status.threads);
        snapshot.add(Metric::Peak, peaks.all);
        snapshot.add(Metric::PeakAnon, peaks.without_files);
        let (_, stat) = self.parse("stat", |text| Stat::from_read(text))?;
        snapshot.add(Metric::MinorFaults, stat.minflt);
        snapshot.add(Metric::MajorFaults, stat.majflt);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Label;
    use highwater_model::Category;

    /// Captured from a worker of `sandbox-scaling/pooling/cow=on,guest=image` at `called@3`, ASLR on.
    fn captured() -> Probe {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc/worker-pooling-image"));
        let program = "/work/main/target/release/sandbox-scaling".into();
        Probe { folder, program, peaks: PeakTracker::default() }
    }

    #[test]
    fn a_captured_worker_is_read_correctly() {
        let mut labels = Labels::default();
        // Its three linear memories of 161 wasm pages, one per slot.
        for start in [0x7bed_d920_0000, 0x7bee_db20_0000, 0x7bef_dd20_0000_u64] {
            labels.add(Label { category: Category::LinearMemory, range: start..start + 161 * 65_536 });
        }
        let snapshot = captured().snapshot(&labels).expect("all files are there");
        let anon = |category| snapshot.get(Quantity::Within(Metric::Anon, category));
        let vmas = |category| snapshot.get(Quantity::Within(Metric::Vmas, category));
        // Each sandbox wrote to 16 pages of its image and to no other page of its memory.
        assert_eq!(anon(Category::CowImage), Some(3 * 16 * 4096));
        assert_eq!((vmas(Category::CowImage), vmas(Category::LinearMemory)), (Some(3), Some(3)));
        assert_eq!(anon(Category::LinearMemory), None);
        assert_eq!(vmas(Category::HostHeap), Some(1));
        // The totals of smaps_rollup are the sums of smaps.
        for metric in [Metric::Anon, Metric::Rss] {
            let parts = Category::ALL.iter().filter_map(|category| snapshot.get(Quantity::Within(metric, *category)));
            assert_eq!(snapshot.get(metric), Some(parts.sum()), "{metric}");
        }
        // RSS is the sum of the kinds of pages in status.
        let get = |metric: Metric| snapshot.get(metric).expect("read");
        assert_eq!(get(Metric::Rss), get(Metric::Anon) + get(Metric::File) + get(Metric::Shmem));
        assert!(get(Metric::Peak) >= get(Metric::Rss));
    }

    #[test]
    fn the_error_for_a_missing_process_names_the_file() {
        let mut probe = Probe { folder: "/proc/0".into(), program: PathBuf::new(), peaks: PeakTracker::default() };
        let error = probe.snapshot(&Labels::default()).expect_err("no process 0").to_string();
        assert!(error.starts_with("/proc/0/smaps_rollup"), "{error}");
    }
}
