//! Compares one case of a run with the same case of its baseline: every aspect of every quantity that the policy does
//! not ignore, by the rule of [`super::compare_samples`]. Fresh workers, where there are any, confirm a finding or not.

use highwater_model::{Aspect, Baseline, BaselineCase, CaseRecord, Category, Metric, Quantity, Record, Stage, Summary};
use highwater_stats::ROUNDING;

use super::{
    Applied, CaseView, Kind, Mode, NoiseClass, Policy, Subject, Verdict, categories,
    compare_samples::{Repeatability, WorkerValues},
    confirmation::{ALPHA, FRESH_WORKERS, State},
    expectation::expected,
    moves,
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

/// Whether the workers of a case agree on everything that is gated by default and independent of the heap layout, and
/// no further thread could change that. If so, more workers would show nothing new. Where threads race, a few workers
/// that agree say little about the next.
#[must_use]
pub fn exact_where_gated(case: &CaseRecord, baseline_stage: &Stage) -> bool {
    let view = CaseView::new(case, baseline_stage);
    let policy = Policy::default();
    let gated = gated(view, case, &policy);
    let agree = || {
        gated.filter(|(quantity, ..)| is_independent_of_layout(*quantity)).all(|(quantity, aspect, applied)| {
            let values = view.values(quantity, &aspect).and_then(WorkerValues::new);
            values.is_none_or(|values| values.range() <= applied.tolerance + ROUNDING)
        })
    };
    is_single_threaded(view) && agree()
}

/// Judges the cases of a family.
pub(super) struct FamilyJudge<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) run: &'a Record,
    pub(super) policy: &'a Policy,
}

/// The verdicts on a case, and whether fresh workers could change them.
pub(super) struct JudgedCase {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) state: State,
}

impl FamilyJudge<'_> {
    /// `fresh` has new workers of a flagged case, to confirm the findings.
    pub(super) fn judge_case(&self, case: &CaseRecord, fresh: Option<&CaseRecord>) -> JudgedCase {
        let baseline = self.baseline.cases.get(&case.id);
        if let Some(reason) = &case.not_run {
            let verdicts = vec![self.not_run(case, reason, baseline)];
            return JudgedCase { verdicts, state: State::Settled };
        }
        let mut judged_aspects = Vec::new();
        let mut verdicts = Vec::new();
        let failures = self.failures(case, fresh, baseline);
        let state_of_failures = failures.as_ref().map(|(_, state)| *state);
        verdicts.extend(failures.map(|(verdict, _)| verdict));
        // If no worker of the run completed, the fresh ones that did take their place.
        let (case, fresh) = match fresh {
            Some(fresh) if case.samples == 0 && fresh.samples > 0 => (fresh, None),
            _ => (case, fresh.filter(|fresh| fresh.samples > 0)),
        };
        verdicts.extend(self.new_case(case, baseline));
        let view = CaseView::of(self.run, case);
        verdicts.extend(self.missing_from_run(case, view, baseline));
        verdicts.extend(self.missing_from_baseline(case, view, baseline));
        let fresh = fresh.map(|fresh| CaseView::of(self.run, fresh));
        for (quantity, aspect) in judged(view) {
            let applied = self.policy.applied(&case.id, quantity, &aspect);
            if applied.mode == Mode::Ignore {
                continue;
            }
            judged_aspects.extend(self.judge_aspect(case, quantity, &aspect, applied, view, fresh, baseline));
        }
        moves::recognise(&mut judged_aspects, self.policy);
        let (of_aspects, mut states): (Vec<Verdict>, Vec<State>) = judged_aspects.into_iter().unzip();
        verdicts.extend(of_aspects);
        states.extend(state_of_failures);
        JudgedCase { verdicts, state: State::of_case(states) }
    }

    pub(super) fn is_same_class(&self) -> bool {
        self.run.fingerprint.class == self.baseline.class
    }

    #[allow(clippy::too_many_arguments, reason = "one aspect of a case on three sides")]
    fn judge_aspect(
        &self,
        case: &CaseRecord,
        quantity: Quantity,
        aspect: &Aspect,
        applied: Applied,
        view: CaseView<'_>,
        fresh: Option<CaseView<'_>>,
        baseline: Option<&BaselineCase>,
    ) -> Option<(Verdict, State)> {
        let run = WorkerValues::new(view.values(quantity, aspect)?)?;
        let workers = baseline.map_or(0, |baseline| baseline.samples);
        let baseline = baseline.and_then(|baseline| expected(baseline, quantity, aspect));
        let baseline = baseline.as_deref();
        let tolerance = baseline.map_or(0.0, |baseline| applied.allowed(baseline.median));
        let budget = applied.budget;
        let repeatability = repeatability(quantity, view);
        let compare =
            |run: &WorkerValues, level: f64| match (baseline, budget.is_some_and(|budget| run.median > budget)) {
                (_, true) => Some(Kind::OverBudget),
                (None, false) => None,
                (Some(_), false) if !self.is_comparable(quantity, aspect) => Some(Kind::NotComparable),
                (Some(baseline), false) => Some(run.compare(baseline, workers, tolerance, repeatability, level)),
            };
        let first = compare(&run, ALPHA)?;
        let fresh = fresh.filter(|_| first.is_flagged()).and_then(|fresh| fresh.values(quantity, aspect));
        let confirmation = fresh.and_then(WorkerValues::new);
        let kind = match &confirmation {
            None => first,
            Some(fresh) => confirmed(first, compare(fresh, FRESH_WORKERS.level(fresh.count()))),
        };
        // A budget gates even if the policy only reports changes.
        let is_gated = |kind| applied.mode == Mode::Gate || kind == Kind::OverBudget;
        let state = match &confirmation {
            _ if !first.is_flagged() || !is_gated(first) => State::Settled,
            None => State::Open,
            Some(fresh) if kind == Kind::Unconfirmed => {
                let above = baseline.map_or(0, |baseline| fresh.above(baseline, tolerance));
                State::unconfirmed(fresh.count(), above)
            }
            Some(_) => State::Confirmed,
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
            noise: tolerance + baseline.map_or(0.0, Summary::width),
            category,
        };
        let (case, gated, subject) = (case.id.clone(), is_gated(kind), Some(subject));
        let watched = applied.mode == Mode::Watch;
        let verdict = Verdict { case, kind, gated, watched, subject, sentence, explanation: None, owner: None };
        Some((verdict, state))
    }

    /// Between machine classes that differ in ASLR, only figures of the workers and growth that does not depend on
    /// addresses can be compared.
    fn is_comparable(&self, quantity: Quantity, aspect: &Aspect) -> bool {
        let is_independent_of_addresses = |metric: Metric| {
            metric.is_heap_bytes()
                || matches!(metric, Metric::AnonMapped | Metric::Anon | Metric::OutsideAnon | Metric::HeapBlocks)
        };
        self.is_same_class()
            || matches!(quantity, Quantity::Figure(_))
            || (quantity.metric().is_some_and(is_independent_of_addresses) && !matches!(aspect, Aspect::Level(_)))
    }
}

