//! The comparison of a run with its baseline, family by family, and what it comes to.

use highwater_model::{Baseline, Blessing, CaseId, MachineClass, Record, WorkerOptions};
use serde::Serialize;

use super::{
    Keep, Kind, Policy, Verdict, baselines,
    differences::differences,
    pair::{Pair, whole_case},
};

/// All families of a comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Whether what is unconfirmed fails too.
    pub strict: bool,
    /// By family, in order of name.
    pub families: Vec<FamilyComparison>,
    /// Families of the run that have no baseline.
    pub without_baseline: Vec<NoBaseline>,
}

/// A family that cannot be compared for want of a baseline.
#[derive(Clone, Debug, Serialize)]
pub struct NoBaseline {
    /// The family.
    pub family: String,
    /// The machine class of the run.
    pub class: MachineClass,
    /// Classes that do have a baseline of this family.
    pub other_classes: Vec<MachineClass>,
}

/// One family's verdicts.
#[derive(Clone, Debug, Serialize)]
pub struct FamilyComparison {
    /// The family.
    pub family: String,
    /// The machine class of the run.
    pub class: MachineClass,
    /// The machine class of the baseline: other than the run's only where growth alone is judged.
    pub baseline_class: MachineClass,
    /// The baseline's reason and date.
    pub blessed: Option<Blessing>,
    /// What differs in context: name, in the baseline, in the run.
    pub differences: Vec<(String, String, String)>,
    /// Cases of the baseline that the run's filter left out.
    pub not_selected: usize,
    /// What one unit of the ladder is.
    pub unit: String,
    /// What was changed about the run's workers on purpose.
    pub worker_options: WorkerOptions,
    /// The verdicts, case by case.
    pub verdicts: Vec<Verdict>,
}

impl Comparison {
    /// Every verdict.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.families.iter().flat_map(|family| &family.verdicts)
    }

    /// The exit status (design §4): failures first, then missing baselines.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.verdicts().any(Verdict::fails) {
            highwater_model::exit::REGRESSED
        } else if self.families.is_empty() || !self.without_baseline.is_empty() {
            highwater_model::exit::NO_BASELINE
        } else if self.strict && self.verdicts().any(|verdict| verdict.gated && verdict.kind == Kind::Unconfirmed) {
            highwater_model::exit::UNCONFIRMED
        } else {
            highwater_model::exit::HELD
        }
    }
}

impl FamilyComparison {
    /// The cases with a gated finding that stage 2 has to confirm: those whose workers are to be run again.
    #[must_use]
    pub fn flagged(&self) -> Vec<&CaseId> {
        let flagged = |verdict: &&Verdict| verdict.gated && verdict.subject.is_some() && verdict.kind.is_flagged();
        let mut cases: Vec<&CaseId> = self.verdicts.iter().filter(flagged).map(|verdict| &verdict.case).collect();
        cases.dedup();
        cases
    }
}

/// Judges a run against a baseline of the same family, of the same machine class or of the one that
/// differs by ASLR alone. This is stage 1 (design §4).
#[must_use]
pub fn compare_family(baseline: &Baseline, run: &Record, policy: &Policy) -> FamilyComparison {
    judge(baseline, run, None, policy)
}

/// The same where the baseline is another run.
#[must_use]
pub fn compare_runs(baseline: &Record, run: &Record, policy: &Policy) -> FamilyComparison {
    compare_family(&baselines::of_run(baseline, policy, Keep::Reported), run, policy)
}

/// The same with stage 2: `again` holds fresh workers of the cases that stage 1 flagged, and a finding
/// stands only where both runs have it.
#[must_use]
pub fn confirm_family(baseline: &Baseline, run: &Record, again: &Record, policy: &Policy) -> FamilyComparison {
    judge(baseline, run, Some(again), policy)
}

fn judge(baseline: &Baseline, run: &Record, again: Option<&Record>, policy: &Policy) -> FamilyComparison {
    let pair = Pair { baseline, run, again, policy };
    let mut verdicts: Vec<Verdict> = run.cases.iter().flat_map(|case| pair.case(case)).collect();
    let absent = baseline.cases.keys().filter(|id| run.cases.iter().all(|case| case.id != **id));
    let mut not_selected = 0;
    for id in absent {
        if run.selection.filter.is_some() {
            not_selected += 1;
        } else {
            let sentence = "the baseline has this case and the run has not; bless to accept".to_owned();
            let gated = policy.expects(id);
            verdicts.push(Verdict { gated, ..whole_case(id, Kind::Missing, sentence) });
        }
    }
    FamilyComparison {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        baseline_class: baseline.class.clone(),
        blessed: baseline.blessed().cloned(),
        differences: differences(baseline, run),
        not_selected,
        unit: run.unit.clone(),
        worker_options: run.selection.worker_options.clone(),
        verdicts,
    }
}
