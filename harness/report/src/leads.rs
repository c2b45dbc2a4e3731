//! Which verdicts speak for others: of the aspects of one quantity of one case that moved alike, the
//! one that says most.

use std::collections::BTreeMap;

use highwater_judge::{Kind, Verdict};
use highwater_model::{CaseId, Quantity};

/// A verdict and those it speaks for.
#[derive(Clone, Debug)]
pub(super) struct Lead<'a> {
    pub(super) verdict: &'a Verdict,
    pub(super) others: Vec<&'a Verdict>,
}

/// One verdict for each case and quantity, in their order.
pub(super) fn leads<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> impl Iterator<Item = Lead<'a>> {
    let mut leads: BTreeMap<(&CaseId, Option<Quantity>), Lead<'a>> = BTreeMap::new();
    for verdict in verdicts {
        let quantity = verdict.subject.as_ref().map(|subject| subject.quantity);
        leads
            .entry((&verdict.case, quantity))
            .and_modify(|lead| {
                let says_more = (verdict.kind, weight(verdict)) > (lead.verdict.kind, weight(lead.verdict));
                let spoken_for = if says_more { std::mem::replace(&mut lead.verdict, verdict) } else { verdict };
                lead.others.push(spoken_for);
            })
            .or_insert(Lead { verdict, others: Vec::new() });
    }
    leads.into_values()
}

/// The same with worse and better apart: failures first and the worst kinds of them, then what changed
/// by the largest part of what it was.
pub(super) fn worst_first<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Vec<Lead<'a>> {
    let (better, worse): (Vec<_>, Vec<_>) = verdicts.partition(|verdict| verdict.kind == Kind::Improved);
    let mut leads: Vec<Lead<'a>> = leads(worse.into_iter()).chain(leads(better.into_iter())).collect();
    leads.sort_by(|a, b| {
        let (a, b) = (a.verdict, b.verdict);
        b.fails().cmp(&a.fails()).then(b.kind.cmp(&a.kind)).then(part(b).total_cmp(&part(a)))
    });
    leads
}

/// A slope says more than growth at one rung; among growths the largest speaks.
fn weight(verdict: &Verdict) -> (u8, u64) {
    let Some(subject) = &verdict.subject else { return (0, 0) };
    let word = match subject.aspect.word() {
        "slope" => 2,
        "growth" => 1,
        _ => 0,
    };
    (word, (subject.run - subject.baseline.unwrap_or(0.0)).abs() as u64)
}

/// The change as a part of what was before, and of a whole case as much as can be.
fn part(verdict: &Verdict) -> f64 {
    let Some(subject) = &verdict.subject else { return f64::INFINITY };
    let before = subject.baseline.unwrap_or(0.0);
    (subject.run - before).abs() / before.abs().max(1.0)
}
