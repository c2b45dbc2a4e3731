//! The severity of a verdict in formats with three levels (annotations, SARIF).

use highwater_judge::{Kind, Verdict};

/// A severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// It fails the gate.
    Error,
    /// It fails nothing, but needs attention.
    Warning,
    /// For information.
    Note,
}

impl Level {
    pub(super) const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    /// With `strict`, unconfirmed findings fail too.
    pub(super) fn of(verdict: &Verdict, strict: bool) -> Self {
        match verdict.kind {
            _ if verdict.fails() => Self::Error,
            Kind::Unconfirmed if verdict.gated && strict => Self::Error,
            Kind::Unconfirmed | Kind::New | Kind::Missing | Kind::NotRun | Kind::NotComparable => Self::Warning,
            Kind::Same | Kind::Improved | Kind::Moved | Kind::Regressed | Kind::OverBudget | Kind::Failed => Self::Note,
        }
    }
}
