//! The record of one run of a family, as stored on disk. Samples are stored by column, and a column of equal values is
//! stored as one number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CaseId, CaseTimeline, ClaimRecord, Clock, Fingerprint, Outcome, ParameterFilter, Part, Quantity, Question, Sample,
    Scale, Stage, WorkerOptions, unique,
};

/// The schema version that this build writes, and the newest that it reads.
pub const SCHEMA_VERSION: u32 = 2;

/// One family's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The schema version of this file ([`SCHEMA_VERSION`]).
    pub schema: u32,
    /// The family.
    pub family: String,
    /// Machine, controls and context.
    pub fingerprint: Fingerprint,
    /// The selected part of the family, and options that differ from a full run.
    #[serde(default, skip_serializing_if = "Selection::is_everything")]
    pub selection: Selection,
    /// What one unit of the ladder is: `sandbox`.
    pub unit: String,
    /// The stage that growth is measured from: `loaded`.
    pub baseline_stage: Stage,
    /// The cases, sorted by id.
    pub cases: Vec<CaseRecord>,
    /// The verdicts on the family's claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimRecord>,
    /// What the report of the family answers, the most important question first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

impl Record {
    /// Finds a case by its id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&CaseRecord> {
        self.cases.iter().find(|case| case.id.as_str() == id)
    }
}

/// How a run was requested to differ from a full run with default options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The filter that selected the cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The conditions on parameters that selected the cases (`--param`); all of them hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterFilter>,
    /// The part of the selected cases that was measured (`--partition`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Deliberate changes to the workers (`--inject`, `--shift-heap`, ...).
    #[serde(default, skip_serializing_if = "WorkerOptions::is_empty")]
    pub worker_options: WorkerOptions,
    /// The ladder that replaces those of the cases (`--ladder`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Vec<Scale>>,
}

impl Selection {
    /// Whether this is a full run with default options.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether only some of the cases were selected.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some() || !self.parameters.is_empty() || self.part.is_some()
    }
}

/// One case: the columns of its completed workers, and the failed ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// The case.
    pub id: CaseId,
    /// The reason if the case could not run on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    /// Whether an option of the run left the case out, such as a heavy case under `--quick`; `not_run` says which.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// The number of completed workers, which is the length of every column.
    pub samples: usize,
    /// Workers that did not complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Text that workers reported, such as an error message: the distinct texts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique::map")]
    pub notes: BTreeMap<String, Vec<String>>,
    /// Nanoseconds from spawn to exit of each completed worker, including pauses.
    pub lifetime_ns: Series,
    /// The stages in the order in which workers reach them.
    pub stages: Vec<StageColumns>,
    /// The memory of one worker over time, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<CaseTimeline>,
    /// Criterion's estimates by routine, if this run measured time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique::map")]
    pub time: BTreeMap<String, TimeEstimate>,
}

/// The columns of one stage, one value per completed worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageColumns {
    /// The stage.
    pub stage: Stage,
    /// Nanoseconds of wall time since the previous stage, without pauses.
    pub wall_ns: Series,
    /// Nanoseconds of CPU time since the previous stage, without pauses.
    pub cpu_ns: Series,
    /// Memory and figures, in the unit of each quantity.
    #[serde(deserialize_with = "unique::map")]
    pub memory: BTreeMap<Quantity, Series>,
}

/// One value per completed worker, or a single value if all are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a column is a whole number, or a list of them")]
pub enum Series {
    /// All workers had this value.
    Same(u64),
    /// The values in the order of the workers.
    Each(Vec<u64>),
}

impl Series {
    pub(super) fn of(values: Vec<u64>) -> Self {
        match values.split_first() {
            Some((first, rest)) if rest.iter().all(|value| value == first) => Self::Same(*first),
            _ => Self::Each(values),
        }
    }

    /// The value of one worker.
    #[must_use]
    pub fn at(&self, worker: usize) -> Option<u64> {
        match self {
            Self::Same(value) => Some(*value),
            Self::Each(values) => values.get(worker).copied(),
        }
    }
}

/// A worker that did not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// How it ended.
    pub outcome: Outcome,
    /// The last stage it reached.
    pub last_stage: Option<Stage>,
    /// The last lines that it wrote to stdout and stderr.
    pub output_tail: String,
}

impl Failure {
    /// The last stage before it ended: `after live@10`.
    #[must_use]
    pub fn place(&self) -> String {
        self.last_stage.as_ref().map_or("before the first stage".to_owned(), |stage| format!("after {stage}"))
    }
}

/// Criterion's estimate of one routine: the time of one iteration in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeEstimate {
    /// Which of criterion's estimates this is: `slope` for linear sampling, otherwise `mean`.
    pub estimator: String,
    /// The point estimate.
    pub ns: f64,
    /// Lower end of the confidence interval.
    pub low_ns: f64,
    /// Upper end of the confidence interval.
    pub high_ns: f64,
    /// The confidence level of the interval, 0.95 by default.
    pub confidence: f64,
}

impl CaseRecord {
    /// A case that could not run on this machine.
    #[must_use]
    pub fn not_run(id: CaseId, reason: String) -> Self {
        Self { not_run: Some(reason), ..Self::from_samples(id, &[]) }
    }

