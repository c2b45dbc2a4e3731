//! A check: its finding, its grade, the consequence and the fix.

use serde::Serialize;

/// The grade of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grade {
    /// No limitation.
    Good,
    /// Highwater can measure, but not everything or less precisely.
    Limits,
    /// Highwater cannot measure.
    Broken,
}

impl Grade {
    /// The word used in tables.
    #[must_use]
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limits => "limits",
            Self::Broken => "BROKEN",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was checked.
    pub(super) name: &'static str,
    /// What was found.
    pub(super) finding: String,
    /// The grade of the finding.
    pub(super) grade: Grade,
    /// The consequence for measurements; empty if the grade is good.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) cost: String,
    /// How to fix it; empty if the grade is good.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) fix: String,
}

impl Check {
    pub(super) fn good(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, finding: finding.into(), grade: Grade::Good, cost: String::new(), fix: String::new() }
    }

    pub(super) fn limits(
        name: &'static str,
        finding: impl Into<String>,
        cost: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { name, finding: finding.into(), grade: Grade::Limits, cost: cost.into(), fix: fix.into() }
    }

    pub(super) fn broken(
        name: &'static str,
        finding: impl Into<String>,
        cost: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { grade: Grade::Broken, ..Self::limits(name, finding, cost, fix) }
    }
}

/// Names of the checks that gates depend on (`gates.rs`).
pub(super) mod name {
    pub(in crate::doctor) const WORKER: &str = "worker";
    pub(in crate::doctor) const CHILD_MEMORY: &str = "memory of a child";
    pub(in crate::doctor) const EXACTNESS: &str = "exactness";
    pub(in crate::doctor) const ASLR_OFF: &str = "ASLR off";
    pub(in crate::doctor) const PEAK_RESET: &str = "peak reset";
    pub(in crate::doctor) const CGROUP: &str = "memory cgroup";
}
