//! Claims: statements that people make about a family's subject, decided from a run (design §7).

use serde::{Deserialize, Serialize};

use super::CaseId;

/// What a run says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The figures bear it out.
    Confirmed,
    /// The figures speak against it.
    Refuted,
    /// The run has not what would decide it.
    Undecided,
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        })
    }
}

/// A claim and what came of it in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRecord {
    /// Its stable name within the family.
    pub id: String,
    /// What is said.
    pub statement: String,
    /// Who says so, or where.
    pub source: String,
    /// What would refute it.
    pub refuted_if: String,
    /// What this run says.
    pub decision: Decision,
    /// The figures that decided it, or what is missing.
    pub figures: String,
    /// The cases it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rests_on: Vec<CaseId>,
}
