//! Compares one case of a run with the same case of its baseline: every aspect of every quantity that the policy does
//! not ignore, by the rule of [`super::compare_samples`]. Fresh workers, where there are any, confirm a finding or not.

use std::collections::BTreeSet;

use highwater_model::{Aspect, Baseline, BaselineCase, CaseId, CaseRecord, Category, Metric, Quantity, Record, Stage};
use highwater_stats::ROUNDING;

use super::{
    Applied, CaseView, Kind, Mode, NoiseClass, Policy, Subject, Verdict, categories,
    compare_samples::{Repeatability, WorkerValues},
    sentence::{BaselineSide, Wording},
};

/// The aspects of a case that a policy gates.
pub(super) fn gated<'a>(
    view: CaseView<'a>,
    case: &'a CaseRecord,
    policy: &'a Policy,
) -> impl Iterator<Item = (Quantity, Aspect, Applied)> + 'a {
    judged(view)
        .map(|(quantity, aspect)| {
            let applied = policy.applied(&case.id, quantity, &aspect);
            (quantity, aspect, applied)
        })
        .filter(|(_, _, applied)| applied.mode == Mode::Gate)
}

/// Every aspect of every quantity that a policy can name.
pub(super) fn judged<'a>(view: CaseView<'a>) -> impl Iterator<Item = (Quantity, Aspect)> + 'a {
    let memory = view.aspects().into_iter().flat_map(|aspect| {
        let quantities = Metric::ALL.iter().map(|metric| Quantity::from(*metric)).chain(categories::quantities());
        quantities.map(move |quantity| (quantity, aspect.clone()))
    });
    memory.chain(view.figures())
}

/// Whether the workers of a case agree on everything that is gated by default and independent of the heap layout. If
/// so, more workers would show nothing new.
#[must_use]
pub fn exact_where_gated(case: &CaseRecord, baseline_stage: &Stage) -> bool {
    let view = CaseView::new(case, baseline_stage);
    let policy = Policy::default();
    let gated = gated(view, case, &policy);
    gated.filter(|(quantity, ..)| is_independent_of_layout(*quantity)).all(|(quantity, aspect, applied)| {
        let values = view.values(quantity, &aspect).and_then(WorkerValues::new);
        values.is_none_or(|values| values.range() <= applied.tolerance + ROUNDING)
    })
}

pub(super) fn whole_case(case: &CaseId, kind: Kind, sentence: String) -> Verdict {
    Verdict { case: case.clone(), kind, gated: true, subject: None, sentence }
}

/// Judges the cases of a family.
pub(super) struct FamilyJudge<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) run: &'a Record,
    /// New workers of flagged cases, to confirm the findings.
    pub(super) fresh: Option<&'a Record>,
    pub(super) policy: &'a Policy,
}

