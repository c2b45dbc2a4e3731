//! The sentence that explains a verdict.

use highwater_model::{Aspect, Category, Quantity, Summary};
use highwater_stats::ROUNDING;

use super::{Kind, amount, amounts, change, compare_samples::WorkerValues};

/// What changed: `anon per sandbox at live`, `growth of anon at live@10`.
#[must_use]
pub fn subject(quantity: Quantity, aspect: &Aspect, unit: &str) -> String {
    match aspect {
        Aspect::Slope(name) => format!("{quantity} per {unit} at {name}"),
        Aspect::Growth(stage) => format!("growth of {quantity} at {stage}"),
        Aspect::Level(stage) => format!("{quantity} at {stage}"),
    }
}

/// What a sentence needs to know about its subject.
pub(super) struct Wording<'a> {
    pub(super) quantity: Quantity,
    pub(super) aspect: &'a Aspect,
    pub(super) unit: &'a str,
    pub(super) page: u64,
    /// The largest rise that the policy tolerates.
    pub(super) tolerance: f64,
    /// The budget, if the run exceeds it.
    pub(super) exceeded_budget: Option<f64>,
    pub(super) category: Option<(Category, f64)>,
}

/// The baseline's side of the comparison.
#[derive(Clone, Copy)]
pub(super) struct BaselineSide<'a> {
    pub(super) summary: &'a Summary,
    pub(super) workers: usize,
}

impl Wording<'_> {
    /// `anon per sandbox at live: 4.58 KiB -> 8.63 KiB (+1.01 pages per sandbox, in host_heap); ...`
    pub(super) fn sentence(
        &self,
        kind: Kind,
        baseline: Option<BaselineSide<'_>>,
        run: &WorkerValues,
        confirmation: Option<&WorkerValues>,
    ) -> String {
        let subject = subject(self.quantity, self.aspect, self.unit);
        let over = self.exceeded_budget.map(|budget| format!("over its budget of {}; ", self.value(budget)));
        let over = over.unwrap_or_default();
        let Some(baseline) = baseline else {
            return format!("{subject} is {}; {over}no baseline", self.value(run.median));
        };
        if kind == Kind::NotComparable {
            return format!("{subject} cannot be compared between runs with and without ASLR");
        }
        // If the median did not rise, the rise is in the workers above it.
        let is_above = matches!(kind, Kind::Regressed | Kind::Unconfirmed) && run.median <= baseline.summary.median;
        let (up_to, value) = if is_above { ("up to ", run.max) } else { ("", run.median) };
        let difference = value - baseline.summary.median;
        let place = self.category.map_or(String::new(), |(category, _)| format!(", in {category}"));
        let [before, after] = amounts(self.quantity, baseline.summary.median, value);
        format!(
            "{subject}: {before} -> {up_to}{after} ({}{place}); {over}{}; tolerance {}",
            self.change(difference),
            self.certainty(kind, baseline, run, confirmation),
            self.value(self.tolerance),
        )
    }

    fn value(&self, value: f64) -> String {
        amount(self.quantity, value)
    }

    fn change(&self, by: f64) -> String {
        change(self.quantity, self.aspect, self.unit, self.page, by)
    }

    /// The range of the run, the sample sizes, how many workers are above the baseline, and the confirmation.
    fn certainty(
        &self,
        kind: Kind,
        baseline: BaselineSide<'_>,
        run: &WorkerValues,
        confirmation: Option<&WorkerValues>,
    ) -> String {
        let samples = format!("n = {} against {}", run.count(), baseline.workers);
        let all_equal = |range: f64| range < ROUNDING;
        let range = match (all_equal(baseline.summary.width()), all_equal(run.range())) {
            (true, true) => "exact, ".to_owned(),
            (_, false) => {
                let [min, max] = amounts(self.quantity, run.min, run.max);
                format!("{min} to {max}, ")
            }
            (false, true) => String::new(),
        };
        let above = run.above(baseline.summary, self.tolerance);
        let above = match kind {
            Kind::Regressed | Kind::Unconfirmed if above > 0 && above < run.count() => {
                format!(", {above} of {} above the baseline's range", run.count())
            }
            _ => String::new(),
        };
        let some_above = |fresh: &WorkerValues| match fresh.above(baseline.summary, self.tolerance) {
            above if above > 0 && above < fresh.count() => Some(format!("{above} above")),
            _ => None,
        };
        let confirmed = match (kind, confirmation) {
            (Kind::Unconfirmed, Some(fresh)) => {
                let above = some_above(fresh).map_or(String::new(), |above| format!(", {above}"));
                format!(", not confirmed by {} fresh workers ({}{above})", fresh.count(), self.value(fresh.median))
            }
            (_, Some(fresh)) => {
                let above = some_above(fresh).map_or(String::new(), |above| format!(" ({above})"));
                format!(", confirmed by {} fresh workers{above}", fresh.count())
            }
            (Kind::Unconfirmed, None) => ", not significant".to_owned(),
            (_, None) => String::new(),
        };
        format!("{range}{samples}{above}{confirmed}")
    }
}
