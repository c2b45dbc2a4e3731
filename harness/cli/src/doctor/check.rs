//! One thing that was looked at: what was found, how good that is, what it costs and what helps.

use serde::Serialize;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grade {
    /// As it should be.
    Good,
    /// Highwater measures here, but not everything, or not to the page.
    Limits,
    /// Highwater cannot measure here at all.
    Broken,
}

impl Grade {
    /// The word for it in tables.
    #[must_use]
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limits => "limits",
            Self::Broken => "BROKEN",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was looked at.
    pub(super) name: &'static str,
    /// What was found.
    pub(super) finding: String,
    /// How good that is.
    pub(super) grade: Grade,
    /// What cannot be measured, or less well; empty where all is good.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) cost: String,
    /// What to do about it; empty where all is good.
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

/// Names of the checks that a gate depends on (`gates.rs`).
pub(super) mod name {
    pub(in crate::doctor) const WORKER: &str = "worker";
    pub(in crate::doctor) const CHILD_MEMORY: &str = "memory of a child";
    pub(in crate::doctor) const EXACTNESS: &str = "exactness";
    pub(in crate::doctor) const ASLR_OFF: &str = "ASLR off";
    pub(in crate::doctor) const PEAK_RESET: &str = "peak reset";
    pub(in crate::doctor) const CGROUP: &str = "memory cgroup";
}
