//! One case of a run against the same case of its baseline: every aspect of every quantity that the
//! policy looks at, by the rule of [`super::values`]. Fresh workers then confirm a finding or do not.

use std::collections::BTreeSet;

use highwater_model::{
    Aspect, Baseline, BaselineCase, CaseId, CaseRecord, Category, Metric, Quantity, Record, Stage, Summary,
};
use highwater_stats::{ROUNDING, median};

use super::{
    Applied, Kind, Mode, NoiseClass, Policy, Subject, Verdict, View,
    sentence::{Against, Wording},
    values::{Repeats, Values},
};

/// Everything that a policy gates of a case.
pub(super) fn gated<'a>(
    view: View<'a>,
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

/// Every aspect of every quantity that a policy may speak of.
pub(super) fn judged<'a>(view: View<'a>) -> impl Iterator<Item = (Quantity, Aspect)> + 'a {
    let memory = view.aspects().into_iter().flat_map(|aspect| {
        let quantities = Metric::ALL.iter().map(|metric| Quantity::from(*metric)).chain(categories());
        quantities.map(move |quantity| (quantity, aspect.clone()))
    });
    memory.chain(view.figures())
}

/// Whether the workers of a case agree on all that is gated by default and the same in every layout: more of them would
/// show nothing new.
#[must_use]
pub fn exact_where_gated(case: &CaseRecord, reference: &Stage) -> bool {
    let view = View::new(case, reference);
    let policy = Policy::default();
    let gated = gated(view, case, &policy);
    gated.filter(|(quantity, ..)| is_free_of_layout(*quantity)).all(|(quantity, aspect, applied)| {
        let values = view.values(quantity, &aspect).and_then(Values::of);
        values.is_none_or(|values| values.width() <= applied.tolerance + ROUNDING)
    })
}

pub(super) fn whole_case(case: &CaseId, kind: Kind, sentence: String) -> Verdict {
    Verdict { case: case.clone(), kind, gated: true, subject: None, sentence }
}

/// A family's run, its baseline, and the fresh workers of stage 2 where there are any.
pub(super) struct Pair<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) run: &'a Record,
    pub(super) again: Option<&'a Record>,
    pub(super) policy: &'a Policy,
}

