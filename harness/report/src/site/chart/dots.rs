//! Strip charts: the value of every worker, for metrics in which workers differ.

use highwater_model::Unit;
use plotters::{
    element::{Circle, Rectangle},
    style::{
        Color,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    Chart, ChartError, SERIES,
    palette::{GRID, MUTED, TEXT},
    svg::{self, WIDTH, text_style, truncated},
};
use crate::{
    counted::counted,
    site::format::{amount, change, precision, range},
};

/// One metric of one case, with one dot per worker.
#[derive(Debug)]
pub(in super::super) struct Strip {
    pub(in super::super) label: String,
    /// The second line of the label: metric and stage.
    pub(in super::super) detail: String,
    pub(in super::super) unit: Unit,
    pub(in super::super) values: Vec<f64>,
}

const ROW: i32 = 58;
const MARGIN: i32 = 8;

/// Draws each strip on a separate scale. The lowest value is printed on the left, and the difference to the
/// highest on the right.
pub(in super::super) fn dots(
    id: String,
    title: String,
    subtitle: String,
    strips: &[Strip],
) -> Result<Chart, ChartError> {
    let height = strips.len() as u32 * ROW as u32 + 4;
    let body = svg::body(height, |area| {
        let (left, right) = (96, WIDTH as i32 - 96);
        for (row, strip) in strips.iter().enumerate() {
            let top = row as i32 * ROW;
            let (low, high) = range(&strip.values);
            let line = top + 45;
            area.draw_text(
                &truncated(&strip.label, f64::from(WIDTH) - 40.0),
                &text_style(TEXT, HPos::Left, VPos::Top),
                (2, top + 6),
            )?;
            let detail = truncated(&strip.detail, f64::from(WIDTH) - 40.0);
            area.draw_text(&detail, &text_style(MUTED, HPos::Left, VPos::Top), (2, top + 21))?;
            area.draw_text(
                &amount(strip.unit, low),
                &text_style(MUTED, HPos::Right, VPos::Center),
                (left - MARGIN, line),
            )?;
            area.draw_text(
                &change(strip.unit, high - low),
                &text_style(MUTED, HPos::Left, VPos::Center),
                (right + MARGIN, line),
            )?;
            area.draw(&Rectangle::new([(left, line), (right, line + 1)], GRID.light.filled()))?;
            for value in &strip.values {
                let part = if high > low { (value - low) / (high - low) } else { 0.5 };
                let at = left + (part * f64::from(right - left)).round() as i32;
                area.draw(&Circle::new((at, line), 4, SERIES[0].light.mix(0.5).filled()))?;
            }
        }
        Ok(())
    })?;
    let widest = strips
        .first()
        .map_or(String::new(), |it| format!("{}: {}, {}", it.label, it.detail, precision(it.unit, &it.values)));
    Ok(Chart {
        id,
        title,
        subtitle,
        description: format!("{}, first {widest}", counted(strips.len(), "strip")),
        height,
        body,
        legend: Vec::new(),
        series: strips.len(),
    })
}
