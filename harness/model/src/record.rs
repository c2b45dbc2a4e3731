//! The record: what one run of a family leaves on disk. Samples are kept by column, and a column whose samples all
//! agree is one number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CaseId, ClaimRecord, Clock, Fingerprint, Outcome, Quantity, Sample, Scale, Stage, WorkerOptions, unique};

/// The version of the record's shape that this build writes, and the newest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// One family's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Shape of this file ([`SCHEMA_VERSION`]).
    pub schema: u32,
    /// The family.
    pub family: String,
    /// Machine, controls and context.
    pub fingerprint: Fingerprint,
    /// What part of the family was asked for, and how.
    #[serde(default, skip_serializing_if = "Selection::is_everything")]
    pub selection: Selection,
    /// What one unit of the ladder is: `sandbox`.
    pub unit: String,
    /// The stage that growth is measured from: `loaded`.
    pub reference: Stage,
    /// The cases, sorted by id.
    pub cases: Vec<CaseRecord>,
    /// What the run says of the family's claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimRecord>,
}

impl Record {
    /// A case by its id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&CaseRecord> {
        self.cases.iter().find(|case| case.id.as_str() == id)
    }
}

/// What a run was asked to do differently from a plain full run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The filter that selected the cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What was changed about the workers on purpose (`--inject`, `--shift-heap`, ...).
    #[serde(default, skip_serializing_if = "WorkerOptions::is_empty")]
    pub worker_options: WorkerOptions,
    /// The ladder given instead of the cases' own (`--ladder`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Vec<Scale>>,
}

impl Selection {
    /// Whether nothing was asked differently.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// One case: the columns of its completed workers, and those that died.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// The case.
    pub id: CaseId,
    /// Why it could not run here, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    /// Completed workers; the length of every column.
    pub samples: usize,
    /// Workers that did not complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub died: Vec<Death>,
    /// What workers told in words (an error's text, say): the different texts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique::map")]
    pub notes: BTreeMap<String, Vec<String>>,
    /// Nanoseconds from spawn to exit of each completed worker, pauses included.
    pub lifetime_ns: Series,
    /// The stages in the order of the worker's life.
    pub stages: Vec<StageColumns>,
    /// Criterion's estimates by routine, where time was measured in this run.
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
    /// Nanoseconds of wall time since the previous stage, pauses excluded.
    pub wall_ns: Series,
    /// Nanoseconds of CPU time since the previous stage, pauses excluded.
    pub cpu_ns: Series,
    /// Memory and figures, in the unit of each quantity.
    #[serde(deserialize_with = "unique::map")]
    pub memory: BTreeMap<Quantity, Series>,
}

/// One value per completed worker, or a single one where all agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a column is a whole number, or a list of them")]
pub enum Series {
    /// Every worker had this value.
    Same(u64),
    /// The values in the order of the workers.
    Each(Vec<u64>),
}

impl Series {
    fn of(values: Vec<u64>) -> Self {
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
pub struct Death {
    /// How it ended.
    pub outcome: Outcome,
    /// The last stage it reached.
    pub last_stage: Option<Stage>,
    /// The end of what it wrote to stdout and stderr.
    pub output_tail: String,
}

impl Death {
    /// Where in its life it ended: `after live@10`.
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
    /// Which of criterion's estimates this is: `slope` where it sampled linearly, else `mean`.
    pub estimator: String,
    /// The point estimate.
    pub ns: f64,
    /// Lower end of the confidence interval.
    pub low_ns: f64,
    /// Upper end of the confidence interval.
    pub high_ns: f64,
    /// The interval's level, 0.95 unless told otherwise.
    pub confidence: f64,
}

impl CaseRecord {
    /// A case that could not run here.
    #[must_use]
    pub fn not_run(id: CaseId, reason: String) -> Self {
        Self { not_run: Some(reason), ..Self::from_samples(id, &[]) }
    }

    /// Turns the workers' samples into columns. Completed workers that reached other stages than
    /// the first one are counted among the dead, as having broken the protocol.
    #[must_use]
    pub fn from_samples(id: CaseId, samples: &[Sample]) -> Self {
        let mut died = Vec::new();
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
            died.push(Death {
                outcome,
                last_stage: sample.readings.last().map(|reading| reading.stage.clone()),
                output_tail: sample.output_tail.clone(),
            });
        }
        let stages = completed.first().map_or(0, |first| first.readings.len());
        Self {
            id,
            not_run: None,
            samples: completed.len(),
            died,
            notes,
            lifetime_ns: Series::of(completed.iter().map(|sample| sample.lifetime_ns).collect()),
            stages: (0..stages).map(|index| StageColumns::of(&completed, index)).collect(),
            time: BTreeMap::new(),
        }
    }

    /// The same case with just these completed workers, in this order; those that are not there are
    /// left out.
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
            samples: workers.len(),
            died: self.died.clone(),
            notes: self.notes.clone(),
            lifetime_ns: pick(&self.lifetime_ns),
            stages: self.stages.iter().map(columns).collect(),
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
        // A category that one worker had and another had not is 0 in the other; a metric of the
        // whole process is there in all of them or is left out.
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

    /// The values of a quantity, one per worker; a category without a column is 0 everywhere.
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

/// The JSON schema of [`Record`], as committed in `harness/cli/schema/record-v1.json`.
#[cfg(feature = "schema")]
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Record).to_value()
}