/// Whether a quantity does not depend on where malloc places a block.
fn is_independent_of_layout(quantity: Quantity) -> bool {
    use Metric::{AnonMapped, HeapBlocks, HeapLive, HeapPeak, OutsideAnon, PageTables, Vmas};
    let process = matches!(
        quantity,
        Quantity::Process(AnonMapped | HeapLive | HeapPeak | HeapBlocks | OutsideAnon | PageTables | Vmas)
    );
    process || matches!(quantity, Quantity::Figure(_))
}

/// Mapped memory and heap bytes are the same in every layout unless a further thread allocates concurrently.
fn repeatability(quantity: Quantity, view: CaseView<'_>) -> Repeatability {
    match is_independent_of_layout(quantity) && is_single_threaded(view) {
        true => Repeatability::Exact,
        false => Repeatability::Varying,
    }
}

/// Whether a case starts neither threads nor processes. A worker has two threads anyway: the main thread and that of the
/// case.
fn is_single_threaded(view: CaseView<'_>) -> bool {
    // The arena of a thread outlives the thread, so arenas also count threads that ended before a stage.
    let arenas = Quantity::Within(Metric::Vmas, Category::Arenas);
    let max = |quantity| view.max(quantity).unwrap_or(0.0);
    (1.0..=2.0).contains(&max(Metric::Threads.into())) && max(arenas) <= 1.0 && max(Metric::Processes.into()) <= 1.0
}

/// The verdict after fresh workers ran: a finding counts only if they show it too. `fresh` is their own verdict.
fn confirmed(first: Kind, fresh: Option<Kind>) -> Kind {
    match (first, fresh) {
        (Kind::OverBudget, Some(Kind::OverBudget)) => Kind::OverBudget,
        (_, Some(Kind::Regressed | Kind::OverBudget)) => Kind::Regressed,
        _ => Kind::Unconfirmed,
    }
}
