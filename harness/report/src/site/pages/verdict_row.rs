//! A row in the list of verdicts, which the pages of cases and the comparison share.

use super::{CaseLink, Tone, tone};
use crate::{counted::counted, stacks::explanation_lines, verdict_groups::VerdictGroup};

/// The verdicts on one quantity of one case.
#[derive(Debug)]
pub(super) struct VerdictRow {
    pub(super) tone: Tone,
    pub(super) kind: String,
    /// The case, unless the page is about it.
    pub(super) case: Option<CaseLink>,
    pub(super) sentence: String,
    /// Which functions are behind it.
    pub(super) details: Vec<String>,
    /// Further aspects of the same quantity.
    pub(super) others: Vec<String>,
    /// The number of those.
    pub(super) more: String,
}

impl VerdictRow {
    /// The row of a group.
    pub(super) fn of(VerdictGroup { verdict, others }: VerdictGroup<'_>, case: Option<CaseLink>) -> Self {
        Self {
            tone: tone(verdict.kind),
            kind: verdict.kind.to_string(),
            case,
            sentence: verdict.sentence.clone(),
            details: verdict.explanation.as_ref().map(explanation_lines).unwrap_or_default(),
            others: others.iter().map(|other| format!("{}: {}", other.kind, other.sentence)).collect(),
            more: counted(others.len(), "more aspect"),
        }
    }
}
