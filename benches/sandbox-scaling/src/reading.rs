//! A case of a run's record, as the claims read it: medians over its workers.

use highwater_judge::{Aspect, View};
use highwater_model::{CaseId, CaseRecord, Category, Metric, Quantity, Record};
use highwater_stats::{self as stats, Leak, Linearity};

use crate::NAME;

/// Categories in which a guest's memory may be counted: wasmtime does not expose where components have
/// theirs.
const GUEST: [Category; 4] = [Category::LinearMemory, Category::CowImage, Category::MappedInput, Category::Other];

/// One case of a record.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    case: &'a CaseRecord,
    view: View<'a>,
    page: f64,
}

impl<'a> Reading<'a> {
    /// The case `NAME/id`, if one of its workers completed.
    pub(crate) fn of(record: &'a Record, id: &str) -> Option<Self> {
        let case = record.case(&format!("{NAME}/{id}")).filter(|case| case.samples > 0)?;
        let page = record.fingerprint.class.page_size as f64;
        Some(Self { case, view: View::new(case, &record.baseline_stage), page })
    }

    pub(crate) fn id(self) -> &'a CaseId {
        &self.case.id
    }

    pub(crate) fn page(self) -> f64 {
        self.page
    }

    fn median(self, quantity: impl Into<Quantity>, aspect: &Aspect) -> Option<f64> {
        stats::median(&self.view.values(quantity.into(), aspect)?)
    }

    /// Growth since the baseline stage.
    pub(crate) fn growth(self, metric: Metric, stage: &str) -> Option<f64> {
        self.median(metric, &Aspect::Growth(stage.parse().ok()?))
    }

    /// The marginal cost per unit.
    pub(crate) fn slope(self, quantity: impl Into<Quantity>, ladder: &str) -> Option<f64> {
        self.median(quantity, &Aspect::Slope(ladder.to_owned()))
    }

    /// The marginal cost per unit, summed over the ladders that the case has up to its first call.
    pub(crate) fn whole_slope(self, quantity: impl Into<Quantity>) -> Option<f64> {
        let quantity = quantity.into();
        let parts = ["live", "initialised", "called"].map(|ladder| self.slope(quantity, ladder));
        (parts[0].is_some() && parts[2].is_some()).then(|| parts.into_iter().flatten().sum())
    }

    /// A metric per sandbox once all sandboxes have been called, and the share of it in the guest's memories.
    /// Both are shares of one reading and not slopes, since medians of slopes do not add up.
    pub(crate) fn shares(self, metric: Metric) -> Option<(f64, f64)> {
        let top = self.rungs("called").into_iter().max()?;
        let stage = Aspect::Growth(format!("called@{top}").parse().ok()?);
        let parts = GUEST.iter().map(|category| self.median(Quantity::Within(metric, *category), &stage));
        let guest: f64 = parts.sum::<Option<f64>>()?;
        Some((self.median(metric, &stage)? / f64::from(top), guest / f64::from(top)))
    }

    /// Whether growth along a ladder is linear.
    pub(crate) fn is_linear(self, metric: Metric, ladder: &str) -> Option<bool> {
        Some(self.view.line(metric.into(), ladder, self.page)?.linearity == Linearity::Linear)
    }

    /// The rungs of a ladder.
    pub(crate) fn rungs(self, ladder: &str) -> Vec<u32> {
        let rungs = self.case.stages.iter().filter(|columns| columns.stage.name() == ladder);
        rungs.filter_map(|columns| Some(columns.stage.scale()?.0)).collect()
    }

    /// The leak test on anonymous memory, read every `window` units, without the first `warm_up` windows, in
    /// which caches fill. `None` if there are too few windows, `Some(None)` if memory does not grow.
    pub(crate) fn leak(self, ladder: &str, window: u32, warm_up: usize) -> Option<Option<Leak>> {
        let rungs = self.rungs(ladder).into_iter().filter(|rung| rung.is_multiple_of(window));
        let levels: Option<Vec<f64>> =
            rungs.map(|rung| self.growth(Metric::Anon, &format!("{ladder}@{rung}"))).collect();
        let levels = levels?;
        (levels.len() >= warm_up + 5).then(|| stats::leak(&levels, warm_up, self.page))
    }
}
