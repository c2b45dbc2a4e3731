//! The comparison of one family's run with its baseline.
//!
//! Where all workers of both sides agree (class `exact`) any change beyond the tolerance counts, and
//! no statistics are needed. Where they do not, a change that parts the two ranges counts (every
//! worker of the run on one side of every worker of the baseline), and one that chance hardly makes
//! is `unconfirmed`.

use serde::Serialize;

use super::{
    Applied, Aspect, Kind, Mode, Policy, Subject, Verdict, View,
    sentence::{Spread, Telling},
};
use crate::{
    model::{Blessing, CaseRecord, Category, MachineClass, Metric, Quantity, Record},
    stats::median,
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
    /// Bytes that the run's units were made to dirty on top.
    pub injected: Option<u64>,
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
            crate::exit::REGRESSED
        } else if self.families.is_empty() || !self.without_baseline.is_empty() {
            crate::exit::NO_BASELINE
        } else if self.strict && self.verdicts().any(|verdict| verdict.gated && verdict.kind == Kind::Unconfirmed) {
            crate::exit::UNCONFIRMED
        } else {
            crate::exit::HELD
        }
    }
}

/// Judges a run against a baseline of the same family, of the same machine class or of the one that
/// differs by ASLR alone.
#[must_use]
pub fn compare_family(baseline: &Record, run: &Record, policy: &Policy) -> FamilyComparison {
    let pair = Pair { baseline, run, policy };
    let mut verdicts: Vec<Verdict> = run.cases.iter().flat_map(|case| pair.case(case)).collect();
    let absent = baseline.cases.iter().filter(|known| run.cases.iter().all(|case| case.id != known.id));
    let mut not_selected = 0;
    for case in absent {
        if run.selection.filter.is_some() {
            not_selected += 1;
        } else {
            let sentence = "the baseline has this case and the run has not; bless to accept".to_owned();
            verdicts.push(whole_case(case, Kind::Missing, sentence));
        }
    }
    FamilyComparison {
        family: run.family.clone(),
        class: run.fingerprint.class.clone(),
        baseline_class: baseline.fingerprint.class.clone(),
        blessed: baseline.blessed.clone(),
        differences: differences(baseline, run),
        not_selected,
        injected: run.selection.inject.map(|bytes| bytes.0),
        verdicts,
    }
}

/// Context and controls that differ; the time of the run always does and is left out.
fn differences(baseline: &Record, run: &Record) -> Vec<(String, String, String)> {
    let flat = |record: &Record| {
        let controls = record.fingerprint.controls.iter().map(|(control, state)| {
            let name = serde_json::to_value(control).ok().and_then(|name| name.as_str().map(str::to_owned));
            (name.unwrap_or_default(), state.to_string())
        });
        let context = record.fingerprint.context.clone();
        context
            .into_iter()
            .filter(|(name, _)| name != "started")
            .chain(controls)
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let (before, now) = (flat(baseline), flat(run));
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let value = |side: &std::collections::BTreeMap<String, String>, name: &String| {
        side.get(name).cloned().unwrap_or_else(|| "unknown".to_owned())
    };
    names
        .into_iter()
        .map(|name| (name.clone(), value(&before, name), value(&now, name)))
        .filter(|(_, before, now)| before != now)
        .collect()
}

fn whole_case(case: &CaseRecord, kind: Kind, sentence: String) -> Verdict {
    Verdict { case: case.id.clone(), kind, gated: true, subject: None, sentence }
}

struct Pair<'a> {
    baseline: &'a Record,
    run: &'a Record,
    policy: &'a Policy,
}

impl Pair<'_> {
    fn case(&self, case: &CaseRecord) -> Vec<Verdict> {
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
        let memory = view.aspects().into_iter().flat_map(|aspect| {
            let quantities = Metric::ALL.iter().map(|metric| Quantity::from(*metric)).chain(categories());
            quantities.map(move |quantity| (quantity, aspect.clone()))
        });
        for (quantity, aspect) in memory.chain(view.figures()) {
            let applied = self.policy.applied(&case.id, quantity, &aspect);
            if applied.mode != Mode::Ignore {
                verdicts.extend(self.aspect(case, quantity, &aspect, applied, view, before));
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
            lost.map(|quantity| format!("{quantity}, {aspect}")).collect::<Vec<_>>()
        };
        let lost: Vec<String> = before
            .aspects()
            .iter()
            .flat_map(|aspect| if present.contains(aspect) { unread(aspect) } else { vec![aspect.to_string()] })
            .chain(before.figures().into_iter().filter_map(|(figure, aspect)| {
                let lost = is_gated(figure, &aspect) && view.values(figure, &aspect).is_none();
                lost.then(|| format!("{figure}, {aspect}"))
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
        before: Option<View<'_>>,
    ) -> Option<Verdict> {
        let now = Spread::of(view.values(quantity, aspect)?)?;
        let then = before.and_then(|before| before.values(quantity, aspect)).and_then(Spread::of);
        let over = applied.budget.filter(|budget| now.median > *budget);
        let comparable = self.comparable(quantity, aspect);
        let kind = match (&then, over) {
            (_, Some(_)) => Kind::OverBudget,
            (None, None) => return None,
            (Some(_), None) if !comparable => Kind::NotComparable,
            (Some(then), None) => then.judge(&now, applied.allowed(then.median), self.quantum(quantity, aspect)),
        };
        let change = then.as_ref().map(|then| now.median - then.median);
        let category = match (change, before) {
            (Some(change), Some(before)) if kind != Kind::Same => moved(quantity, aspect, view, before, change),
            _ => None,
        };
        let sentence = Telling {
            quantity,
            aspect,
            unit: &self.run.unit,
            page: self.run.fingerprint.class.page_size,
            applied,
            over,
            category,
        }
        .sentence(kind, then.as_ref(), &now);
        let subject = Subject {
            quantity,
            aspect: aspect.clone(),
            baseline: then.map(|then| then.median),
            run: now.median,
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
