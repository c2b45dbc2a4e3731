//! The chart of the memory of a program over time: a line through all readings, its highest point, where the charge of
//! the cgroup was highest, and the stages.

use highwater_judge::OverTime;
use highwater_model::{Unit, nanoseconds};
use plotters::{
    element::PathElement,
    style::{
        ShapeStyle,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    Chart, ChartError, HEAD, Key, MARK, SERIES,
    axis::{Axis, Origin},
    draw_marks,
    palette::{GRID, MUTED},
    plane,
    svg::{self, text_style},
};
use crate::{
    counted::counted,
    over_time_text::{highest, peak},
};

const HEIGHT: u32 = 240;
/// The series of the readings, and of the peak of the cgroup.
const READINGS: usize = 0;
const PEAK: usize = 1;
/// The width of a character of a stage's name, in pixels.
const CHARACTER: i32 = 7;

/// Draws the memory of a program over time.
pub(in super::super) fn over_time(id: String, title: String, it: &OverTime<'_>) -> Result<Chart, ChartError> {
    let number = |value: u64| value as f64;
    let end = it.readings.last().map_or(0.0, |last| number(last.at_ns));
    let x = Axis::linear(Unit::Nanoseconds, &[0.0, end], Origin::Zero);
    let bytes: Vec<f64> =
        [it.highest.total].into_iter().chain(it.peak.map(|peak| peak.bytes)).map(number).chain([0.0]).collect();
    let y = Axis::linear(Unit::Bytes, &bytes, Origin::Zero);
    let place = |at_ns: u64, bytes: u64| (x.place(number(at_ns)), y.place(number(bytes)));
    let body = svg::body(HEIGHT, |area| {
        let mut plane = plane(area, (&x, "time"), (&y, "total"))?;
        // The names of stages have one line above the plot, as far as there is room.
        let mut free_from = 0;
        for reading in &it.readings {
            let Some(stage) = reading.stage else { continue };
            let ends = [(x.place(number(reading.at_ns)), y.range.start), (x.place(number(reading.at_ns)), y.range.end)];
            plane.draw_series([PathElement::new(ends.to_vec(), ShapeStyle::from(GRID.light).stroke_width(1))])?;
            let (at, name) = (plane.backend_coord(&ends[1]).0, stage.to_string());
            let half = name.len() as i32 * CHARACTER / 2;
            let at = at.clamp(half, svg::WIDTH as i32 - half);
            if at - half >= free_from {
                area.draw_text(&name, &text_style(MUTED, HPos::Center, VPos::Bottom), (at, HEAD as i32))?;
                free_from = at + half + CHARACTER;
            }
        }
        let line = it.readings.iter().map(|reading| place(reading.at_ns, reading.total)).collect::<Vec<_>>();
        let style = |series: usize| ShapeStyle::from(SERIES[series].light).stroke_width(2);
        plane.draw_series([PathElement::new(line, style(READINGS))])?;
        if let Some(peak) = it.peak {
            let (from, to) = peak.between_ns;
            let ends = vec![place(from, peak.bytes), place(to, peak.bytes)];
            plane.draw_series([PathElement::new(ends, style(PEAK))])?;
            let middle = place(from + (to - from) / 2, peak.bytes);
            draw_marks(area, PEAK, &[plane.backend_coord(&middle)], MARK)?;
        }
        let top = plane.backend_coord(&place(it.highest.at_ns, it.highest.total));
        draw_marks(area, READINGS, &[top], MARK)
    })?;
    let legend: Vec<Key> = std::iter::once(Key::series(READINGS, "highest reading", highest(it)))
        .chain(peak(it).map(|peak| Key::series(PEAK, peak, "")))
        .collect();
    Ok(Chart {
        id,
        title,
        subtitle: format!("every {}", nanoseconds(number(it.every_ns))),
        description: format!("total against time, {}", counted(it.readings.len(), "reading")),
        height: HEIGHT,
        body,
        series: legend.len(),
        legend,
    })
}
