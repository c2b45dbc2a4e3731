//! What of a family's verdicts is told to people, in every format: one line for each case and
//! quantity that did not just hold.

use highwater_judge::{Kind, NoBaseline, Subject, Verdict};
use highwater_model::{CaseId, Quantity};

use super::{
    counted,
    leads::{Lead, leads},
    printable,
};

impl Lead<'_> {
    /// Why, in one line.
    pub(super) fn sentence(&self) -> String {
        let more = match self.others.len() {
            0 => String::new(),
            more => format!(" (and {} of it)", counted(more, "more aspect")),
        };
        format!("{}{more}", printable::line(&self.verdict.sentence))
    }
}

/// Worst kinds first. What is only reported is left to the JSON, unless it says something about a
/// whole case or about time, which is judged only where it can be.
pub(super) fn told(verdicts: &[Verdict]) -> Vec<Lead<'_>> {
    let of_time = |subject: &Subject| matches!(subject.quantity, Quantity::Time(_));
    let is_told = |verdict: &&Verdict| verdict.gated || verdict.subject.as_ref().is_none_or(of_time);
    let kinds = Kind::ALL.iter().rev().filter(|kind| **kind != Kind::Same);
    kinds.flat_map(|kind| leads(verdicts.iter().filter(is_told).filter(|verdict| verdict.kind == *kind))).collect()
}

/// One line for people: what was found of which cases, and why.
pub(super) struct Line<'a> {
    /// The first of them, which stands for all.
    pub(super) verdict: &'a Verdict,
    /// Not empty; of one reason not to run there may be many.
    pub(super) cases: Vec<&'a CaseId>,
    pub(super) sentence: String,
}

impl Line<'_> {
    /// The case, or how many they are.
    pub(super) fn subject(&self) -> String {
        match self.cases[..] {
            [case] => case.to_string(),
            _ => counted(self.cases.len(), "case"),
        }
    }
}

/// The same for a log or a page: cases that could not run for the same reason share a line.
pub(super) fn lines(verdicts: &[Verdict]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for lead in told(verdicts) {
        let (verdict, sentence) = (lead.verdict, lead.sentence());
        let mut not_run = lines.iter_mut().filter(|line| line.verdict.kind == Kind::NotRun);
        match not_run.find(|line| verdict.kind == Kind::NotRun && line.sentence == sentence) {
            Some(line) => line.cases.push(&verdict.case),
            None => lines.push(Line { verdict, cases: vec![&verdict.case], sentence }),
        }
    }
    lines
}

/// What is told of a family that has nothing to be compared with.
pub(super) fn no_baseline(absent: &NoBaseline) -> String {
    let others: Vec<String> = absent.other_classes.iter().map(ToString::to_string).collect();
    let others = match others.len() {
        0 => "there is none for any other either".to_owned(),
        _ => format!("there is one for {}", others.join(", ")),
    };
    printable::line(&format!("no baseline for machine class {}; {others}", absent.class))
}
