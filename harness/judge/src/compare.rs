//! Compares a run with its baselines, family by family, and derives the exit status.

use highwater_model::{
    Baseline, Blessing, CaseId, CaseRecord, MachineClass, Partition, Record, Selection, WorkerOptions,
};
use regex::Regex;
use serde::Serialize;

use super::{
    Keep, Kind, Policy, Verdict, baselines,
    compare_case::FamilyJudge,
    confirmation::{FRESH_WORKERS, State},
    differences::differences,
    presence::whole_case,
};

/// All families of a comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Whether unconfirmed findings fail too.
    pub strict: bool,
    /// The families, in order of name.
    pub families: Vec<FamilyComparison>,
    /// Families of the run that have no baseline.
    pub without_baseline: Vec<NoBaseline>,
}

/// A family that cannot be compared because it has no baseline.
#[derive(Clone, Debug, Serialize)]
pub struct NoBaseline {
    /// The family.
    pub family: String,
    /// The machine class of the run.
    pub class: MachineClass,
    /// Machine classes that have a baseline of this family.
    pub other_classes: Vec<MachineClass>,
}

/// The verdicts of one family.
#[derive(Clone, Debug, Serialize)]
pub struct FamilyComparison {
    /// The family.
    pub family: String,
    /// The machine class of the run.
    pub class: MachineClass,
    /// The machine class of the baseline. If it differs from the run's, only growth is judged.
    pub baseline_class: MachineClass,
    /// The reason and date of the baseline.
    pub blessed: Option<Blessing>,
    /// Differences in context: the name, the value in the baseline, the value in the run.
    pub differences: Vec<(String, String, String)>,
    /// The part that was judged, if the run measured only one (`--partition`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<JudgedPart>,
    /// The number of cases of the baseline that the run's filter left out.
    pub not_selected: usize,
    /// The unit of the ladder.
    pub unit: String,
    /// Options that changed the run's workers on purpose.
    pub worker_options: WorkerOptions,
    /// The verdicts, case by case.
    pub verdicts: Vec<Verdict>,
    /// Cases with a finding that fresh workers could confirm or refute.
    #[serde(skip)]
    undecided: Vec<CaseId>,
}

/// The part of a family that a comparison is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedPart {
    /// Which part it is.
    pub partition: Partition,
    /// The number of its cases.
    pub cases: usize,
    /// The number of cases of all parts.
    pub of: usize,
}

impl Comparison {
    /// The verdicts of all families.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.families.iter().flat_map(|family| &family.verdicts)
    }

    /// The exit status. A failure takes precedence over a missing baseline.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.verdicts().any(Verdict::fails) {
            highwater_model::exit::REGRESSED
        } else if self.families.is_empty() || !self.without_baseline.is_empty() {
            highwater_model::exit::NO_BASELINE
        } else if self.strict && self.verdicts().any(|verdict| verdict.gated && verdict.kind == Kind::Unconfirmed) {
            highwater_model::exit::UNCONFIRMED
        } else {
            highwater_model::exit::PASSED
        }
    }
}

impl FamilyComparison {
    /// The cases with a gated finding that fresh workers have to confirm.
    #[must_use]
    pub fn flagged(&self) -> Vec<&CaseId> {
        self.undecided.iter().collect()
    }
}

/// Judges a run against a baseline of the same family, for the same machine class or the one that differs only in
/// ASLR. This is stage 1; [`confirm_family`] is stage 2.
#[must_use]
pub fn compare_family(baseline: &Baseline, run: &Record, policy: &Policy) -> FamilyComparison {
    judge(baseline, run, None, policy)
}

/// Judges a run against another run.
#[must_use]
pub fn compare_runs(baseline: &Record, run: &Record, policy: &Policy) -> FamilyComparison {
    compare_family(&baselines::of_run(baseline, policy, Keep::Reported), run, policy)
}

/// Judges a run with confirmation: `fresh` has new workers of the cases that stage 1 flagged, and a finding counts only
/// if they show it too.
#[must_use]
pub fn confirm_family(baseline: &Baseline, run: &Record, fresh: &Record, policy: &Policy) -> FamilyComparison {
    judge(baseline, run, Some(fresh), policy)
}

/// Whether more fresh workers of a case could change its verdicts. `fresh` has those that ran so far.
#[must_use]
pub fn needs_more_workers(baseline: &Baseline, run: &Record, fresh: &CaseRecord, policy: &Policy) -> bool {
    let Some(case) = run.case(fresh.id.as_str()) else { return false };
    let drawn = fresh.samples + fresh.failures.len();
    drawn < FRESH_WORKERS.max()
        && fresh.not_run.is_none()
        && FamilyJudge { baseline, run, policy }.judge_case(case, Some(fresh)).state == State::Open
}

fn judge(baseline: &Baseline, run: &Record, fresh: Option<&Record>, policy: &Policy) -> FamilyComparison {
    let judge = FamilyJudge { baseline, run, policy };
    let (mut verdicts, mut undecided) = (Vec::new(), Vec::new());
    for case in &run.cases {
        let judged = judge.judge_case(case, fresh.and_then(|fresh| fresh.case(case.id.as_str())));
        verdicts.extend(judged.verdicts);
        if judged.state == State::Open {
            undecided.push(case.id.clone());
        }
    }
    let is_selected = selected_by(&run.selection);
    let part = run.selection.part.as_ref();
    let is_elsewhere = |id: &CaseId| part.is_some_and(|part| part.is_elsewhere(id));
    let absent = baseline.cases.keys().filter(|id| run.case(id.as_str()).is_none() && !is_elsewhere(id));
    let mut not_selected = 0;
    for id in absent {
        if is_selected(id) {
            let sentence = "in the baseline but not in the run; bless to accept".to_owned();
            let gated = policy.expects(id);
            verdicts.push(Verdict { gated, ..whole_case(id, Kind::Missing, sentence) });
        } else {
            not_selected += 1;
        }
    }
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.fails()) {
        let subject = verdict.subject.as_ref().map(|subject| (subject.quantity, &subject.aspect));
        verdict.owner = policy.owner(&verdict.case, subject).map(str::to_owned);
    }
    FamilyComparison {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        baseline_class: baseline.class.clone(),
        blessed: baseline.blessed().cloned(),
        differences: differences(baseline, run),
        part: part.map(|part| JudgedPart { partition: part.partition, cases: run.cases.len(), of: part.cases.len() }),
        not_selected,
        unit: run.unit.clone(),
        worker_options: run.selection.worker_options.clone(),
        verdicts,
        undecided,
    }
}

/// Whether a run with this filter would have measured a case. A filter that matches the id of a case that is gone does
/// not excuse it.
fn selected_by(selection: &Selection) -> impl Fn(&CaseId) -> bool {
    let regex = selection.filter.as_deref().map(Regex::new);
    move |id| {
        let by_id = match &regex {
            None => true,
            Some(Ok(regex)) => regex.is_match(id.as_str()),
            Some(Err(_)) => false,
        };
        by_id && selection.parameters.iter().all(|filter| filter.selects(id))
    }
}
