//! A verdict: its subject, its kind, and one sentence that states the reason.

use std::fmt;

use highwater_model::{Aspect, CaseId, Category, Explanation, Place, Quantity};
use serde::Serialize;

/// What was found. The order is by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Within the tolerance.
    Same,
    /// Below the baseline by more than the tolerance.
    Improved,
    /// Memory moved from one kind to another, and the sum of the kinds did not rise.
    Moved,
    /// The case, or a gated value of it, has no baseline.
    New,
    /// The baseline has a case, stage or value that this run lacks.
    Missing,
    /// The case could not run on this machine. Gated if the baseline has it.
    NotRun,
    /// The machine classes differ in a way that affects this aspect.
    NotComparable,
    /// Above the baseline, but not significantly, or not confirmed by fresh workers.
    Unconfirmed,
    /// Above the baseline by more than the tolerance.
    Regressed,
    /// Above the budget that the policy sets.
    OverBudget,
    /// Workers failed, or none reached the baseline stage.
    Failed,
}

impl Kind {
    /// Every kind, the least severe first.
    pub const ALL: [Self; 11] = [
        Self::Same,
        Self::Improved,
        Self::Moved,
        Self::New,
        Self::Missing,
        Self::NotRun,
        Self::NotComparable,
        Self::Unconfirmed,
        Self::Regressed,
        Self::OverBudget,
        Self::Failed,
    ];

    /// A stable identifier for output that programs read: the name in JSON.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Improved => "improved",
            Self::Moved => "moved",
            Self::New => "new",
            Self::Missing => "missing",
            Self::NotRun => "not_run",
            Self::NotComparable => "not_comparable",
            Self::Unconfirmed => "unconfirmed",
            Self::Regressed => "regressed",
            Self::OverBudget => "over_budget",
            Self::Failed => "failed",
        }
    }

    /// Whether fresh workers have to confirm it.
    #[must_use]
    pub fn is_flagged(self) -> bool {
        matches!(self, Self::Regressed | Self::OverBudget | Self::Unconfirmed)
    }

    /// Whether it fails the gate if the policy gates its subject.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Missing | Self::NotRun | Self::Regressed | Self::OverBudget | Self::Failed)
    }
}

/// The words for people; programs get [`Kind::id`].
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "unchanged",
            Self::Improved => "improved",
            Self::Moved => "moved",
            Self::New => "new",
            Self::Missing => "missing",
            Self::NotRun => "not run",
            Self::NotComparable => "not comparable",
            Self::Unconfirmed => "unconfirmed",
            Self::Regressed => "regressed",
            Self::OverBudget => "over budget",
            Self::Failed => "failed",
        })
    }
}

/// Whether the workers of a baseline agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseClass {
    /// All have the same value.
    Exact,
    /// They have different values.
    Spread,
}

impl fmt::Display for NoiseClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exact => "exact",
            Self::Spread => "spread",
        })
    }
}

/// The subject of a verdict. A verdict on a whole case has none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// The quantity.
    pub quantity: Quantity,
    /// The aspect.
    pub aspect: Aspect,
    /// The baseline's median, in bytes or counts (per unit, for a slope).
    pub baseline: Option<f64>,
    /// The run's median.
    pub run: f64,
    /// The median of the fresh workers, if confirmation was needed and possible.
    #[serde(rename = "again")]
    pub confirmation: Option<f64>,
    /// Whether the workers of the baseline agree.
    pub class: Option<NoiseClass>,
    /// The noise floor: the tolerance and the range over the workers of the baseline, in the unit of the values.
    #[serde(rename = "noise_floor")]
    pub noise: f64,
    /// The category of mapping with the largest change in the same direction, and that change.
    pub category: Option<(Category, f64)>,
}

/// A finding on one aspect of one quantity of one case, or on a whole case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The case.
    pub case: CaseId,
    /// The finding.
    pub kind: Kind,
    /// Whether the policy gates it.
    pub gated: bool,
    /// Whether the policy watches it: a change is shown with those that are gated, but does not fail.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
    /// What was judged.
    pub subject: Option<Subject>,
    /// The reason, in one line.
    pub sentence: String,
    /// Which functions are behind it, if something explained it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// Who answers for it, if it fails and the policy names an owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Verdict {
    /// Whether it fails the gate.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.gated && self.kind.is_failure()
    }

    /// The source line that it points to, if something explained it.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.explanation.as_ref()?.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_names_in_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::json!(kind), kind.id());
        }
    }
}
