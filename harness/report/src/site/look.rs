//! One case as the pages look at it: its ladders, its fullest stage, and what one unit costs there.

use highwater_judge::{Aspect, View};
use highwater_model::{CaseRecord, Metric, Quantity, Record, Scale, Stage, StageColumns};
use highwater_stats::{LinearFit, median};

/// A case of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) record: &'a Record,
    pub(super) case: &'a CaseRecord,
    pub(super) view: View<'a>,
}

/// Stages that follow each other: `live@1`, `live@1…100`, `start … loaded`.
pub(super) fn span(first: &Stage, last: &Stage) -> String {
    match (first.scale(), last.scale()) {
        _ if first == last => first.to_string(),
        (Some(_), Some(scale)) if first.name() == last.name() => format!("{first}…{scale}"),
        _ => format!("{first} … {last}"),
    }
}

/// What a ladder added at one rung, one value per worker.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) scale: Scale,
    pub(super) values: Vec<f64>,
}

impl<'a> Look<'a> {
    pub(super) fn new(record: &'a Record, case: &'a CaseRecord) -> Self {
        Self { record, case, view: View::new(case, &record.reference) }
    }

    /// The names of its ladders, in the order of the worker's life.
    pub(super) fn ladders(&self) -> Vec<String> {
        let name = |aspect| match aspect {
            Aspect::Slope(name) => Some(name),
            _ => None,
        };
        self.view.aspects().into_iter().filter_map(name).collect()
    }

    /// What one more unit costs on a ladder.
    pub(super) fn line(&self, metric: Metric, ladder: &str) -> Option<LinearFit> {
        self.view.line(metric.into(), ladder, metric.quantum(self.record.fingerprint.class.page_size))
    }

    /// The stage with most in it: the last rung, or where there is none the one with most anon.
    pub(super) fn fullest(&self) -> Option<&'a StageColumns> {
        let stages = &self.case.stages;
        let anon = |columns: &&StageColumns| self.middle(Metric::Anon, columns).map_or(0, |value| value as u64);
        // Of equals the first: `max_by_key` takes the last.
        stages.iter().rfind(|columns| columns.stage.scale().is_some()).or_else(|| stages.iter().rev().max_by_key(anon))
    }

    /// The values of a quantity at a stage, one per worker.
    pub(super) fn values(&self, quantity: impl Into<Quantity>, columns: &StageColumns) -> Option<Vec<f64>> {
        let values = columns.values(quantity, self.case.samples)?;
        (!values.is_empty()).then(|| values.into_iter().map(|value| value as f64).collect())
    }

    /// The median of a quantity at a stage.
    pub(super) fn middle(&self, quantity: impl Into<Quantity>, columns: &StageColumns) -> Option<f64> {
        median(&self.values(quantity, columns)?)
    }

    /// What a ladder added to a metric, rung by rung: the difference from the stage before its first
    /// rung, in the same worker.
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

    /// Anon at the fullest stage above the reference stage, per unit where the stage has a scale.
    pub(super) fn memory(&self) -> Option<f64> {
        let top = self.fullest()?;
        let growth = median(&self.view.values(Metric::Anon.into(), &Aspect::Growth(top.stage.clone()))?)?;
        Some(growth / top.stage.scale().map_or(1.0, |scale| f64::from(scale.0.max(1))))
    }

    /// Wall time in nanoseconds from the reference stage to the fullest: the median over workers.
    pub(super) fn wall(&self) -> Option<f64> {
        let at = |stage: &Stage| self.case.stages.iter().position(|columns| columns.stage == *stage);
        let (from, to) = (at(&self.record.reference)?, at(&self.fullest()?.stage)?);
        let stages = self.case.stages.get(from + 1..=to).filter(|stages| !stages.is_empty())?;
        let total = |worker| stages.iter().map(|columns| Some(columns.wall_ns.at(worker)? as f64)).sum::<Option<f64>>();
        median(&(0..self.case.samples).map(total).collect::<Option<Vec<f64>>>()?)
    }
}
