//! One case as the pages show it: its ladders, its fullest stage, and the marginal cost per unit.

use highwater_judge::{Aspect, View};
use highwater_model::{CaseRecord, Metric, Quantity, Record, Scale, Stage, StageColumns};
use highwater_stats::{LinearFit, median};

/// A case of a record, with accessors for the values that the pages show.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaseData<'a> {
    pub(super) record: &'a Record,
    pub(super) case: &'a CaseRecord,
    pub(super) view: View<'a>,
}

/// The name of a range of consecutive stages: `live@1`, `live@1…100`, `start … loaded`.
pub(super) fn span(first: &Stage, last: &Stage) -> String {
    match (first.scale(), last.scale()) {
        _ if first == last => first.to_string(),
        (Some(_), Some(scale)) if first.name() == last.name() => format!("{first}…{scale}"),
        _ => format!("{first} … {last}"),
    }
}

/// The growth of a metric at one rung of a ladder, one value per worker.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) scale: Scale,
    pub(super) values: Vec<f64>,
}

impl<'a> CaseData<'a> {
    pub(super) fn new(record: &'a Record, case: &'a CaseRecord) -> Self {
        Self { record, case, view: View::new(case, &record.baseline_stage) }
    }

    /// The names of its ladders, in the order in which workers climb them.
    pub(super) fn ladders(&self) -> Vec<String> {
        let name = |aspect| match aspect {
            Aspect::Slope(name) => Some(name),
            _ => None,
        };
        self.view.aspects().into_iter().filter_map(name).collect()
    }

    /// The regression line of a metric over a ladder; its slope is the marginal cost per unit.
    pub(super) fn line(&self, metric: Metric, ladder: &str) -> Option<LinearFit> {
        self.view.line(metric.into(), ladder, metric.quantum(self.record.fingerprint.class.page_size))
    }

    /// The fullest stage: the last rung of the last ladder, or without a ladder the stage with the most anon.
    pub(super) fn fullest(&self) -> Option<&'a StageColumns> {
        let stages = &self.case.stages;
        let anon = |columns: &&StageColumns| self.median(Metric::Anon, columns).map_or(0, |value| value as u64);
        // `max_by_key` returns the last maximum; reverse to get the first.
        stages.iter().rfind(|columns| columns.stage.scale().is_some()).or_else(|| stages.iter().rev().max_by_key(anon))
    }

    /// The values of a quantity at a stage, one per worker.
    pub(super) fn values(&self, quantity: impl Into<Quantity>, columns: &StageColumns) -> Option<Vec<f64>> {
        let values = columns.values(quantity, self.case.samples)?;
        (!values.is_empty()).then(|| values.into_iter().map(|value| value as f64).collect())
    }

    /// The median of a quantity at a stage.
    pub(super) fn median(&self, quantity: impl Into<Quantity>, columns: &StageColumns) -> Option<f64> {
        median(&self.values(quantity, columns)?)
    }

    /// The growth of a metric at each rung of a ladder, relative to the stage before the first rung in the
    /// same worker.
    pub(super) fn rungs(&self, metric: Metric, ladder: &str) -> Vec<Rung> {
        let stages = &self.case.stages;
        let is_rung = |columns: &StageColumns| columns.stage.name() == ladder && columns.stage.scale().is_some();
        let before = stages.iter().position(is_rung).and_then(|first| first.checked_sub(1));
        let Some(before) = before.and_then(|before| self.values(metric, &stages[before])) else { return Vec::new() };
        let rung = |columns: &StageColumns| {
            let now = self.values(metric, columns)?;
            let values = now.iter().zip(&before).map(|(now, before)| now - before).collect();
            Some(Rung { scale: columns.stage.scale()?, values })
        };
        stages.iter().filter(|columns| is_rung(columns)).filter_map(rung).collect()
    }

    /// Growth of anon from the baseline stage to the fullest stage, per unit if that stage has a scale.
    pub(super) fn memory(&self) -> Option<f64> {
        let top = self.fullest()?;
        let growth = median(&self.view.values(Metric::Anon.into(), &Aspect::Growth(top.stage.clone()))?)?;
        Some(growth / top.stage.scale().map_or(1.0, |scale| f64::from(scale.0.max(1))))
    }

    /// Wall time from the baseline stage to the fullest stage in nanoseconds, median over workers.
    pub(super) fn wall_time(&self) -> Option<f64> {
        let at = |stage: &Stage| self.case.stages.iter().position(|columns| columns.stage == *stage);
        let (from, to) = (at(&self.record.baseline_stage)?, at(&self.fullest()?.stage)?);
        let stages = self.case.stages.get(from + 1..=to).filter(|stages| !stages.is_empty())?;
        let total = |worker| stages.iter().map(|columns| Some(columns.wall_ns.at(worker)? as f64)).sum::<Option<f64>>();
        median(&(0..self.case.samples).map(total).collect::<Option<Vec<f64>>>()?)
    }
}
