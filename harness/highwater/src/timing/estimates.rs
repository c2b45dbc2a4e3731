//! What criterion wrote into its folder: the times of this run, and their changes since an earlier one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use highwater_model::TimeEstimate;
use highwater_report::TimeChange;
use serde::{Deserialize, de::DeserializeOwned};

/// A finished run of criterion: the folder of its estimates, and when it was started.
pub(crate) struct CriterionRun {
    home: PathBuf,
    started: SystemTime,
}

#[derive(Deserialize)]
struct BenchmarkFile {
    group_id: String,
    function_id: Option<String>,
}

#[derive(Deserialize)]
struct EstimatesFile {
    mean: EstimateFile,
    slope: Option<EstimateFile>,
}

#[derive(Deserialize)]
struct ChangeFile {
    mean: EstimateFile,
}

#[derive(Deserialize)]
struct EstimateFile {
    confidence_interval: IntervalFile,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct IntervalFile {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

impl CriterionRun {
    pub(super) fn new(home: PathBuf, started: SystemTime) -> Self {
        Self { home, started }
    }

    /// The estimates of this run by case id and routine. Criterion stores them as
    /// `GROUP/FUNCTION/new/{benchmark,estimates}.json`; those of earlier runs are ignored.
    pub(crate) fn estimates(&self) -> BTreeMap<(String, String), TimeEstimate> {
        self.functions().filter_map(|function| self.estimate(&function)).collect()
    }

    /// The changes since the run that criterion compared with, which it stores as `GROUP/FUNCTION/change/estimates.json`.
    pub(crate) fn changes(&self) -> Vec<TimeChange> {
        let mut changes: Vec<TimeChange> = self.functions().filter_map(|function| self.change(&function)).collect();
        changes.sort_by(|a, b| a.benchmark.cmp(&b.benchmark));
        changes
    }

    /// The folders of all functions.
    fn functions(&self) -> impl Iterator<Item = PathBuf> {
        let folders = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        folders(self.home.clone()).flat_map(folders)
    }

    /// A file that this run wrote.
    fn read<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        let is_new = fs::metadata(path).ok()?.modified().ok()? >= self.started;
        serde_json::from_slice(&is_new.then(|| fs::read(path).ok())??).ok()
    }

    /// The case and the routine of a function that this run measured.
    fn benchmark(&self, function: &Path) -> Option<(String, String)> {
        let id: BenchmarkFile = self.read(&function.join("new/benchmark.json"))?;
        Some((id.group_id, id.function_id?))
    }

    fn estimate(&self, function: &Path) -> Option<((String, String), TimeEstimate)> {
        let estimates: EstimatesFile = self.read(&function.join("new/estimates.json"))?;
        let (estimator, estimate) = match estimates.slope {
            Some(slope) => ("slope", slope),
            None => ("mean", estimates.mean),
        };
        let time = TimeEstimate {
            estimator: estimator.to_owned(),
            ns: estimate.point_estimate,
            low_ns: estimate.confidence_interval.lower_bound,
            high_ns: estimate.confidence_interval.upper_bound,
            confidence: estimate.confidence_interval.confidence_level,
        };
        // JSON has no infinite numbers and no NaN, so a record with one could not be read.
        let numbers = [time.ns, time.low_ns, time.high_ns, time.confidence];
        numbers.iter().all(|number| number.is_finite()).then_some((self.benchmark(function)?, time))
    }

    fn change(&self, function: &Path) -> Option<TimeChange> {
        let ChangeFile { mean } = self.read(&function.join("change/estimates.json"))?;
        let (case, routine) = self.benchmark(function)?;
        Some(TimeChange {
            benchmark: format!("{case}/{routine}"),
            change: mean.point_estimate,
            low: mean.confidence_interval.lower_bound,
            high: mean.confidence_interval.upper_bound,
        })
    }
}
