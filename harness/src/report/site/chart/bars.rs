//! Stacked bars: what memory is made of, category by category.

use plotters::{
    element::Rectangle,
    style::{
        Color,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    Chart, ChartError,
    palette::{MUTED, TEXT, category},
    svg::{self, WIDTH, fitting, words},
};
use crate::model::{Category, Unit};

/// One bar, or a heading between bars.
#[derive(Debug)]
pub(in super::super) enum Bar {
    Heading(String),
    Stack { label: String, parts: Vec<(Category, f64)> },
}

impl Bar {
    fn total(&self) -> f64 {
        match self {
            Self::Heading(_) => 0.0,
            Self::Stack { parts, .. } => parts.iter().map(|(_, value)| value).sum(),
        }
    }
}

/// Height of a bar with its label above it, and of the bar alone.
const ROW: i32 = 30;
const THICK: i32 = 9;
const MARGIN: i32 = 2;

/// Draws bars below each other on one scale, each with its label and its total above it.
pub(in super::super) fn bars(id: String, title: String, subtitle: String, bars: &[Bar]) -> Result<Chart, ChartError> {
    let height = bars.len() as u32 * ROW as u32 + 6;
    let most = bars.iter().map(Bar::total).fold(0.0, f64::max);
    let long = f64::from(WIDTH as i32 - 2 * MARGIN);
    let body = svg::body(height, |area| {
        let right = WIDTH as i32 - MARGIN;
        for (row, bar) in bars.iter().enumerate() {
            let top = row as i32 * ROW;
            match bar {
                Bar::Heading(text) => {
                    let style = words(TEXT, HPos::Left, VPos::Bottom);
                    area.draw_text(&fitting(text, long), &style, (MARGIN, top + ROW - 5))?;
                    area.draw(&Rectangle::new(
                        [(MARGIN, top + ROW - 2), (right, top + ROW - 1)],
                        MUTED.light.filled(),
                    ))?;
                }
                Bar::Stack { label, parts } => {
                    let total = super::super::words::amount(Unit::Bytes, bar.total());
                    area.draw_text(
                        &fitting(label, long - 80.0),
                        &words(MUTED, HPos::Left, VPos::Top),
                        (MARGIN, top + 6),
                    )?;
                    area.draw_text(&total, &words(TEXT, HPos::Right, VPos::Top), (right, top + 6))?;
                    let mut from = 0.0;
                    for (kind, value) in parts.iter().filter(|(_, value)| *value > 0.0) {
                        let ends = [from, from + value].map(|at| MARGIN + (at / most * long).round() as i32);
                        from += value;
                        if ends[1] > ends[0] {
                            // A gap of one between parts, where the part is wide enough.
                            let gap = i32::from(ends[1] - ends[0] > 3);
                            let corners = [(ends[0], top + 20), (ends[1] - gap, top + 20 + THICK)];
                            area.draw(&Rectangle::new(corners, category(*kind).light.filled()))?;
                        }
                    }
                }
            }
        }
        Ok(())
    })?;
    let mut heading = String::new();
    let mut described = Vec::new();
    for bar in bars {
        match bar {
            Bar::Heading(text) => heading = format!("{text}, "),
            Bar::Stack { label, .. } => {
                described.push(format!("{heading}{label}: {}", super::super::words::amount(Unit::Bytes, bar.total())));
            }
        }
    }
    let series = described.len();
    Ok(Chart {
        id,
        title,
        subtitle,
        description: format!("{}.", described.join("; ")),
        height,
        body,
        legend: Vec::new(),
        series,
    })
}
