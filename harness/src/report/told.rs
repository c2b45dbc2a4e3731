//! What of a family's verdicts is told to people, in every format: one line for each case and
//! quantity that did not just hold.

use std::collections::BTreeMap;

use super::{counted, printable};
use crate::{
    judge::{Kind, NoBaseline, Subject, Verdict},
    model::{CaseId, Quantity},
};

/// A verdict that speaks for those on other aspects of the same quantity that moved alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// The one that says most.
    pub(super) verdict: &'a Verdict,
    /// How many it speaks for beside itself.
    more: usize,
}

impl Told<'_> {
    /// Why, in one line.
    pub(super) fn sentence(&self) -> String {
        let more = match self.more {
            0 => String::new(),
            more => format!(" (and {} of it)", counted(more, "more aspect")),
        };
        format!("{}{more}", printable::line(&self.verdict.sentence))
    }
}

/// Worst kinds first. Of the aspects of one quantity that moved alike, the first (the slope, where
/// there is one) speaks for all. What is only reported is left to the JSON, unless it says something
/// about a whole case or about time, which is judged only where it can be.
pub(super) fn told(verdicts: &[Verdict]) -> Vec<Told<'_>> {
    let mut all = Vec::new();
    for &kind in Kind::ALL.iter().rev().filter(|kind| **kind != Kind::Same) {
        let mut leads: BTreeMap<(&CaseId, Option<Quantity>), Told<'_>> = BTreeMap::new();
        let of_time = |subject: &Subject| matches!(subject.quantity, Quantity::Time(_));
        let is_told = |verdict: &&Verdict| {
            verdict.kind == kind && (verdict.gated || verdict.subject.as_ref().is_none_or(of_time))
        };
        for verdict in verdicts.iter().filter(is_told) {
            let key = (&verdict.case, verdict.subject.as_ref().map(|subject| subject.quantity));
            leads
                .entry(key)
                .and_modify(|lead| {
                    lead.more += 1;
                    if rank(verdict) > rank(lead.verdict) {
                        lead.verdict = verdict;
                    }
                })
                .or_insert(Told { verdict, more: 0 });
        }
        all.extend(leads.into_values());
    }
    all
}

/// A slope says more than growth at one rung; among growths the largest speaks.
pub(super) fn rank(verdict: &Verdict) -> (u8, u64) {
    let Some(subject) = &verdict.subject else { return (0, 0) };
    let word = match subject.aspect.word() {
        "slope" => 2,
        "growth" => 1,
        _ => 0,
    };
    (word, (subject.run - subject.baseline.unwrap_or(0.0)).abs() as u64)
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
