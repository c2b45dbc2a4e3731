//! The summary of a comparison: the number of cases, the number of gated verdicts of each kind, and the exit status. It
//! is the last line of the text and the headline of other formats.

use std::{collections::BTreeMap, fmt};

use highwater_judge::{Comparison, Kind};
use highwater_model::{CaseId, exit};

use super::{counted, terminal::Emphasis};

/// The counts of a comparison.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    /// Cases with a verdict.
    pub(super) cases: usize,
    /// The number of gated verdicts by kind, the worst first. Kinds without verdicts are omitted.
    pub(super) gated: Vec<(Kind, usize)>,
    /// The exit status ([`highwater_model::exit`]).
    pub(super) exit: u8,
}

impl Summary {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        let mut cases: Vec<&CaseId> = Vec::new();
        for verdict in comparison.verdicts() {
            if verdict.gated {
                *counts.entry(verdict.kind).or_default() += 1;
            }
            cases.push(&verdict.case);
        }
        cases.sort_unstable();
        cases.dedup();
        Self { cases: cases.len(), gated: counts.into_iter().rev().collect(), exit: comparison.exit_status() }
    }

    /// The exit status in a word or two.
    pub(super) fn outcome(&self) -> &'static str {
        match self.exit {
            exit::PASSED => "passed",
            exit::REGRESSED => "FAILED",
            exit::UNCONFIRMED => "UNCONFIRMED",
            _ => "NO BASELINE",
        }
    }

    /// The same in its colour.
    pub(super) fn painted_outcome(&self) -> String {
        let emphasis = match self.exit {
            exit::PASSED => Emphasis::Passed,
            exit::UNCONFIRMED | exit::NO_BASELINE => Emphasis::Open,
            _ => Emphasis::Failed,
        };
        emphasis.paint(self.outcome())
    }

    /// The counts without the outcome.
    pub(super) fn counts(&self) -> String {
        let gated: Vec<String> = self.gated.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let gated = if gated.is_empty() { "nothing compared".to_owned() } else { gated.join(", ") };
        format!("{}; gated: {gated}; exit status {}", counted(self.cases, "case"), self.exit)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.outcome(), self.counts())
    }
}
