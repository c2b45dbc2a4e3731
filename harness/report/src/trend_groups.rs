//! Findings of one case at the same revision and in the same direction are one change of the program, seen at several
//! stages and in several quantities.

use highwater_model::{CaseId, MachineClass, Quantity};

use super::{TrendFinding, counted};

/// The most quantities that are named.
const MOST_NAMED: usize = 3;

/// Findings that belong together.
#[derive(Debug)]
pub(super) struct TrendGroup<'a> {
    /// The largest relative to its noise floor.
    pub(super) leader: &'a TrendFinding,
    /// The others.
    others: Vec<&'a TrendFinding>,
}

/// What the findings of a group have in common.
#[derive(PartialEq, Eq)]
struct Key<'a> {
    class: &'a MachineClass,
    case: &'a CaseId,
    begin: &'a str,
    /// The last revision of creep.
    end: Option<&'a str>,
    rises: bool,
    blessed: bool,
}

impl<'a> Key<'a> {
    fn of(finding: &'a TrendFinding) -> Self {
        Self {
            class: &finding.class,
            case: &finding.case,
            begin: &finding.begin.commit,
            end: finding.end.as_ref().map(|end| end.commit.as_str()),
            rises: finding.change() > 0.0,
            blessed: finding.blessed,
        }
    }
}

/// Groups findings, which are sorted by their size.
pub(super) fn groups<'a>(findings: &[&'a TrendFinding]) -> Vec<TrendGroup<'a>> {
    let mut groups: Vec<TrendGroup<'a>> = Vec::new();
    for &finding in findings {
        let key = Key::of(finding);
        match groups.iter_mut().find(|group| Key::of(group.leader) == key) {
            Some(group) => group.others.push(finding),
            None => groups.push(TrendGroup { leader: finding, others: Vec::new() }),
        }
    }
    groups
}

impl TrendGroup<'_> {
    /// The sentence of the largest finding, `and 3 more stages`, or the quantities that changed too.
    pub(super) fn sentence(&self) -> String {
        let sentence = self.leader.sentence();
        if self.others.is_empty() {
            return sentence;
        }
        if self.others.iter().all(|other| other.quantity == self.leader.quantity) {
            return format!("{sentence}; and {}", counted(self.others.len(), "more stage"));
        }
        let mut quantities: Vec<Quantity> = Vec::new();
        for quantity in self.others.iter().map(|other| other.quantity) {
            if !quantities.contains(&quantity) {
                quantities.push(quantity);
            }
        }
        let names: Vec<String> = quantities.iter().take(MOST_NAMED).map(ToString::to_string).collect();
        let more = if quantities.len() > MOST_NAMED { ", ..." } else { "" };
        format!("{sentence}; and {} ({}{more})", counted(self.others.len(), "more value"), names.join(", "))
    }
}
