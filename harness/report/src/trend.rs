//! The findings in a history store: creep and change points, as text for people and as JSON.

use std::{collections::BTreeSet, sync::Arc};

use highwater_judge::{amount, amounts, change, signed_amount, subject};
use highwater_model::{Aspect, CaseId, MachineClass, Quantity};
use serde::Serialize;

use super::{
    counted, escape,
    terminal::Emphasis,
    trend_groups::{TrendGroup, groups},
};

/// The most findings of each kind that are printed, unless everything is.
const MOST: usize = 20;
/// The characters of a commit hash that are printed.
const HASH: usize = 12;

/// What was found in a store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TrendReport {
    /// The number of runs in the store.
    pub runs: usize,
    /// The number of revisions.
    pub revisions: usize,
    /// The number of series that were judged.
    pub series: usize,
    /// The findings, the largest relative to its noise floor first.
    pub findings: Vec<TrendFinding>,
    /// Files of the store that were skipped, each with the reason.
    pub skipped: Vec<String>,
}

/// A change point or creep of a series.
#[derive(Clone, Debug, Serialize)]
pub struct TrendFinding {
    /// The machine class.
    pub class: MachineClass,
    /// The case.
    pub case: CaseId,
    /// What changed.
    pub quantity: Quantity,
    /// What of it.
    pub aspect: Aspect,
    /// What one unit of the ladder is.
    pub per: String,
    /// The level before.
    pub from: f64,
    /// The level after.
    pub to: f64,
    /// The corrected p-value.
    pub p: f64,
    /// The largest change that the gate does not report.
    pub noise: f64,
    /// The revision of the change, or at which creep begins.
    pub begin: TrendRevision,
    /// The revision at which creep ends.
    pub end: Option<TrendRevision>,
    /// The rate of creep; `None` for a change point.
    pub creep: Option<CreepRate>,
    /// Whether a later blessing accepted it.
    pub blessed: bool,
    /// The series, for its chart.
    #[serde(skip)]
    pub series: Arc<TrendSeries>,
}

/// A series with findings.
#[derive(Clone, Debug, Default)]
pub struct TrendSeries {
    /// The value at each revision.
    pub values: Vec<f64>,
    /// The indices of the change points.
    pub changes: Vec<usize>,
    /// The index of the first revision after each blessing of the case.
    pub blessings: Vec<usize>,
}

/// The rate of creep.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CreepRate {
    /// Per revision.
    pub per_revision: f64,
    /// Per week, if the commits are at least a week apart.
    pub per_week: Option<f64>,
    /// The weeks from the first commit to the last.
    pub weeks: f64,
}

/// A revision in a history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TrendRevision {
    /// The commit time (RFC 3339, UTC).
    pub at: String,
    /// The full commit hash.
    pub commit: String,
}

impl TrendFinding {
    /// The change of the level.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.to - self.from
    }

    /// Whether it fails the gate: a rise that no blessing accepted.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.change() > 0.0 && !self.blessed
    }

    /// The change by the noise floor, which is infinite if the quantity is exact.
    #[must_use]
    pub fn size(&self) -> f64 {
        if self.noise > 0.0 { self.change().abs() / self.noise } else { f64::INFINITY }
    }

    /// `heap_live per sandbox at live: +12 B per sandbox per week for 6.9 weeks, 72 B in all (...)`
    pub(super) fn sentence(&self) -> String {
        let Self { quantity, aspect, per, .. } = self;
        let [from, to] = amounts(*quantity, self.from, self.to);
        let what = subject(*quantity, aspect, per);
        let text = match &self.creep {
            None => {
                let by = change(*quantity, aspect, per, self.class.page_size, self.change());
                format!("{what}: {from} -> {to} ({by}) at {}", self.begin.label())
            }
            Some(creep) => {
                let (rate, time) = match creep.per_week {
                    Some(rate) => (rate, format!("week for {:.1} weeks", creep.weeks)),
                    None => (creep.per_revision, "revision".to_owned()),
                };
                let unit = if matches!(aspect, Aspect::Slope(_)) { format!(" per {per}") } else { String::new() };
                let end = self.end.as_ref().map_or(String::new(), |end| format!(" to {}", end.label()));
                format!(
                    "{what}: {}{unit} per {time}, {} in all ({from} -> {to}), each step within {}; {}{end}",
                    signed_amount(*quantity, rate),
                    amount(*quantity, self.change().abs()),
                    amount(*quantity, self.noise),
                    self.begin.label()
                )
            }
        };
        escape::line(&if self.blessed { format!("{text}; blessed") } else { text })
    }
}

impl TrendRevision {
    /// `0123456789ab (2026-11-30)`.
    pub(super) fn label(&self) -> String {
        let commit: String = self.commit.chars().take(HASH).collect();
        format!("{commit} ({})", self.at.split('T').next().unwrap_or_default())
    }
}

impl TrendReport {
    /// `1712 series at 40 revisions (42 runs)`
    pub(super) fn judged(&self) -> String {
        let (revisions, runs) = (counted(self.revisions, "revision"), counted(self.runs, "run"));
        format!("{} series at {revisions} ({runs})", self.series)
    }

    /// The creep, and the change points, each in groups that belong together.
    pub(super) fn by_kind(&self) -> [(&'static str, Vec<TrendGroup<'_>>); 2] {
        let (creep, points): (Vec<&TrendFinding>, Vec<&TrendFinding>) =
            self.findings.iter().partition(|finding| finding.creep.is_some());
        [("creep", groups(&creep)), ("change points", groups(&points))]
    }

    /// The findings that fail, and the number of cases that have one: `15 rises in 2 cases`.
    fn failing(&self) -> Option<String> {
        let failing: Vec<&TrendFinding> = self.findings.iter().filter(|finding| finding.fails()).collect();
        let cases: BTreeSet<(&MachineClass, &CaseId)> =
            failing.iter().map(|finding| (&finding.class, &finding.case)).collect();
        let text = format!("{} in {}", counted(failing.len(), "rise"), counted(cases.len(), "case"));
        (!failing.is_empty()).then_some(text)
    }
}

/// The findings for people.
#[must_use]
pub fn trend_text(report: &TrendReport, is_verbose: bool) -> String {
    let mut lines = Vec::new();
    for (kind, groups) in report.by_kind() {
        if groups.is_empty() {
            continue;
        }
        lines.push(format!("{}: {}", Emphasis::Heading.paint(kind), groups.len()));
        let shown = if is_verbose { groups.len() } else { MOST };
        for group in groups.iter().take(shown) {
            let finding = group.leader;
            let sign = match finding.change() > 0.0 {
                true if finding.blessed => Emphasis::Open.paint("▲"),
                true => Emphasis::Failed.paint("▲"),
                false => Emphasis::Passed.paint("▼"),
            };
            lines.push(format!("  {sign} {}  {}", finding.case, group.sentence()));
        }
        if groups.len() > shown {
            lines.push(format!("  and {} more; --verbose shows all", groups.len() - shown));
        }
    }
    let judged = report.judged();
    lines.push(match (report.findings.len(), report.failing()) {
        (0, _) => format!("{}: nothing changed in {judged}", Emphasis::Passed.paint("passed")),
        (_, None) => format!("{}: no rise since the last blessing in {judged}", Emphasis::Passed.paint("passed")),
        (_, Some(rises)) => {
            format!("{}: {rises} since the last blessing in {judged}", Emphasis::Failed.paint("failed"))
        }
    });
    lines.join("\n")
}

/// The report as indented JSON.
#[must_use]
pub fn trend_json(report: &TrendReport) -> String {
    escape::json(&format!("{:#}", serde_json::json!(report)))
}
