//! The stages of a ladder as the pages show them.

use highwater_judge::CaseView;
use highwater_model::{Quantity, Scale, Stage};

/// The name of a range of consecutive stages: `live@1`, `live@1…100`, `start … loaded`.
pub(super) fn span(first: &Stage, last: &Stage) -> String {
    match (first.scale(), last.scale()) {
        _ if first == last => first.to_string(),
        (Some(_), Some(scale)) if first.name() == last.name() => format!("{first}…{scale}"),
        _ => format!("{first} … {last}"),
    }
}

/// The growth of a quantity at one rung of a ladder, one value per worker.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) scale: Scale,
    pub(super) values: Vec<f64>,
}

/// The growth of a quantity at each rung of a ladder, relative to the stage before the first rung in the same worker.
pub(super) fn rungs(case: CaseView<'_>, quantity: impl Into<Quantity>, ladder: &str) -> Vec<Rung> {
    let quantity = quantity.into();
    let stages = &case.case.stages;
    let first = stages.iter().position(|columns| columns.stage.name() == ladder && columns.stage.scale().is_some());
    let Some(before) = first.and_then(|first| first.checked_sub(1)) else { return Vec::new() };
    let rung = |(columns, scale): (&highwater_model::StageColumns, Scale)| {
        Some(Rung { scale, values: case.differences(quantity, &stages[before].stage, &columns.stage)? })
    };
    case.ladder(ladder).into_iter().filter_map(rung).collect()
}
