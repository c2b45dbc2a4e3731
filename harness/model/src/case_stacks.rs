//! The call stacks of a case as they are stored: what `highwater explain` found, for the pages of the report.

use serde::{Deserialize, Serialize};

use super::{CaseId, Moment, Record, StackGrowth, Stage};

/// The version of [`CaseStacks`] that this build reads and writes.
pub const STACKS_VERSION: u32 = 1;

/// The stacks of a case in the last run, which `highwater explain` stores for the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseStacks {
    /// [`STACKS_VERSION`].
    pub version: u32,
    /// The `run_id` and the start of the run that was explained, from its record.
    pub run: RunKey,
    /// The case.
    pub case: CaseId,
    /// The name of a unit of the ladder.
    pub unit: String,
    /// One per explained stage and moment.
    pub stages: Vec<StageStacks>,
}

/// Which run of a family stacks belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunKey {
    /// The id that all families of one `cargo bench` share.
    pub run_id: Option<String>,
    /// When the family's run started.
    pub started: Option<String>,
}

impl RunKey {
    /// The key of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let context = |name| record.fingerprint.context.get(name).cloned();
        Self { run_id: context("run_id"), started: context("started") }
    }
}

/// The stacks of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageStacks {
    /// The stage.
    pub stage: Stage,
    /// Which memory of it.
    pub moment: Moment,
    /// The growth since the baseline stage.
    pub head: Vec<StackGrowth>,
    /// The same in another revision.
    pub base: Option<BaseStacks>,
}

/// The growth since the baseline stage in the revision that a run is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseStacks {
    /// The revision, as given on the command line.
    pub revision: String,
    /// The growth.
    pub stacks: Vec<StackGrowth>,
}
