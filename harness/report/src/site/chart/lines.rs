//! Line charts: memory against scale, or a metric against the blessings of its baseline.

use highwater_model::Unit;
use plotters::{
    element::PathElement,
    style::{Color, ShapeStyle},
};

use super::{
    Chart, ChartError, Key, MARK, SERIES,
    axis::{Axis, Origin},
    draw_marks, plane, svg,
};
use crate::counted::counted;

/// A line of a chart.
#[derive(Debug)]
pub(in super::super) struct Line {
    pub(in super::super) label: String,
    /// The value shown beside its label in the legend.
    pub(in super::super) value: String,
    /// Index of the colour and shape.
    pub(in super::super) series: usize,
    pub(in super::super) points: Vec<Point>,
}

impl Line {
    /// Whether all its values are the same.
    pub(in super::super) fn is_flat(&self) -> bool {
        self.points.windows(2).all(|pair| pair[0].y == pair[1].y)
    }
}

/// A point of a line: a median and the range over workers.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Point {
    pub(in super::super) x: f64,
    pub(in super::super) y: f64,
    pub(in super::super) low: f64,
    pub(in super::super) high: f64,
}

/// The kind of horizontal axis.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Steps<'a> {
    /// The rungs of a ladder.
    Rungs,
    /// This many numbered steps; the last may have a label.
    Numbered(usize, Option<&'a str>),
}

/// The input of [`lines`].
#[derive(Debug)]
pub(in super::super) struct LinesPlan<'a> {
    pub(in super::super) id: String,
    pub(in super::super) title: String,
    pub(in super::super) subtitle: String,
    pub(in super::super) x_name: String,
    pub(in super::super) y_name: String,
    pub(in super::super) unit: Unit,
    pub(in super::super) steps: Steps<'a>,
    pub(in super::super) lines: Vec<Line>,
}

const HEIGHT: u32 = 240;

/// Whether two lines are indistinguishable: same number of points, none more than three pixels apart.
fn overlap(a: &[(i32, i32)], b: &[(i32, i32)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a.0 - b.0).abs() <= 3 && (a.1 - b.1).abs() <= 3)
}

/// Draws lines with a mark at every point, and the range over workers if they differ.
pub(in super::super) fn lines(plan: LinesPlan<'_>) -> Result<Chart, ChartError> {
    let LinesPlan { id, title, subtitle, x_name, y_name, unit, steps, lines } = plan;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (x, origin) = match steps {
        Steps::Rungs => (Axis::rungs(&points().map(|point| point.x).collect::<Vec<_>>()), Origin::Zero),
        Steps::Numbered(count, last) => (Axis::steps(count, last), Origin::Lowest),
    };
    let y = Axis::of(unit, points().flat_map(|point| [point.low, point.high]), origin);
    let named = |axis: &Axis, name: &str| if axis.is_log { format!("{name}, log") } else { name.to_owned() };
    let body = svg::body(HEIGHT, |area| {
        let mut plane = plane(area, (&x, &named(&x, &x_name)), (&y, &named(&y, &y_name)))?;
        for (index, line) in lines.iter().enumerate() {
            let pixels = |line: &Line| -> Vec<(i32, i32)> {
                line.points.iter().map(|p| plane.backend_coord(&(x.place(p.x), y.place(p.y)))).collect()
            };
            // Draw overlapping lines with decreasing widths, so that all stay visible.
            let own = pixels(line);
            let above = lines[index + 1..].iter().filter(|later| overlap(&own, &pixels(later))).count() as i32;
            let color = SERIES[line.series % SERIES.len()].light;
            let path: Vec<(f64, f64)> = line.points.iter().map(|p| (x.place(p.x), y.place(p.y))).collect();
            plane.draw_series([PathElement::new(path, ShapeStyle::from(color).stroke_width(2 + 2 * above as u32))])?;
            for point in line.points.iter().filter(|point| point.low < point.high) {
                let ends = [point.low, point.high].map(|value| (x.place(point.x), y.place(value)));
                plane.draw_series([PathElement::new(ends.to_vec(), color.mix(0.6).stroke_width(1))])?;
            }
            draw_marks(area, line.series, &own, MARK + 4 * above)?;
        }
        Ok(())
    })?;
    Ok(Chart {
        id,
        title,
        subtitle,
        description: format!("{y_name} against {x_name}, {}, listed below", counted(lines.len(), "line")),
        height: HEIGHT,
        body,
        series: lines.len(),
        legend: lines.into_iter().map(|line| Key::series(line.series, line.label, line.value)).collect(),
    })
}
