//! One verdict: what was looked at, what was found, and one sentence that says why.

use std::fmt;

use highwater_model::{Aspect, CaseId, Category, Quantity};
use serde::Serialize;

/// What was found (design §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Within the tolerance.
    Same,
    /// Lower than the baseline by more than the tolerance.
    Improved,
    /// The case, or something gated of it, has no baseline.
    New,
    /// The baseline has a case, or a stage of one, that this full run has not.
    Missing,
    /// The case could not run here.
    NotRun,
    /// Machine classes differ in what matters for this aspect.
    NotComparable,
    /// Higher than the baseline at first sight; fresh workers did not show it, or could not be asked.
    Unconfirmed,
    /// Higher than the baseline by more than the tolerance.
    Regressed,
    /// Above the policy's budget.
    OverBudget,
    /// Workers died.
    Died,
}

impl Kind {
    /// Every kind, from the harmless to the worst.
    pub const ALL: [Self; 10] = [
        Self::Same,
        Self::Improved,
        Self::New,
        Self::Missing,
        Self::NotRun,
        Self::NotComparable,
        Self::Unconfirmed,
        Self::Regressed,
        Self::OverBudget,
        Self::Died,
    ];

    /// Whether stage 2 has to confirm it.
    #[must_use]
    pub fn is_flagged(self) -> bool {
        matches!(self, Self::Regressed | Self::OverBudget | Self::Unconfirmed)
    }

    /// Whether it fails the gate, where it is gated.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Missing | Self::Regressed | Self::OverBudget | Self::Died)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "same",
            Self::Improved => "improved",
            Self::New => "new",
            Self::Missing => "missing",
            Self::NotRun => "not run",
            Self::NotComparable => "not comparable",
            Self::Unconfirmed => "unconfirmed",
            Self::Regressed => "regressed",
            Self::OverBudget => "over budget",
            Self::Died => "died",
        })
    }
}

/// Whether a baseline's workers agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseClass {
    /// One value.
    Exact,
    /// Several.
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

/// What a verdict is about; a verdict on a whole case has none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// The quantity.
    pub quantity: Quantity,
    /// In which aspect.
    pub aspect: Aspect,
    /// The baseline's median, in bytes or counts (per unit, for a slope).
    pub baseline: Option<f64>,
    /// The run's median.
    pub run: f64,
    /// The median of the fresh workers of stage 2, where it was needed and could be had.
    pub again: Option<f64>,
    /// How noisy the baseline is.
    pub class: Option<NoiseClass>,
    /// The category of mapping that moved most in the same direction, and by how much.
    pub category: Option<(Category, f64)>,
}

/// A finding on one aspect of one quantity of one case, or on a whole case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The case.
    pub case: CaseId,
    /// What was found.
    pub kind: Kind,
    /// Whether the policy gates it.
    pub gated: bool,
    /// What it is about.
    pub subject: Option<Subject>,
    /// Why, in one line.
    pub sentence: String,
}

impl Verdict {
    /// Whether it fails the gate.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.gated && self.kind.is_failure()
    }
}