impl Pair<'_> {
    pub(super) fn case(&self, case: &CaseRecord) -> Vec<Verdict> {
        let known = self.baseline.cases.get(&case.id);
        let mut verdicts = Vec::new();
        if let Some(reason) = &case.not_run {
            return vec![whole_case(&case.id, Kind::NotRun, reason.clone())];
        }
        if let Some(death) = case.died.first() {
            let sentence = format!(
                "{} of {} workers died: {} {}",
                case.died.len(),
                case.died.len() + case.samples,
                death.outcome,
                death.place()
            );
            // A case whose baseline died in the same way holds.
            let outcome = death.outcome.to_string();
            let expected = known.is_some_and(|known| known.failures.contains(&outcome));
            verdicts.push(Verdict { gated: !expected, ..whole_case(&case.id, Kind::Died, sentence) });
        }
        match known {
            None => verdicts.push(whole_case(&case.id, Kind::New, "no baseline yet; bless to accept".to_owned())),
            Some(known) if known.samples == 0 && case.samples > 0 => {
                verdicts.push(whole_case(
                    &case.id,
                    Kind::New,
                    "the baseline has no completed worker of it; bless to accept".to_owned(),
                ));
            }
            Some(_) => {}
        }
        let view = View::new(case, &self.run.reference);
        verdicts.extend(self.lost(case, view, known));
        verdicts.extend(self.unknown(case, view, known));
        for (quantity, aspect) in judged(view) {
            let applied = self.policy.applied(&case.id, quantity, &aspect);
            if applied.mode != Mode::Ignore {
                verdicts.extend(self.aspect(case, quantity, &aspect, applied, view, known));
            }
        }
        verdicts
    }

    /// What the baseline could be judged by and the run cannot: a stage that is no longer reached or
    /// goes by another name, a metric that is no longer read. A ladder of the user's own leaves some
    /// out on purpose.
    fn lost(&self, case: &CaseRecord, view: View<'_>, known: Option<&BaselineCase>) -> Option<Verdict> {
        if case.samples == 0 || self.run.selection.ladder.is_some() {
            return None;
        }
        let present: BTreeSet<Aspect> = view.aspects().into_iter().collect();
        if present.is_empty() {
            let sentence = format!("no worker reaches {}, so that nothing of it can be judged", self.run.reference);
            return Some(whole_case(&case.id, Kind::Missing, sentence));
        }
        let mut lost: Vec<String> = Vec::new();
        for (quantity, aspect) in known?.values.keys() {
            let is_figure = matches!(quantity, Quantity::Figure(_));
            let is_gated = || self.policy.applied(&case.id, *quantity, aspect).mode == Mode::Gate;
            let name = match () {
                () if view.values(*quantity, aspect).is_some() || !is_gated() => continue,
                () if is_figure || present.contains(aspect) => format!("{quantity}, {aspect}"),
                // The whole stage is gone: once is enough.
                () => aspect.to_string(),
            };
            if !lost.contains(&name) {
                lost.push(name);
            }
        }
        (!lost.is_empty()).then(|| {
            let sentence = format!("the baseline has {} and the run has not; bless to accept", lost.join("; "));
            whole_case(&case.id, Kind::Missing, sentence)
        })
    }

    /// What is gated and has no value in the baseline: the policy gates more than when it was blessed, or the case has
    /// more stages.
    fn unknown(&self, case: &CaseRecord, view: View<'_>, known: Option<&BaselineCase>) -> Option<Verdict> {
        let known = known.filter(|known| known.samples > 0 && case.samples > 0)?;
        let unknown = gated(view, case, self.policy).filter(|(quantity, aspect, _)| {
            !known.values.contains_key(&(*quantity, aspect.clone())) && view.values(*quantity, aspect).is_some()
        });
        let names: Vec<String> = unknown.map(|(quantity, aspect, _)| format!("{quantity}, {aspect}")).collect();
        let (first, more) = (names.first()?, names.len() - 1);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let sentence = format!("the baseline has no value of {first}{more}; bless to accept");
        (!self.ignores_new()).then(|| whole_case(&case.id, Kind::New, sentence))
    }

    /// A baseline of another class lacks what does not compare with it anyway.
    fn ignores_new(&self) -> bool {
        self.run.fingerprint.class != self.baseline.class
    }

    fn aspect(
        &self,
        case: &CaseRecord,
        quantity: Quantity,
        aspect: &Aspect,
        applied: Applied,
        view: View<'_>,
        known: Option<&BaselineCase>,
    ) -> Option<Verdict> {
        let now = Values::of(view.values(quantity, aspect)?)?;
        let workers = known.map_or(0, |known| known.samples);
        let then = known.and_then(|known| known.values.get(&(quantity, aspect.clone())));
        let allowed = then.map_or(0.0, |then| applied.allowed(then.median));
        let budget = applied.budget;
        let repeats = repeats(quantity, view);
        // What one stage finds.
        let find = |now: &Values| match (then, budget.is_some_and(|budget| now.median > budget)) {
            (_, true) => Some(Kind::OverBudget),
            (None, false) => None,
            (Some(_), false) if !self.comparable(quantity, aspect) => Some(Kind::NotComparable),
            (Some(then), false) => Some(now.judge(then, workers, allowed, repeats)),
        };
        let first = find(&now)?;
        let again = || {
            let case = self.again?.case(case.id.as_str())?;
            Values::of(View::new(case, &self.run.reference).values(quantity, aspect)?)
        };
        let again = if first.is_flagged() { again() } else { None };
        let kind = match &again {
            None => first,
            Some(again) => confirmed(first, &now, again, &find),
        };
        let change = then.map(|then| now.median - then.median);
        let category = match (change, then) {
            (Some(change), Some(then)) if kind != Kind::Same => moved(quantity, aspect, view, then, change),
            _ => None,
        };
        let class = then.map(|then| match then.width() < ROUNDING {
            true => NoiseClass::Exact,
            false => NoiseClass::Spread,
        });
        let wording = Wording {
            quantity,
            aspect,
            unit: &self.run.unit,
            page: self.run.fingerprint.class.page_size,
            allowed,
            over: budget.filter(|budget| now.median > *budget),
            category,
        };
        let then_and_workers = then.map(|then| Against { summary: then, workers });
        let sentence = wording.sentence(kind, then_and_workers, &now, again.as_ref());
        let subject = Subject {
            quantity,
            aspect: aspect.clone(),
            baseline: then.map(|then| then.median),
            run: now.median,
            again: again.map(|again| again.median),
            class,
            category,
        };
        // A budget is a gate of its own, whatever becomes of changes.
        let gated = applied.mode == Mode::Gate || kind == Kind::OverBudget;
        Some(Verdict { case: case.id.clone(), kind, gated, subject: Some(subject), sentence })
    }

    /// Across a difference of ASLR only growth of what does not depend on addresses compares, and what workers report
    /// of themselves.
    fn comparable(&self, quantity: Quantity, aspect: &Aspect) -> bool {
        let free_of_addresses = |metric: Metric| {
            metric.is_heap_bytes() || matches!(metric, Metric::AnonMapped | Metric::Anon | Metric::HeapBlocks)
        };
        self.run.fingerprint.class == self.baseline.class
            || matches!(quantity, Quantity::Figure(_))
            || (quantity.metric().is_some_and(free_of_addresses) && !matches!(aspect, Aspect::Level(_)))
    }
}

