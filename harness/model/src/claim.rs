//! Claims: published statements about a family's subject, and how a run decides them.

use serde::{Deserialize, Serialize};

use super::CaseId;

/// The verdict of a run on a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The figures support the claim.
    Confirmed,
    /// The figures contradict the claim.
    Refuted,
    /// The run lacks the data to decide the claim.
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

/// A claim and its verdict in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRecord {
    /// The stable name within the family.
    pub id: String,
    /// The claim itself.
    pub statement: String,
    /// Who makes the claim, or where.
    pub source: String,
    /// The condition under which it is refuted.
    pub refuted_if: String,
    /// The verdict of this run.
    pub decision: Decision,
    /// The figures that decided it, or what is missing.
    pub figures: String,
    /// The cases that the figures are from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rests_on: Vec<CaseId>,
}
