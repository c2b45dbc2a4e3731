//! Groups the verdicts on the aspects of one quantity of one case, and picks the one that represents the group.

use std::collections::BTreeMap;

use highwater_judge::{Kind, Verdict};
use highwater_model::{CaseId, Quantity, Unit};

/// The verdicts on one quantity of one case.
#[derive(Clone, Debug)]
pub(super) struct VerdictGroup<'a> {
    /// The verdict that represents the group.
    pub(super) verdict: &'a Verdict,
    pub(super) others: Vec<&'a Verdict>,
}

/// One group for each case and quantity, in their order.
pub(super) fn group_verdicts<'a>(
    verdicts: impl Iterator<Item = &'a Verdict>,
) -> impl Iterator<Item = VerdictGroup<'a>> {
    let mut groups: BTreeMap<(&CaseId, Option<Quantity>), VerdictGroup<'a>> = BTreeMap::new();
    for verdict in verdicts {
        let quantity = verdict.subject.as_ref().map(|subject| subject.quantity);
        groups
            .entry((&verdict.case, quantity))
            .and_modify(|group| {
                let is_worse = (verdict.kind, weight(verdict)) > (group.verdict.kind, weight(group.verdict));
                let other = if is_worse { std::mem::replace(&mut group.verdict, verdict) } else { verdict };
                group.others.push(other);
            })
            .or_insert(VerdictGroup { verdict, others: Vec::new() });
    }
    groups.into_values()
}

/// Groups improvements separately from the rest. Failures come first, then the worst kinds, then the largest relative
/// changes.
pub(super) fn worst_first<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Vec<VerdictGroup<'a>> {
    let (better, worse): (Vec<_>, Vec<_>) = verdicts.partition(|verdict| verdict.kind == Kind::Improved);
    let mut groups: Vec<VerdictGroup<'a>> =
        group_verdicts(worse.into_iter()).chain(group_verdicts(better.into_iter())).collect();
    groups.sort_by(|a, b| {
        let (a, b) = (a.verdict, b.verdict);
        b.fails().cmp(&a.fails()).then(b.kind.cmp(&a.kind)).then(relative_change(b).total_cmp(&relative_change(a)))
    });
    groups
}

/// A slope represents a group rather than growth at one rung. Among growths, the largest change represents it.
fn weight(verdict: &Verdict) -> (u8, u64) {
    let Some(subject) = &verdict.subject else { return (0, 0) };
    let aspect = match subject.aspect.word() {
        "slope" => 2,
        "growth" => 1,
        _ => 0,
    };
    (aspect, (subject.run - subject.baseline.unwrap_or(0.0)).abs() as u64)
}

/// The change relative to the tolerance and the range over workers; infinite for a whole case. For memory, the floor is at
/// least a page: less than that is a curiosity, however exact it is.
#[must_use]
pub fn of_noise(verdict: &Verdict, page: u64) -> f64 {
    let Some(subject) = &verdict.subject else { return f64::INFINITY };
    let by = (subject.run - subject.baseline.unwrap_or(0.0)).abs();
    let least = match subject.quantity.unit() {
        Unit::Bytes => page as f64,
        Unit::Nanoseconds | Unit::Count => 1.0,
    };
    by / subject.noise.max(least)
}

/// The change relative to the baseline; infinite for a whole case.
fn relative_change(verdict: &Verdict) -> f64 {
    let Some(subject) = &verdict.subject else { return f64::INFINITY };
    let before = subject.baseline.unwrap_or(0.0);
    (subject.run - before).abs() / before.abs().max(1.0)
}
