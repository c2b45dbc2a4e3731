//! Validation of records beyond their JSON schema. All readers rely on it: columns have the stated length, nothing
//! occurs twice, and numbers are plausible.

use std::{collections::BTreeSet, fmt::Display};

use super::{CaseRecord, CaseTimeline, MAX_READINGS, Outcome, Record, Series, TimeEstimate, case_id, is_raw};

/// The maximum number of workers of one case. A column of equal values is stored as one number, so without a limit a
/// small file could request any amount of memory.
pub const MAX_SAMPLES: usize = 10_000;
/// The maximum number of stages of one case. Fits and tests of a ladder take time in proportion to the square of its
/// rungs: `highwater capacity` takes 0.2 s for this many, and 67 s for 20,000.
pub const MAX_STAGES: usize = 1000;
/// The maximum value: 2^53, up to which `f64` represents whole numbers exactly.
pub const MAX_VALUE: u64 = 1 << 53;

impl Record {
    /// Checks the record for contradictions, which indicate a damaged or edited file.
    ///
    /// # Errors
    /// A sentence that describes the first one.
    pub fn validate(&self) -> Result<(), String> {
        // The family becomes the name of a file.
        if !case_id::is_part(&self.family) {
            return Err(format!("`{}` is not a family name", self.family));
        }
        if self.unit.is_empty() || self.unit.chars().any(is_raw) {
            return Err(format!("`{}` is not a unit", self.unit));
        }
        let mut ids = BTreeSet::new();
        match self.cases.iter().find(|case| !ids.insert(&case.id)) {
            Some(case) => Err(format!("duplicate case {}", case.id)),
            None => self.cases.iter().try_for_each(CaseRecord::validate),
        }?;
        self.selection.part.as_ref().map_or(Ok(()), |part| part.validate(self.cases.iter().map(|case| &case.id)))
    }
}

/// JSON has no infinite numbers and no NaN.
fn is_time(time: &TimeEstimate) -> bool {
    let rest = [time.low_ns, time.high_ns, time.confidence];
    time.ns >= 0.0 && time.ns.is_finite() && rest.iter().all(|number| number.is_finite())
}

impl CaseRecord {
    fn validate(&self) -> Result<(), String> {
        let (ran, completed) = (self.not_run.is_none(), self.samples > 0);
        let problems = [
            (self.samples > MAX_SAMPLES, "too many samples"),
            (ran && self.left_out, "left out but run"),
            // Those of the case, and `end`.
            (self.stages.len() > MAX_STAGES + 1, "too many stages"),
            (!ran && completed, "samples in a case that was not run"),
            (!ran && !self.failures.is_empty(), "failed workers in a case that was not run"),
            (ran && !completed && self.failures.is_empty(), "neither samples nor failed workers"),
            (!completed && !self.stages.is_empty(), "stages without samples"),
            (
                self.failures.iter().any(|failure| failure.outcome == Outcome::Completed),
                "a failed worker that completed",
            ),
            (self.time.values().any(|time| !is_time(time)), "a time that is negative or not a number"),
        ];
        if let Some((_, problem)) = problems.into_iter().find(|(present, _)| *present) {
            return Err(format!("{}: {problem}", self.id));
        }
        self.validate_column(&self.lifetime_ns, "lifetime_ns")?;
        self.timeline.iter().try_for_each(|timeline| self.validate_timeline(timeline))?;
        let mut seen = BTreeSet::new();
        for columns in &self.stages {
            let stage = &columns.stage;
            if !seen.insert(stage) {
                return Err(format!("{}: duplicate stage {stage}", self.id));
            }
            self.validate_column(&columns.wall_ns, format_args!("wall_ns at {stage}"))?;
            self.validate_column(&columns.cpu_ns, format_args!("cpu_ns at {stage}"))?;
            for (quantity, series) in &columns.memory {
                self.validate_column(series, format_args!("{quantity} at {stage}"))?;
            }
        }
        Ok(())
    }

    fn validate_timeline(&self, CaseTimeline { worker, readings, highest }: &CaseTimeline) -> Result<(), String> {
        self.validate_column(highest, "the timeline's highest")?;
        let (count, peaks) = (readings.at_ns.len(), readings.cgroup_peak.len());
        let largest = readings.at_ns.iter().chain(&readings.total).chain(&readings.cgroup_peak).max();
        let problems = [
            (*worker >= self.samples, "of a worker that did not complete"),
            (count > MAX_READINGS, "with too many readings"),
            (readings.total.len() != count || peaks != 0 && peaks != count, "whose columns have different lengths"),
            (!readings.at_ns.is_sorted(), "whose readings are not in order"),
            (largest.is_some_and(|value| *value > MAX_VALUE), "with a value above the limit of 2^53"),
        ];
        match problems.into_iter().find(|(present, _)| *present) {
            Some((_, problem)) => Err(format!("{}: a timeline {problem}", self.id)),
            None => Ok(()),
        }
    }

    /// Checks the length of a column and the size of its values.
    fn validate_column(&self, series: &Series, name: impl Display) -> Result<(), String> {
        let Self { id, samples, .. } = self;
        let (fits, max) = match series {
            Series::Same(value) => (*samples > 0, *value),
            Series::Each(values) => (values.len() == *samples, values.iter().copied().max().unwrap_or(0)),
        };
        match () {
            () if !fits => Err(format!("{id}: {name} does not have {samples} values")),
            () if max > MAX_VALUE => Err(format!("{id}: {name} is {max}, above the limit of 2^53")),
            () => Ok(()),
        }
    }
}
