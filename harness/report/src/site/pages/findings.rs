//! The findings of a comparison for the front page and the pages of families: what changed, where, and by how much. The
//! largest change relative to its noise floor comes first.

use highwater_judge::{Kind, Verdict, change};
use highwater_model::Quantity;

use super::{CaseLink, Tone, tone};
use crate::{
    site::format::{amount, both, minus, relative},
    site::{Material, names},
    verdict_groups::{VerdictGroup, of_noise, worst_first},
};

/// The change of a quantity, represented by its most significant aspect, or a finding on a whole case.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) tone: Tone,
    pub(super) kind: Kind,
    pub(super) case: CaseLink,
    /// The quantity and the aspect; empty for a whole case.
    pub(super) what: String,
    /// `+4.05 KiB per sandbox, 1.01 pages`.
    pub(super) change: String,
    pub(super) relative: String,
    pub(super) before: String,
    pub(super) now: String,
    /// Where the memory is.
    pub(super) category: String,
    /// For a whole case.
    pub(super) sentence: String,
}

/// The findings on gated quantities and on whole cases, of one family or of all; cases that were not run are counted
/// elsewhere, unless they fail the gate.
pub(super) fn worst(material: &Material, family: Option<&str>, root: &str) -> Vec<Finding> {
    let is_shown = |verdict: &&Verdict| {
        let is_finding = verdict.fails() || !matches!(verdict.kind, Kind::Same | Kind::NotRun);
        is_finding && (verdict.gated || verdict.subject.is_none())
    };
    let families = material.comparison.families.iter().filter(|it| family.is_none_or(|family| it.family == family));
    let mut found: Vec<(Rank, Finding)> = Vec::new();
    for compared in families {
        let page = compared.class.page_size;
        for VerdictGroup { verdict, .. } in worst_first(compared.verdicts.iter().filter(is_shown)) {
            found.push((Rank::of(verdict, page), finding(verdict, &compared.unit, page, family.is_none(), root)));
        }
    }
    found.sort_by(|(a, _), (b, _)| b.order(a));
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// The order of findings: what fails the gate, then the worst kind, then the largest change relative to its noise floor.
struct Rank {
    is_worse: bool,
    fails: bool,
    is_change: bool,
    kind: Kind,
    of_noise: f64,
}

impl Rank {
    fn of(verdict: &Verdict, page: u64) -> Self {
        Self {
            is_worse: verdict.kind != Kind::Improved,
            fails: verdict.fails(),
            is_change: matches!(verdict.kind, Kind::Regressed | Kind::OverBudget),
            kind: verdict.kind,
            of_noise: of_noise(verdict, page),
        }
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let failed = |rank: &Self| rank.kind == Kind::Failed;
        let keys = |rank: &Self| (rank.is_worse, rank.fails, failed(rank), rank.is_change);
        keys(self).cmp(&keys(other)).then(self.of_noise.total_cmp(&other.of_noise)).then(self.kind.cmp(&other.kind))
    }
}

fn finding(verdict: &Verdict, unit: &str, page: u64, names_family: bool, root: &str) -> Finding {
    let label = if names_family { verdict.case.as_str() } else { verdict.case.within_family() };
    let href = format!("{root}{}", names::address(&names::case_page(&verdict.case)));
    let mut finding = Finding {
        tone: tone(verdict.kind),
        kind: verdict.kind,
        case: CaseLink { label: label.to_owned(), href: (verdict.kind != Kind::Missing).then_some(href) },
        what: String::new(),
        change: String::new(),
        relative: String::new(),
        before: String::new(),
        now: String::new(),
        category: String::new(),
        sentence: verdict.sentence.clone(),
    };
    let Some(subject) = &verdict.subject else { return finding };
    // If the median did not rise, the rise is in some of the workers, and the sentence says in how many.
    let is_rise = matches!(verdict.kind, Kind::Regressed | Kind::Unconfirmed);
    if is_rise && subject.baseline.is_some_and(|baseline| subject.run <= baseline) {
        return finding;
    }
    finding.what = what(subject.quantity, &subject.aspect.to_string());
    finding.category = subject.category.map_or(String::new(), |(category, _)| category.to_string().replace('_', " "));
    match subject.baseline {
        Some(baseline) => {
            let by = subject.run - baseline;
            [finding.before, finding.now] = both(subject.quantity, baseline, subject.run);
            finding.change = minus(&change(subject.quantity, &subject.aspect, unit, page, by));
            finding.relative = relative(baseline, by);
        }
        None => finding.now = amount(subject.quantity.unit(), subject.run),
    }
    finding
}

fn what(quantity: Quantity, aspect: &str) -> String {
    format!("{}, {aspect}", quantity.to_string().replace('_', " "))
}
