//! Scatter plots of memory against time, with the Pareto set marked and labelled.

use highwater_model::Unit;
use highwater_stats::pareto;
use plotters::{
    element::{Circle, PathElement},
    style::{
        Color, ShapeStyle,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    Chart, ChartError, Key, MARK,
    axis::{Axis, Origin},
    draw_marks,
    palette::{MUTED, TEXT},
    plane,
    svg::{self, text_style, truncated},
};
use crate::{counted::counted, site::format::amount};

/// A case: its cost in time and memory.
#[derive(Debug)]
pub(in super::super) struct Mark {
    pub(in super::super) label: String,
    pub(in super::super) series: usize,
    /// Nanoseconds.
    pub(in super::super) time: f64,
    /// Bytes.
    pub(in super::super) memory: f64,
}

const HEIGHT: u32 = 240;

/// Draws cases by time and memory. The Pareto set is ringed, joined by a line and labelled.
pub(in super::super) fn scatter(
    id: String,
    title: String,
    subtitle: String,
    y_name: &str,
    marks: &[Mark],
) -> Result<Chart, ChartError> {
    let x = Axis::of(Unit::Nanoseconds, marks.iter().map(|mark| mark.time), Origin::Zero);
    let y = Axis::of(Unit::Bytes, marks.iter().map(|mark| mark.memory), Origin::Zero);
    let is_best = pareto(&marks.iter().map(|mark| [mark.time, mark.memory]).collect::<Vec<_>>());
    let mut best: Vec<&Mark> = marks.iter().zip(&is_best).filter(|(_, best)| **best).map(|(mark, _)| mark).collect();
    best.sort_by(|a, b| a.time.total_cmp(&b.time));
    let named = |axis: &Axis, name: &str| if axis.is_log { format!("{name}, log") } else { name.to_owned() };
    let body = svg::body(HEIGHT, |area| {
        let mut plane = plane(area, (&x, &named(&x, "time")), (&y, &named(&y, y_name)))?;
        let place = |mark: &Mark| (x.place(mark.time), y.place(mark.memory));
        if best.len() > 1 {
            let front: Vec<(f64, f64)> = best.iter().map(|mark| place(mark)).collect();
            plane.draw_series([PathElement::new(front, ShapeStyle::from(MUTED.light.mix(0.5)).stroke_width(1))])?;
        }
        for it in marks {
            draw_marks(area, it.series, &[plane.backend_coord(&place(it))], MARK)?;
        }
        for it in &best {
            area.draw(&Circle::new(plane.backend_coord(&place(it)), 8, ShapeStyle::from(TEXT.light).stroke_width(1)))?;
        }
        let mut taken: Vec<(i32, i32)> = marks.iter().map(|mark| plane.backend_coord(&place(mark))).collect();
        for it in &best {
            let (at_x, at_y) = plane.backend_coord(&place(it));
            let is_left = at_x < svg::WIDTH as i32 / 2;
            let room = if is_left { svg::WIDTH as i32 - at_x - 16 } else { at_x - 80 };
            let label = truncated(&it.label, f64::from(room));
            // The first line above or below that is free.
            let lines = [-14, 16, -28, 30, -42, 44];
            let free = |dy: &i32| {
                let line = at_y + dy;
                (30..HEIGHT as i32 - 46).contains(&line) && !taken.iter().any(|(_, y)| (y - line).abs() < 13)
            };
            let Some(dy) = lines.into_iter().find(free) else { continue };
            let anchor = if is_left { HPos::Left } else { HPos::Right };
            taken.push((at_x, at_y + dy));
            area.draw_text(
                &label,
                &text_style(TEXT, anchor, VPos::Center),
                (if is_left { at_x - 6 } else { at_x + 6 }, at_y + dy),
            )?;
        }
        Ok(())
    })?;
    let cost = |mark: &Mark| format!("{}, {}", amount(Unit::Nanoseconds, mark.time), amount(Unit::Bytes, mark.memory));
    let best: Vec<&str> = best.iter().map(|mark| mark.label.as_str()).collect();
    let legend = marks.iter().zip(is_best).map(|(mark, is_best)| {
        let key = Key::series(mark.series, mark.label.clone(), cost(mark));
        Key { is_best, ..key }
    });
    Ok(Chart {
        id,
        title,
        subtitle,
        description: format!("{}, Pareto-optimal: {}", counted(marks.len(), "case"), best.join(" and ")),
        height: HEIGHT,
        body,
        legend: legend.collect(),
        series: marks.len(),
    })
}