/// What does not depend on where malloc puts a block.
fn is_free_of_layout(quantity: Quantity) -> bool {
    use Metric::{AnonMapped, HeapBlocks, HeapLive, HeapPeak, PageTables, Vmas};
    let process =
        matches!(quantity, Quantity::Process(AnonMapped | HeapLive | HeapPeak | HeapBlocks | PageTables | Vmas));
    process || matches!(quantity, Quantity::Figure(_))
}

/// Mapped memory and heap bytes are the same in every layout, where no second thread allocates beside the case: the main
/// thread and that of the case are two.
fn repeats(quantity: Quantity, view: View<'_>) -> Repeats {
    let is_exact = is_free_of_layout(quantity);
    // A thread that ended before a stage leaves its arena behind.
    let arenas = Quantity::Within(Metric::Vmas, Category::Arenas);
    let most = |quantity| view.most(quantity).unwrap_or(0.0);
    if is_exact && (1.0..=2.0).contains(&most(Metric::Threads.into())) && most(arenas) <= 1.0 {
        Repeats::Exactly
    } else {
        Repeats::Roughly
    }
}

/// What stands after fresh workers were asked: a finding that they show too, or that all workers together show and at
/// least one of the fresh.
fn confirmed(first: Kind, now: &Values, again: &Values, find: &impl Fn(&Values) -> Option<Kind>) -> Kind {
    let kind = |values: &Values| find(values).unwrap_or(Kind::Same);
    match (first, kind(again)) {
        (Kind::OverBudget, Kind::OverBudget) => Kind::OverBudget,
        (Kind::Regressed | Kind::OverBudget, Kind::Regressed | Kind::OverBudget) => Kind::Regressed,
        (_, Kind::Regressed | Kind::Unconfirmed) => {
            let all = now.with(again).map_or(Kind::Same, |all| kind(&all));
            if all == Kind::Regressed { Kind::Regressed } else { Kind::Unconfirmed }
        }
        _ => Kind::Unconfirmed,
    }
}

/// Quantities by category, for policies that gate one.
fn categories() -> impl Iterator<Item = Quantity> {
    let with_categories = [Metric::Anon, Metric::Rss, Metric::Pss, Metric::Vmas];
    with_categories
        .into_iter()
        .flat_map(|metric| Category::ALL.iter().map(move |category| Quantity::Within(metric, *category)))
}

/// The metric that a quantity is known by in each category of mapping.
fn by_category(quantity: Quantity) -> Option<Metric> {
    let Quantity::Process(metric) = quantity else { return None };
    match metric {
        Metric::AnonMapped | Metric::AnonHeap => Some(Metric::Anon),
        Metric::Anon | Metric::Rss | Metric::Pss | Metric::Vmas => Some(metric),
        _ => None,
    }
}

/// The medians of a quantity by category of mapping, those that are not 0.
pub(super) fn breakdown(quantity: Quantity, aspect: &Aspect, view: View<'_>) -> Vec<(Category, f64)> {
    let Some(metric) = by_category(quantity) else { return Vec::new() };
    let counts = |category: &Category| match quantity {
        Quantity::Process(Metric::AnonMapped) => !category.is_heap(),
        Quantity::Process(Metric::AnonHeap) => category.is_heap(),
        _ => true,
    };
    let part = |category: Category| {
        let middle = median(&view.values(Quantity::Within(metric, category), aspect)?)?;
        (middle != 0.0).then_some((category, middle))
    };
    Category::ALL.iter().copied().filter(counts).filter_map(part).collect()
}

/// The category whose own change goes furthest in the direction of the whole.
fn moved(quantity: Quantity, aspect: &Aspect, now: View<'_>, then: &Summary, change: f64) -> Option<(Category, f64)> {
    let now: std::collections::BTreeMap<Category, f64> = breakdown(quantity, aspect, now).into_iter().collect();
    let part = |category: &Category| now.get(category).unwrap_or(&0.0) - then.parts.get(category).unwrap_or(&0.0);
    Category::ALL
        .iter()
        .map(|category| (*category, part(category)))
        .filter(|(_, part)| part * change > 0.0)
        .max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
}
