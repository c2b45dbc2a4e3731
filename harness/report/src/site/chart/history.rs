//! The chart of a history: a quantity against revisions, with its change points and the blessings of its baseline.

use highwater_model::Unit;
use plotters::{element::PathElement, style::Color};

use super::{
    Chart, ChartError, Key, SERIES,
    axis::{Axis, Origin},
    plane, svg,
};
use crate::counted::counted;

const HEIGHT: u32 = 200;
/// The colours of the values, of change points and of blessings.
const VALUES: usize = 0;
const CHANGES: usize = 1;
const BLESSINGS: usize = 2;

/// The input of [`history`].
#[derive(Debug)]
pub(in super::super) struct HistoryPlan<'a> {
    pub(in super::super) id: String,
    pub(in super::super) title: String,
    pub(in super::super) subtitle: String,
    pub(in super::super) unit: Unit,
    pub(in super::super) values: &'a [f64],
    /// The indices of the first values after a change.
    pub(in super::super) changes: &'a [usize],
    /// The indices of the first values after a blessing.
    pub(in super::super) blessings: &'a [usize],
}

/// Draws the values as a line, with a vertical line before each change and blessing.
pub(in super::super) fn history(plan: HistoryPlan<'_>) -> Result<Chart, ChartError> {
    let HistoryPlan { id, title, subtitle, unit, values, changes, blessings } = plan;
    let x = Axis::steps(values.len(), None);
    let y = Axis::of(unit, values.iter().copied(), Origin::Lowest);
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let body = svg::body(HEIGHT, |area| {
        let mut plane = plane(area, (&x, "revision"), (&y, "value"))?;
        let mut line = |path: Vec<(f64, f64)>, series: usize, width: u32| {
            plane.draw_series([PathElement::new(path, SERIES[series].light.stroke_width(width))]).map(|_| ())
        };
        for (indices, series) in [(blessings, BLESSINGS), (changes, CHANGES)] {
            for index in indices {
                let at = x.place(*index as f64 - 0.5);
                line(vec![(at, y.place(low)), (at, y.place(high))], series, 1)?;
            }
        }
        let path = values.iter().enumerate().map(|(index, value)| (x.place(index as f64), y.place(*value)));
        line(path.collect(), VALUES, 2)
    })?;
    let key = |series: usize, name: &str, count: usize| {
        (count > 0).then(|| Key::series(series, name, counted(count, "line")))
    };
    let legend = [key(CHANGES, "change", changes.len()), key(BLESSINGS, "blessing", blessings.len())];
    Ok(Chart {
        id,
        title,
        subtitle,
        description: format!("value against revision, {}, described in the table", counted(values.len(), "revision")),
        height: HEIGHT,
        body,
        legend: legend.into_iter().flatten().collect(),
        series: 1,
    })
}
