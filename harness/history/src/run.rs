//! A run and its rows, as a store keeps them.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use highwater_model::{Aspect, CaseId, MachineClass, Quantity};

use crate::HistoryError;

/// A run of one machine class at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRun {
    /// Unique in the store, and the name of its file.
    pub id: String,
    /// The machine class.
    pub class: MachineClass,
    /// The full commit hash.
    pub revision: String,
    /// The commit time, in seconds since 1970.
    pub commit_time: i64,
}

impl HistoryRun {
    /// The path of its file within a store.
    ///
    /// # Errors
    /// If the id is not fit for a file name, or the commit time is before 1970 or after 9999.
    pub(super) fn path(&self) -> Result<PathBuf, HistoryError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.id.is_empty() || self.id.starts_with('.') || !self.id.chars().all(allowed) {
            return Err(HistoryError::RunId(self.id.clone()));
        }
        let error = || HistoryError::Time { id: self.id.clone(), time: self.commit_time };
        let seconds = u64::try_from(self.commit_time).ok().filter(|time| *time < 253_402_300_800).ok_or_else(error)?;
        let time = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        let month = &time[..7];
        Ok(format!("class={}/month={month}/{}.parquet", self.class, self.id).into())
    }
}

/// One gated value of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The case.
    pub case: CaseId,
    /// What was measured.
    pub quantity: Quantity,
    /// What of it is judged.
    pub aspect: Aspect,
    /// What one unit of the ladder is: `sandbox`.
    pub per: String,
    /// The median of the workers.
    pub value: f64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The number of workers.
    pub workers: i32,
    /// The largest rise that the policy tolerated.
    pub tolerance: f64,
}
