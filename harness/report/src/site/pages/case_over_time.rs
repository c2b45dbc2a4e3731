//! The memory of a case over time: a chart of one worker, and a sentence about the others.

use highwater_judge::CaseView;
use highwater_model::Unit;

use crate::site::{
    SiteError,
    chart::{self, Chart},
    format::between,
};

#[derive(Debug)]
pub(super) struct OverTimeSection {
    pub(super) text: String,
    pub(super) chart: Chart,
}

impl OverTimeSection {
    /// `None` if the case was read at its stages only.
    pub(super) fn of(data: CaseView<'_>) -> Result<Option<Self>, SiteError> {
        let Some(over_time) = data.over_time() else { return Ok(None) };
        let (low, high) = over_time.range;
        let workers = match data.case.samples {
            1 => String::new(),
            n => format!(
                " It is one of {n} workers, the one with the highest reading. The highest of each: {}.",
                between(Unit::Bytes, low as f64, high as f64)
            ),
        };
        let text = format!(
            "The memory of all processes, each page once; vertical lines are stages. It is not judged.{workers}"
        );
        Ok(Some(Self { text, chart: chart::over_time("over-time".into(), "total over time".into(), &over_time)? }))
    }
}
