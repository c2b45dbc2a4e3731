//! One case of a run against the same case of its baseline: every aspect of every quantity that the
//! policy looks at.
//!
//! Where all workers of both sides agree (class `exact`) any change beyond the tolerance counts, and
//! no statistics are needed. Where they do not, a change is flagged that parts the two ranges (every
//! worker of the run on one side of every worker of the baseline) or that chance hardly makes. Fresh
//! workers then confirm it or do not.

use super::{
    Applied, Aspect, Kind, Mode, Policy, Subject, Verdict, View,
    sentence::{Spread, Telling},
};
use crate::{
    model::{CaseRecord, Category, Metric, Quantity, Record, Stage},
    stats::{ROUNDING, median},
};

/// Everything that a policy gates of a case.
pub(super) fn gated<'a>(
    view: View<'a>,
    case: &'a CaseRecord,
    policy: &'a Policy,
) -> impl Iterator<Item = (Quantity, Aspect, Applied)> + 'a {
    looked_at(view)
        .map(|(quantity, aspect)| {
            let applied = policy.applied(&case.id, quantity, &aspect);
            (quantity, aspect, applied)
        })
        .filter(|(_, _, applied)| applied.mode == Mode::Gate)
}

/// Every aspect of every quantity that a policy may speak of.
fn looked_at(view: View<'_>) -> impl Iterator<Item = (Quantity, Aspect)> {
    let memory = view.aspects().into_iter().flat_map(|aspect| {
        let quantities = Metric::ALL.iter().map(|metric| Quantity::from(*metric)).chain(categories());
        quantities.map(move |quantity| (quantity, aspect.clone()))
    });
    memory.chain(view.figures())
}

/// Whether the workers of a case agree on all that is gated by default, as far as each thing can be
/// known: more of them would tell nothing new.
#[must_use]
pub fn exact_where_gated(case: &CaseRecord, reference: &Stage) -> bool {
    let view = View::new(case, reference);
    gated(view, case, &Policy::default()).all(|(quantity, aspect, applied)| {
        let spread = view.values(quantity, &aspect).and_then(Spread::of);
        spread.is_none_or(|spread| spread.width() <= applied.tolerance + ROUNDING)
    })
}

pub(super) fn whole_case(case: &CaseRecord, kind: Kind, sentence: String) -> Verdict {
    Verdict { case: case.id.clone(), kind, gated: true, subject: None, sentence }
}

/// A family's run, its baseline, and the fresh workers of stage 2 where there are any.
pub(super) struct Pair<'a> {
    pub(super) baseline: &'a Record,
    pub(super) run: &'a Record,
    pub(super) again: Option<&'a Record>,
    pub(super) policy: &'a Policy,
}

