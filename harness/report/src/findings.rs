//! The findings of a comparison that every format shows: one line for each case and quantity that changed.

use highwater_judge::{Kind, NoBaseline, Subject, Verdict};
use highwater_model::{CaseId, Quantity};

use super::{
    counted, escape,
    stacks::explanation_lines,
    verdict_groups::{VerdictGroup, group_verdicts, of_noise},
};

impl VerdictGroup<'_> {
    /// The reason in one line.
    pub(super) fn sentence(&self) -> String {
        let more = match self.others.len() {
            0 => String::new(),
            more => format!(" (and {})", counted(more, "more aspect")),
        };
        let owner =
            self.verdict.owner.as_ref().map_or(String::new(), |owner| format!("; owner: {}", escape::line(owner)));
        let watched = if self.verdict.watched { "; watched, fails nothing" } else { "" };
        format!("{}{more}{owner}{watched}", escape::line(&self.verdict.sentence))
    }

    /// The lines below the sentence: which functions are behind the finding.
    pub(super) fn details(&self) -> Vec<String> {
        self.verdict.explanation.as_ref().map(explanation_lines).unwrap_or_default()
    }
}

/// The worst kinds first. Verdicts that are neither gated nor watched are omitted unless they are about a whole case or
/// about time, which is judged only by `ab`; the JSON has them all.
pub(super) fn findings(verdicts: &[Verdict]) -> Vec<VerdictGroup<'_>> {
    let of_time = |subject: &Subject| matches!(subject.quantity, Quantity::Time(_));
    let is_shown =
        |verdict: &&Verdict| verdict.gated || verdict.watched || verdict.subject.as_ref().is_none_or(of_time);
    let kinds = Kind::ALL.iter().rev().filter(|kind| **kind != Kind::Same);
    kinds
        .flat_map(|kind| group_verdicts(verdicts.iter().filter(is_shown).filter(|verdict| verdict.kind == *kind)))
        .collect()
}

/// A finding as one line for people.
pub(super) struct FindingLine<'a> {
    /// The first verdict, which represents the others.
    pub(super) verdict: &'a Verdict,
    /// The other aspects of the same quantity.
    others: Vec<&'a Verdict>,
    /// The cases with this finding, at least one. Cases that were not run for the same reason share a line.
    pub(super) cases: Vec<&'a CaseId>,
    pub(super) sentence: String,
    /// The lines below it: which functions are behind it.
    pub(super) details: Vec<String>,
}

impl FindingLine<'_> {
    /// The case, or the number of cases.
    pub(super) fn subject(&self) -> String {
        match self.cases[..] {
            [case] => case.to_string(),
            _ => counted(self.cases.len(), "case"),
        }
    }
}

/// The findings as lines, the worst kinds first, and of each kind the largest change relative to its noise floor.
pub(super) fn worst_lines(verdicts: &[Verdict], page: u64) -> Vec<FindingLine<'_>> {
    let size = |line: &FindingLine<'_>| {
        line.others.iter().chain([&line.verdict]).map(|verdict| of_noise(verdict, page)).fold(0.0, f64::max)
    };
    let mut lines = finding_lines(verdicts);
    lines.sort_by(|a, b| b.verdict.kind.cmp(&a.verdict.kind).then(size(b).total_cmp(&size(a))));
    lines
}

/// The findings as lines of a log or a page.
pub(super) fn finding_lines(verdicts: &[Verdict]) -> Vec<FindingLine<'_>> {
    let mut lines: Vec<FindingLine<'_>> = Vec::new();
    for finding in findings(verdicts) {
        let (verdict, sentence) = (finding.verdict, finding.sentence());
        let mut not_run = lines.iter_mut().filter(|line| line.verdict.kind == Kind::NotRun);
        match not_run.find(|line| verdict.kind == Kind::NotRun && line.sentence == sentence) {
            Some(line) => line.cases.push(&verdict.case),
            None => {
                let details = finding.details();
                let others = finding.others;
                lines.push(FindingLine { verdict, others, cases: vec![&verdict.case], sentence, details });
            }
        }
    }
    lines
}

/// The message for a family without a baseline.
pub(super) fn no_baseline(absent: &NoBaseline) -> String {
    let others: Vec<String> = absent.other_classes.iter().map(ToString::to_string).collect();
    let others = match others.len() {
        0 => "no other class has one either".to_owned(),
        _ => format!("there is one for {}", others.join(", ")),
    };
    escape::line(&format!("no baseline for machine class {}; {others}", absent.class))
}