impl FamilyJudge<'_> {
    pub(super) fn judge_case(&self, case: &CaseRecord) -> Vec<Verdict> {
        let baseline = self.baseline.cases.get(&case.id);
        let mut verdicts = Vec::new();
        if let Some(reason) = &case.not_run {
            return vec![whole_case(&case.id, Kind::NotRun, reason.clone())];
        }
        if let Some(failure) = case.failures.first() {
            let sentence = format!(
                "{} of {} workers failed: {} {}",
                case.failures.len(),
                case.failures.len() + case.samples,
                failure.outcome,
                failure.place()
            );
            // A failure that the baseline has too is expected.
            let outcome = failure.outcome.to_string();
            let expected = baseline.is_some_and(|baseline| baseline.failures.contains(&outcome));
            verdicts.push(Verdict { gated: !expected, ..whole_case(&case.id, Kind::Failed, sentence) });
        }
        match baseline {
            None => verdicts.push(whole_case(&case.id, Kind::New, "no baseline yet; bless to accept".to_owned())),
            Some(baseline) if baseline.samples == 0 && case.samples > 0 => {
                verdicts.push(whole_case(
                    &case.id,
                    Kind::New,
                    "the baseline has no completed worker of this case; bless to accept".to_owned(),
                ));
            }
            Some(_) => {}
        }
        let view = CaseView::of(self.run, case);
        verdicts.extend(self.missing_from_run(case, view, baseline));
        verdicts.extend(self.missing_from_baseline(case, view, baseline));
        for (quantity, aspect) in judged(view) {
            let applied = self.policy.applied(&case.id, quantity, &aspect);
            if applied.mode != Mode::Ignore {
                verdicts.extend(self.judge_aspect(case, quantity, &aspect, applied, view, baseline));
            }
        }
        verdicts
    }

    /// Gated values of the baseline that the run lacks: a stage is no longer reached or was renamed, or a metric is no
    /// longer read. A ladder given on the command line leaves rungs out on purpose.
    fn missing_from_run(
        &self,
        case: &CaseRecord,
        view: CaseView<'_>,
        baseline: Option<&BaselineCase>,
    ) -> Option<Verdict> {
        if case.samples == 0 || self.run.selection.ladder.is_some() {
            return None;
        }
        let present: BTreeSet<Aspect> = view.aspects().into_iter().collect();
        if present.is_empty() {
            let sentence = format!("no worker reached {}, so nothing can be judged", self.run.baseline_stage);
            return Some(whole_case(&case.id, Kind::Missing, sentence));
        }
        let mut missing: Vec<String> = Vec::new();
        for (quantity, aspect) in baseline?.values.keys() {
            let is_figure = matches!(quantity, Quantity::Figure(_));
            let is_gated = || self.policy.applied(&case.id, *quantity, aspect).mode == Mode::Gate;
            let name = match () {
                () if view.values(*quantity, aspect).is_some() || !is_gated() => continue,
                () if is_figure || present.contains(aspect) => format!("{quantity}, {aspect}"),
                // The whole stage is missing: name it once.
                () => aspect.to_string(),
            };
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        (!missing.is_empty()).then(|| {
            let sentence = format!("in the baseline but not in the run: {}; bless to accept", missing.join("; "));
            whole_case(&case.id, Kind::Missing, sentence)
        })
    }

    /// Gated values of the run that the baseline lacks: the policy gates more than when it was blessed, or the case has
    /// more stages.
    fn missing_from_baseline(
        &self,
        case: &CaseRecord,
        view: CaseView<'_>,
        baseline: Option<&BaselineCase>,
    ) -> Option<Verdict> {
        let baseline = baseline.filter(|baseline| baseline.samples > 0 && case.samples > 0)?;
        let missing = gated(view, case, self.policy).filter(|(quantity, aspect, _)| {
            !baseline.values.contains_key(&(*quantity, aspect.clone())) && view.values(*quantity, aspect).is_some()
        });
        let names: Vec<String> = missing.map(|(quantity, aspect, _)| format!("{quantity}, {aspect}")).collect();
        let (first, more) = (names.first()?, names.len() - 1);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let sentence = format!("the baseline has no value for {first}{more}; bless to accept");
        // A baseline of another class lacks values that are not comparable anyway.
        self.is_same_class().then(|| whole_case(&case.id, Kind::New, sentence))
    }

    fn is_same_class(&self) -> bool {
        self.run.fingerprint.class == self.baseline.class
    }

    fn judge_aspect(
        &self,
        case: &CaseRecord,
        quantity: Quantity,
        aspect: &Aspect,
        applied: Applied,
        view: CaseView<'_>,
        baseline: Option<&BaselineCase>,
    ) -> Option<Verdict> {
        let run = WorkerValues::new(view.values(quantity, aspect)?)?;
        let workers = baseline.map_or(0, |baseline| baseline.samples);
        let baseline = baseline.and_then(|baseline| baseline.values.get(&(quantity, aspect.clone())));
        let tolerance = baseline.map_or(0.0, |baseline| applied.allowed(baseline.median));
        let budget = applied.budget;
        let repeatability = repeatability(quantity, view);
        let compare = |run: &WorkerValues| match (baseline, budget.is_some_and(|budget| run.median > budget)) {
            (_, true) => Some(Kind::OverBudget),
            (None, false) => None,
            (Some(_), false) if !self.is_comparable(quantity, aspect) => Some(Kind::NotComparable),
            (Some(baseline), false) => Some(run.compare(baseline, workers, tolerance, repeatability)),
        };
        let first = compare(&run)?;
        let fresh_values = || {
            let case = self.fresh?.case(case.id.as_str())?;
            WorkerValues::new(CaseView::of(self.run, case).values(quantity, aspect)?)
        };
        let confirmation = if first.is_flagged() { fresh_values() } else { None };
        let kind = match &confirmation {
            None => first,
            Some(fresh) => confirm(first, &run, fresh, &compare),
        };
        let category = match baseline {
            Some(baseline) if kind != Kind::Same => {
                categories::largest_change(quantity, aspect, view, baseline, run.median - baseline.median)
            }
            _ => None,
        };
        let class = baseline.map(|baseline| match baseline.width() < ROUNDING {
            true => NoiseClass::Exact,
            false => NoiseClass::Spread,
        });
        let wording = Wording {
            quantity,
            aspect,
            unit: &self.run.unit,
            page: self.run.fingerprint.class.page_size,
            tolerance,
            exceeded_budget: budget.filter(|budget| run.median > *budget),
            category,
        };
        let side = baseline.map(|summary| BaselineSide { summary, workers });
        let sentence = wording.sentence(kind, side, &run, confirmation.as_ref());
        let subject = Subject {
            quantity,
            aspect: aspect.clone(),
            baseline: baseline.map(|baseline| baseline.median),
            run: run.median,
            confirmation: confirmation.map(|fresh| fresh.median),
            class,
            category,
        };
        // A budget gates even if the policy only reports changes.
        let gated = applied.mode == Mode::Gate || kind == Kind::OverBudget;
        Some(Verdict { case: case.id.clone(), kind, gated, subject: Some(subject), sentence })
    }

    /// Between machine classes that differ in ASLR, only figures of the workers and growth that does not depend on
    /// addresses can be compared.
    fn is_comparable(&self, quantity: Quantity, aspect: &Aspect) -> bool {
        let is_independent_of_addresses = |metric: Metric| {
            metric.is_heap_bytes() || matches!(metric, Metric::AnonMapped | Metric::Anon | Metric::HeapBlocks)
        };
        self.is_same_class()
            || matches!(quantity, Quantity::Figure(_))
            || (quantity.metric().is_some_and(is_independent_of_addresses) && !matches!(aspect, Aspect::Level(_)))
    }
}

