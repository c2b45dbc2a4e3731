//! The values of a run for services that keep a history: those that the policy gates, and the estimates of criterion.
//! They need no baseline.

use std::collections::BTreeSet;

use highwater_judge::{Aspect, CaseView, Mode};
use highwater_model::{CaseRecord, Quantity, Record, TimeEstimate};
use highwater_stats::median;

use super::Results;

/// One gated aspect of one quantity of one case, over the workers of the run.
#[derive(Debug)]
pub(super) struct Measure<'a> {
    pub(super) record: &'a Record,
    pub(super) case: &'a CaseRecord,
    pub(super) quantity: Quantity,
    pub(super) aspect: Aspect,
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Criterion's estimate of one routine of a case.
#[derive(Debug)]
pub(super) struct Timing<'a> {
    pub(super) case: &'a CaseRecord,
    pub(super) routine: &'a str,
    pub(super) time: &'a TimeEstimate,
}

/// The gated values of the run. Growth below the top of a ladder is omitted: the slope covers it, and a chart for each
/// rung would obscure the others.
pub(super) fn measures<'a>(results: &Results<'a>) -> Vec<Measure<'a>> {
    let cases = results.runs.iter().flat_map(|record| record.cases.iter().map(move |case| (record, case)));
    cases.flat_map(|(record, case)| of_case(results, record, case)).collect()
}

/// The estimates of criterion.
pub(super) fn timings<'a>(results: &Results<'a>) -> Vec<Timing<'a>> {
    let cases = results.runs.iter().flat_map(|record| &record.cases);
    cases.flat_map(|case| case.time.iter().map(move |(routine, time)| Timing { case, routine, time })).collect()
}

fn of_case<'a>(results: &Results<'_>, record: &'a Record, case: &'a CaseRecord) -> Vec<Measure<'a>> {
    let view = CaseView::of(record, case);
    let read = case.stages.iter().flat_map(|columns| columns.memory.keys());
    let quantities: BTreeSet<Quantity> =
        read.copied().filter(|quantity| !matches!(quantity, Quantity::Figure(_))).collect();
    let aspects = view.aspects().into_iter().filter(|aspect| !is_below_the_top(aspect, case));
    let memory = aspects.flat_map(|aspect| quantities.iter().map(move |quantity| (*quantity, aspect.clone())));
    let gated = |(quantity, aspect): &(Quantity, Aspect)| {
        results.policy.applied(&case.id, *quantity, aspect).mode == Mode::Gate
    };
    memory
        .chain(view.figures())
        .filter(gated)
        .filter_map(|(quantity, aspect)| {
            let values = view.values(quantity, &aspect)?;
            let median = median(&values)?;
            let low = values.iter().copied().fold(median, f64::min);
            let high = values.iter().copied().fold(median, f64::max);
            Some(Measure { record, case, quantity, aspect, median, low, high })
        })
        .collect()
}

fn is_below_the_top(aspect: &Aspect, case: &CaseRecord) -> bool {
    let Aspect::Growth(stage) = aspect else { return false };
    let above = |other: &highwater_model::Stage| other.name() == stage.name() && other.scale() > stage.scale();
    stage.scale().is_some() && case.stages.iter().any(|columns| above(&columns.stage))
}