    /// A case that an option of the run left out.
    #[must_use]
    pub fn left_out(id: CaseId, reason: String) -> Self {
        Self { left_out: true, ..Self::not_run(id, reason) }
    }

    /// Turns the workers' samples into columns. A completed worker whose stages differ from those of the first one
    /// counts as failed, with a violation of the protocol.
    #[must_use]
    pub fn from_samples(id: CaseId, samples: &[Sample]) -> Self {
        let mut failures = Vec::new();
        let mut completed: Vec<&Sample> = Vec::new();
        let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for sample in samples {
            for (name, text) in &sample.notes {
                let known = notes.entry(name.clone()).or_default();
                if !known.contains(text) {
                    known.push(text.clone());
                }
            }
            let same_stages = completed.first().is_none_or(|first| {
                first.readings.iter().map(|r| &r.stage).eq(sample.readings.iter().map(|r| &r.stage))
            });
            let outcome = match &sample.outcome {
                Outcome::Completed if same_stages => {
                    completed.push(sample);
                    continue;
                }
                Outcome::Completed => {
                    Outcome::Protocol { message: "reached other stages than the first worker".into() }
                }
                other => other.clone(),
            };
            failures.push(Failure {
                outcome,
                last_stage: sample.readings.last().map(|reading| reading.stage.clone()),
                output_tail: sample.output_tail.clone(),
            });
        }
        let stages = completed.first().map_or(0, |first| first.readings.len());
        Self {
            id,
            not_run: None,
            left_out: false,
            samples: completed.len(),
            failures,
            notes,
            lifetime_ns: Series::of(completed.iter().map(|sample| sample.lifetime_ns).collect()),
            stages: (0..stages).map(|index| StageColumns::of(&completed, index)).collect(),
            timeline: CaseTimeline::of(&completed),
            time: BTreeMap::new(),
        }
    }

    /// The same case with only these completed workers, in this order; unknown workers are ignored.
    #[must_use]
    pub fn of_workers(&self, workers: &[usize]) -> Self {
        let workers: Vec<usize> = workers.iter().copied().filter(|worker| *worker < self.samples).collect();
        let pick = |series: &Series| Series::of(workers.iter().filter_map(|worker| series.at(*worker)).collect());
        let columns = |columns: &StageColumns| StageColumns {
            stage: columns.stage.clone(),
            wall_ns: pick(&columns.wall_ns),
            cpu_ns: pick(&columns.cpu_ns),
            memory: columns.memory.iter().map(|(quantity, series)| (*quantity, pick(series))).collect(),
        };
        Self {
            id: self.id.clone(),
            not_run: self.not_run.clone(),
            left_out: self.left_out,
            samples: workers.len(),
            failures: self.failures.clone(),
            notes: self.notes.clone(),
            lifetime_ns: pick(&self.lifetime_ns),
            stages: self.stages.iter().map(columns).collect(),
            timeline: self.timeline.as_ref().and_then(|timeline| timeline.of_workers(&workers)),
            time: self.time.clone(),
        }
    }

    /// The columns of a stage.
    #[must_use]
    pub fn stage(&self, stage: &Stage) -> Option<&StageColumns> {
        self.stages.iter().find(|columns| columns.stage == *stage)
    }
}

impl StageColumns {
    fn of(samples: &[&Sample], index: usize) -> Self {
        let readings: Vec<_> = samples.iter().filter_map(|sample| sample.readings.get(index)).collect();
        let mut quantities: Vec<Quantity> =
            readings.iter().flat_map(|reading| reading.snapshot.iter().map(|(quantity, _)| quantity)).collect();
        quantities.sort_unstable();
        quantities.dedup();
        // A category that a worker does not have is 0. A metric of the whole process is left out unless all workers
        // have it.
        let column = |quantity: Quantity| -> Option<(Quantity, Series)> {
            let values: Option<Vec<u64>> = readings
                .iter()
                .map(|reading| reading.snapshot.get(quantity).or(quantity.category().map(|_| 0)))
                .collect();
            Some((quantity, Series::of(values?)))
        };
        Self {
            stage: readings[0].stage.clone(),
            wall_ns: Series::of(readings.iter().map(|reading| reading.wall_ns).collect()),
            cpu_ns: Series::of(readings.iter().map(|reading| reading.cpu_ns).collect()),
            memory: quantities.into_iter().filter_map(column).collect(),
        }
    }

    /// The values of a quantity, one per worker; a category without a column is 0 for all of them.
    #[must_use]
    pub fn values(&self, quantity: impl Into<Quantity>, samples: usize) -> Option<Vec<u64>> {
        let quantity = quantity.into();
        let series = match quantity {
            Quantity::Time(Clock::Cpu) => Some(&self.cpu_ns),
            Quantity::Time(Clock::Wall) => Some(&self.wall_ns),
            _ => self.memory.get(&quantity),
        };
        match series {
            Some(series) => (0..samples).map(|worker| series.at(worker)).collect(),
            None => quantity.category().map(|_| vec![0; samples]),
        }
    }
}

/// The JSON schema of [`Record`], as committed in `harness/cli/schema/record-v2.json`.
#[cfg(feature = "schema")]
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Record).to_value()
}