impl Pair<'_> {
    pub(super) fn case(&self, case: &CaseRecord) -> Vec<Verdict> {
        let known = self.baseline.cases.iter().find(|known| known.id == case.id);
        let mut verdicts = Vec::new();
        if let Some(reason) = &case.not_run {
            return vec![whole_case(case, Kind::NotRun, reason.clone())];
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
            let expected =
                known.is_some_and(|known| known.died.first().is_some_and(|known| known.outcome == death.outcome));
            verdicts.push(Verdict { gated: !expected, ..whole_case(case, Kind::Died, sentence) });
        }
        match known {
            None => verdicts.push(whole_case(case, Kind::New, "no baseline yet; bless to accept".to_owned())),
            Some(known) if known.samples == 0 && case.samples > 0 => {
                verdicts.push(whole_case(
                    case,
                    Kind::New,
                    "the baseline has no completed worker of it; bless to accept".to_owned(),
                ));
            }
            Some(_) => {}
        }
        let view = View::new(case, &self.run.reference);
        let before = known.map(|known| View::new(known, &self.baseline.reference));
        verdicts.extend(self.lost(case, view, before));
        for (quantity, aspect) in looked_at(view) {
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
    fn lost(&self, case: &CaseRecord, view: View<'_>, before: Option<View<'_>>) -> Option<Verdict> {
        if case.samples == 0 || self.run.selection.ladder.is_some() {
            return None;
        }
        let present = view.aspects();
        if present.is_empty() {
            let sentence = format!("no worker reaches {}, so that nothing of it can be judged", self.run.reference);
            return Some(whole_case(case, Kind::Missing, sentence));
        }
        let before = before?;
        let is_gated =
            |quantity: Quantity, aspect: &Aspect| self.policy.applied(&case.id, quantity, aspect).mode == Mode::Gate;
        let unread = |aspect: &Aspect| {
            let gated = Metric::ALL.iter().map(|metric| Quantity::from(*metric)).filter(|q| is_gated(*q, aspect));
            let lost = gated.filter(|q| before.values(*q, aspect).is_some() && view.values(*q, aspect).is_none());
            lost.map(|quantity| noise_key(quantity, aspect)).collect::<Vec<_>>()
        };
        let lost: Vec<String> = before
            .aspects()
            .iter()
            .flat_map(|aspect| if present.contains(aspect) { unread(aspect) } else { vec![aspect.to_string()] })
            .chain(before.figures().into_iter().filter_map(|(figure, aspect)| {
                let lost = is_gated(figure, &aspect) && view.values(figure, &aspect).is_none();
                lost.then(|| noise_key(figure, &aspect))
            }))
            .collect();
        (!lost.is_empty()).then(|| {
            let sentence = format!("the baseline has {} and the run has not; bless to accept", lost.join("; "));
            whole_case(case, Kind::Missing, sentence)
        })
    }

    fn aspect(
        &self,
        case: &CaseRecord,
        quantity: Quantity,
        aspect: &Aspect,
        applied: Applied,
        view: View<'_>,
        known: Option<&CaseRecord>,
    ) -> Option<Verdict> {
        let before = known.map(|known| View::new(known, &self.baseline.reference));
        let now = Spread::of(view.values(quantity, aspect)?)?;
        let then = before.and_then(|before| before.values(quantity, aspect)).and_then(Spread::of);
        let noise = known.and_then(|known| known.noise.get(&noise_key(quantity, aspect)));
        let allowed = then.as_ref().map_or(0.0, |then| applied.allowed(then.median));
        let allowed = noise.map_or(allowed, |noise| allowed.max(noise.envelope));
        let budget = applied.budget;
        // What one stage finds.
        let find = |now: &Spread| match (&then, budget.is_some_and(|budget| now.median > budget)) {
            (_, true) => Some(Kind::OverBudget),
            (None, false) => None,
            (Some(_), false) if !self.comparable(quantity, aspect) => Some(Kind::NotComparable),
            (Some(then), false) => Some(then.judge(now, allowed, self.quantum(quantity, aspect))),
        };
        let first = find(&now)?;
        let again = || {
            let again = self.again?;
            let case = again.cases.iter().find(|again| again.id == case.id)?;
            Spread::of(View::new(case, &again.reference).values(quantity, aspect)?)
        };
        let again = if first.is_flagged() { again() } else { None };
        let kind = match again.as_ref().map(|again| find(again).unwrap_or(Kind::Same)) {
            None => first,
            Some(second) if second.is_flagged() => {
                if first == Kind::OverBudget && second == Kind::OverBudget {
                    first
                } else {
                    Kind::Regressed
                }
            }
            Some(_) => Kind::Unconfirmed,
        };
        let change = then.as_ref().map(|then| now.median - then.median);
        let category = match (change, before) {
            (Some(change), Some(before)) if kind != Kind::Same => moved(quantity, aspect, view, before, change),
            _ => None,
        };
        let class = then.as_ref().map(|then| noise.map_or(then.class(), |noise| then.class().max(noise.class)));
        let telling = Telling {
            quantity,
            aspect,
            unit: &self.run.unit,
            page: self.run.fingerprint.class.page_size,
            allowed,
            over: budget.filter(|budget| now.median > *budget),
            category,
            class,
        };
        let sentence = telling.sentence(kind, then.as_ref(), &now, again.as_ref());
        let subject = Subject {
            quantity,
            aspect: aspect.clone(),
            baseline: then.map(|then| then.median),
            run: now.median,
            again: again.map(|again| again.median),
            class,
            category,
        };
        Some(Verdict {
            case: case.id.clone(),
            kind,
            gated: applied.mode == Mode::Gate,
            subject: Some(subject),
            sentence,
        })
    }

    /// The grain of the values; a slope, being a quotient, has none of its own.
    fn quantum(&self, quantity: Quantity, aspect: &Aspect) -> Option<f64> {
        match aspect {
            Aspect::Slope(_) => None,
            _ => Some(quantity.quantum(self.run.fingerprint.class.page_size)),
        }
    }

    /// Across a difference of ASLR only growth of anonymous memory compares (design §3.6), and what
    /// workers tell about themselves.
    fn comparable(&self, quantity: Quantity, aspect: &Aspect) -> bool {
        self.run.fingerprint.class == self.baseline.fingerprint.class
            || matches!(quantity, Quantity::Figure(_))
            || (quantity.metric() == Some(Metric::Anon) && !matches!(aspect, Aspect::Level(_)))
    }
}

/// The name under which a baseline keeps how noisy an aspect of a quantity is.
#[must_use]
pub fn noise_key(quantity: Quantity, aspect: &Aspect) -> String {
    format!("{quantity}, {aspect}")
}

/// Quantities by category, for policies that gate one.
fn categories() -> impl Iterator<Item = Quantity> {
    let with_categories = [Metric::Anon, Metric::Rss, Metric::Pss, Metric::Vmas];
    with_categories
        .into_iter()
        .flat_map(|metric| Category::ALL.iter().map(move |category| Quantity::Within(metric, *category)))
}

/// The category whose own change goes furthest in the direction of the whole. Page tables and the
/// peak have no categories of their own; what is written to makes both, so anon speaks for them.
fn moved(quantity: Quantity, aspect: &Aspect, now: View<'_>, before: View<'_>, change: f64) -> Option<(Category, f64)> {
    let Quantity::Process(metric) = quantity else { return None };
    let metric = match metric {
        metric @ (Metric::Anon | Metric::Rss | Metric::Pss | Metric::Vmas) => metric,
        Metric::PageTables | Metric::Peak | Metric::PeakAnon | Metric::Uss => Metric::Anon,
        _ => return None,
    };
    let middle = |view: View<'_>, category| median(&view.values(Quantity::Within(metric, category), aspect)?);
    Category::ALL
        .iter()
        .filter_map(|&category| Some((category, middle(now, category)? - middle(before, category)?)))
        .filter(|(_, part)| part * change > 0.0)
        .max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
}
