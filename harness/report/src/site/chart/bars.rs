//! Stacked bars: memory by category of mapping.

use highwater_model::{Category, Unit};
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
    svg::{self, WIDTH, text_style, truncated},
};
use crate::{counted::counted, site::format::amount};

/// One bar, or a heading between bars.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Bar {
    Heading(String),
    Stack { label: String, parts: Vec<(Category, f64)> },
}

impl Bar {
    fn total(&self) -> f64 {
        self.parts().iter().map(|(_, value)| value).sum()
    }

    /// Whether two bars look the same: same label, and same parts to the displayed precision.
    pub(in super::super) fn renders_same(&self, other: &Self) -> bool {
        let name = |bar: &Self| match bar {
            Self::Heading(name) => name.clone(),
            Self::Stack { label, .. } => label.clone(),
        };
        name(self) == name(other) && same_parts(self.parts(), other.parts())
    }

    fn parts(&self) -> &[(Category, f64)] {
        match self {
            Self::Heading(_) => &[],
            Self::Stack { parts, .. } => parts,
        }
    }
}

/// Whether parts are equal to the displayed precision.
pub(in super::super) fn same_parts(a: &[(Category, f64)], b: &[(Category, f64)]) -> bool {
    let shown = |(category, value): &(Category, f64)| (*category, amount(Unit::Bytes, *value));
    a.iter().map(shown).eq(b.iter().map(shown))
}

/// Height of a bar including its label, and of the bar alone.
const ROW: i32 = 30;
const THICK: i32 = 10;
const MARGIN: i32 = 2;

/// Draws bars below each other on one scale, each with its label and its total above.
pub(in super::super) fn bars(id: String, title: String, subtitle: String, bars: &[Bar]) -> Result<Chart, ChartError> {
    let height = bars.len() as u32 * ROW as u32 + 6;
    let most = bars.iter().map(Bar::total).fold(0.0, f64::max);
    let long = f64::from(WIDTH as i32 - 2 * MARGIN);
    let right = WIDTH as i32 - MARGIN;
    let body = svg::body(height, |area| {
        for (row, bar) in bars.iter().enumerate() {
            let top = row as i32 * ROW;
            match bar {
                Bar::Heading(text) => {
                    let style = text_style(TEXT, HPos::Left, VPos::Bottom);
                    area.draw_text(&truncated(text, long), &style, (MARGIN, top + ROW - 5))?;
                    let line = [(MARGIN, top + ROW - 2), (right, top + ROW - 1)];
                    area.draw(&Rectangle::new(line, MUTED.light.filled()))?;
                }
                Bar::Stack { label, .. } => {
                    let total = amount(Unit::Bytes, bar.total());
                    let label = truncated(label, long - 80.0);
                    area.draw_text(&label, &text_style(MUTED, HPos::Left, VPos::Top), (MARGIN, top + 6))?;
                    area.draw_text(&total, &text_style(TEXT, HPos::Right, VPos::Top), (right, top + 6))?;
                }
            }
        }
        // One colour at a time, so that each becomes one path.
        for kind in Category::ALL {
            for (row, bar) in bars.iter().enumerate() {
                let Some(index) = bar.parts().iter().position(|(other, _)| other == kind) else { continue };
                let before: f64 = bar.parts()[..index].iter().map(|(_, value)| value).sum();
                let ends = [before, before + bar.parts()[index].1].map(|at| MARGIN + (at / most * long).round() as i32);
                if ends[1] > ends[0] {
                    // Leave a gap of one pixel between parts that are wide enough.
                    let gap = i32::from(ends[1] - ends[0] > 3);
                    let top = row as i32 * ROW + 20;
                    let corners = [(ends[0], top), (ends[1] - gap, top + THICK)];
                    area.draw(&Rectangle::new(corners, category(*kind).light.filled()))?;
                }
            }
        }
        Ok(())
    })?;
    let stacks: Vec<&Bar> = bars.iter().filter(|bar| matches!(bar, Bar::Stack { .. })).collect();
    Ok(Chart {
        id,
        title,
        subtitle,
        description: described(&stacks),
        height,
        body,
        legend: Vec::new(),
        series: stacks.len(),
    })
}

/// A text alternative: the first, the largest and the last bar.
fn described(bars: &[&Bar]) -> String {
    let described = |bar: &Bar| match bar {
        Bar::Stack { label, .. } => format!("{label} {}", amount(Unit::Bytes, bar.total())),
        Bar::Heading(text) => text.clone(),
    };
    let most = bars.iter().rev().max_by(|a, b| a.total().total_cmp(&b.total()));
    let ends = [bars.first(), most, bars.last()].into_iter().flatten().zip(["from", "at most", "to"]);
    let ends: Vec<String> = ends.map(|(bar, word)| format!("{word} {}", described(bar))).collect();
    format!("{}, {}", counted(bars.len(), "bar"), ends.join(", "))
}
