//! Access to the measurements of a case in a run's record: medians over its workers, by stage and quantity.

use highwater_judge::{Aspect, View};
use highwater_model::{CaseId, CaseRecord, Metric, Quantity, Record};
use highwater_stats::{self as stats, Leak};

use crate::NAME;

/// One case of a record.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    case: &'a CaseRecord,
    record: &'a Record,
}

impl<'a> Reading<'a> {
    /// Returns the case `NAME/id` if at least one of its workers completed.
    pub(crate) fn of(record: &'a Record, id: &str) -> Option<Self> {
        let case = record.case(&format!("{NAME}/{id}")).filter(|case| case.samples > 0)?;
        Some(Self { case, record })
    }

    pub(crate) fn id(self) -> &'a CaseId {
        &self.case.id
    }

    fn median(self, quantity: impl Into<Quantity>, aspect: &Aspect) -> Option<f64> {
        stats::median(&View::new(self.case, &self.record.baseline_stage).values(quantity.into(), aspect)?)
    }

    /// Median growth since the baseline stage.
    pub(crate) fn growth(self, metric: Metric, stage: &str) -> Option<f64> {
        self.median(metric, &Aspect::Growth(stage.parse().ok()?))
    }

    /// Median growth from one stage to a later one.
    pub(crate) fn between(self, metric: Metric, from: &str, to: &str) -> Option<f64> {
        Some(self.growth(metric, to)? - self.growth(metric, from)?)
    }

    /// Median marginal cost per unit.
    pub(crate) fn slope(self, metric: Metric, ladder: &str) -> Option<f64> {
        self.median(metric, &Aspect::Slope(ladder.to_owned()))
    }

    /// Median of a figure that the workers reported at a stage.
    pub(crate) fn figure(self, stage: &str, name: &str) -> Option<f64> {
        self.median(Quantity::Figure(name.parse().ok()?), &Aspect::Level(stage.parse().ok()?))
    }

    /// The value of a note, if all workers reported the same one.
    pub(crate) fn note(self, name: &str) -> Option<&'a str> {
        match self.case.notes.get(name)?.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Criterion's estimate, in nanoseconds.
    pub(crate) fn time(self, routine: &str) -> Option<f64> {
        self.case.time.get(routine).map(|time| time.ns)
    }

    /// Runs the leak test on anonymous memory over the rungs of a ladder. The first `warm_up` windows are left out,
    /// because caches fill during them.
    pub(crate) fn leak(self, ladder: &str, warm_up: usize) -> Option<Option<Leak>> {
        let rungs = self.case.stages.iter().filter(|columns| columns.stage.name() == ladder);
        let levels: Option<Vec<f64>> =
            rungs.map(|columns| self.median(Metric::Anon, &Aspect::Growth(columns.stage.clone()))).collect();
        let page = self.record.fingerprint.class.page_size as f64;
        let levels = levels?;
        // With fewer windows than it needs, the test would report no leak for any function.
        (levels.len() >= warm_up + 5).then(|| stats::leak(&levels, warm_up, page))
    }
}
