//! The gated values of a run, one for each aspect of each quantity of a case. Unlike a baseline, a history keeps values
//! of 0 too: the step from 0 is the one to find.

use std::collections::BTreeMap;

use highwater_model::{Aspect, CaseId, Quantity, Record, Summary};

use crate::{CaseView, Policy, compare_case::gated, compare_samples::WorkerValues};

/// One gated value of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct GatedValue {
    /// The case.
    pub case: CaseId,
    /// What was measured.
    pub quantity: Quantity,
    /// What of it is judged.
    pub aspect: Aspect,
    /// The median and the range of the workers.
    pub summary: Summary,
    /// The number of workers.
    pub workers: usize,
    /// The largest rise that the policy tolerates.
    pub tolerance: f64,
}

/// What a policy gates in a run. Cases that did not run, and quantities that were not read, have no values.
#[must_use]
pub fn gated_values(run: &Record, policy: &Policy) -> Vec<GatedValue> {
    let of_case = |case| {
        let view = CaseView::of(run, case);
        gated(view, case, policy).filter_map(move |(quantity, aspect, applied)| {
            let values = WorkerValues::new(view.values(quantity, &aspect)?)?;
            let summary = values.summary(BTreeMap::new());
            let tolerance = applied.allowed(summary.median);
            Some(GatedValue { case: case.id.clone(), quantity, aspect, summary, workers: values.count(), tolerance })
        })
    };
    run.cases.iter().filter(|case| case.not_run.is_none()).flat_map(of_case).collect()
}
