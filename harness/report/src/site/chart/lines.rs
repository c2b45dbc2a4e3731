//! Lines: memory against scale, or a metric against the blessings of its baseline.

use highwater_model::Unit;
use plotters::{
    element::PathElement,
    style::{Color, ShapeStyle},
};

use super::{
    Chart, ChartError, Key, MARK, SERIES,
    axis::{Axis, Begin},
    draw_marks, plane, svg,
};
use crate::site::words::counted;

/// A line of a chart.
#[derive(Debug)]
pub(in super::super) struct Line {
    pub(in super::super) label: String,
    /// What stands beside its name in the legend.
    pub(in super::super) value: String,
    /// Which colour and shape.
    pub(in super::super) series: usize,
    pub(in super::super) points: Vec<Point>,
}

/// A point of a line with the range of what it stands for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Point {
    pub(in super::super) x: f64,
    pub(in super::super) y: f64,
    pub(in super::super) low: f64,
    pub(in super::super) high: f64,
}

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Steps<'a> {
    /// The rungs of a ladder.
    Rungs,
    /// This many steps one after another; the last may have a name.
    Numbered(usize, Option<&'a str>),
}

/// A chart of lines to be drawn.
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

/// Whether two lines can hardly be told apart: as many points, none more than three pixels off.
fn falls_together(a: &[(i32, i32)], b: &[(i32, i32)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a.0 - b.0).abs() <= 3 && (a.1 - b.1).abs() <= 3)
}

/// Draws lines with a mark at every point, and the range of the workers where they differ.
pub(in super::super) fn lines(plan: LinesPlan<'_>) -> Result<Chart, ChartError> {
    let LinesPlan { id, title, subtitle, x_name, y_name, unit, steps, lines } = plan;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (x, begin) = match steps {
        Steps::Rungs => (Axis::rungs(&points().map(|point| point.x).collect::<Vec<_>>()), Begin::Zero),
        Steps::Numbered(count, last) => (Axis::steps(count, last), Begin::Lowest),
    };
    let y = Axis::of(unit, points().flat_map(|point| [point.low, point.high]), begin);
    let named = |axis: &Axis, name: &str| if axis.is_log { format!("{name}, log") } else { name.to_owned() };
    let body = svg::body(HEIGHT, |area| {
        let mut plane = plane(area, (&x, &named(&x, &x_name)), (&y, &named(&y, &y_name)))?;
        for (index, line) in lines.iter().enumerate() {
            let pixels = |line: &Line| -> Vec<(i32, i32)> {
                line.points.iter().map(|p| plane.backend_coord(&(x.place(p.x), y.place(p.y)))).collect()
            };
            // Lines that fall together are drawn inside one another, so that none hides the others.
            let own = pixels(line);
            let above = lines[index + 1..].iter().filter(|later| falls_together(&own, &pixels(later))).count() as i32;
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