/// Whether a quantity does not depend on where malloc places a block.
fn is_independent_of_layout(quantity: Quantity) -> bool {
    use Metric::{AnonMapped, HeapBlocks, HeapLive, HeapPeak, PageTables, Vmas};
    let process =
        matches!(quantity, Quantity::Process(AnonMapped | HeapLive | HeapPeak | HeapBlocks | PageTables | Vmas));
    process || matches!(quantity, Quantity::Figure(_))
}

/// Mapped memory and heap bytes are the same in every layout unless a further thread allocates concurrently. A worker
/// has two threads anyway: the main thread and that of the case.
fn repeatability(quantity: Quantity, view: CaseView<'_>) -> Repeatability {
    let is_exact = is_independent_of_layout(quantity);
    // The arena of a thread outlives the thread, so arenas also count threads that ended before a stage.
    let arenas = Quantity::Within(Metric::Vmas, Category::Arenas);
    let max = |quantity: Quantity| view.max(quantity).unwrap_or(0.0);
    if is_exact && (1.0..=2.0).contains(&max(Metric::Threads.into())) && max(arenas) <= 1.0 {
        Repeatability::Exact
    } else {
        Repeatability::Varying
    }
}

/// The verdict after fresh workers ran. A finding is confirmed if the fresh workers alone show it, or if all workers
/// together show it and at least one fresh worker does.
fn confirm(
    first: Kind,
    run: &WorkerValues,
    fresh: &WorkerValues,
    compare: &impl Fn(&WorkerValues) -> Option<Kind>,
) -> Kind {
    let kind = |values: &WorkerValues| compare(values).unwrap_or(Kind::Same);
    match (first, kind(fresh)) {
        (Kind::OverBudget, Kind::OverBudget) => Kind::OverBudget,
        (Kind::Regressed | Kind::OverBudget, Kind::Regressed | Kind::OverBudget) => Kind::Regressed,
        (_, Kind::Regressed | Kind::Unconfirmed) => {
            let all = run.with(fresh).map_or(Kind::Same, |all| kind(&all));
            if all == Kind::Regressed { Kind::Regressed } else { Kind::Unconfirmed }
        }
        _ => Kind::Unconfirmed,
    }
}
