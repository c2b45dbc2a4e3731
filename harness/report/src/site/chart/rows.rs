//! Charts of rows: a name, a mark and a value per case. Names and values are text of the page, and marks are SVG with
//! positions in percent, so that a chart fits every width at one font size. Bars are stacked, and dots have intervals.

use askama::Template;
use highwater_model::Unit;

use super::axis::{Axis, Origin};
use crate::site::format::{amount, between};

/// At most this many ticks fit on a phone.
const MOST_TICKS: usize = 5;
/// The narrowest visible part of a bar, in percent.
const NARROWEST: f64 = 0.4;
/// At most this many parts of a bar are named.
const MOST_PARTS: usize = 3;
/// Parts below this share of a bar are not named.
const LEAST_SHARE: f64 = 0.03;

/// The input of [`rows`].
#[derive(Debug)]
pub(in super::super) struct RowsPlan {
    /// Unique on its page.
    pub(in super::super) id: String,
    pub(in super::super) title: String,
    pub(in super::super) subtitle: String,
    /// The text alternative.
    pub(in super::super) description: String,
    pub(in super::super) unit: Unit,
    pub(in super::super) rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug)]
pub(in super::super) struct Row {
    pub(in super::super) label: String,
    /// The page of its case.
    pub(in super::super) href: Option<String>,
    pub(in super::super) is_default: bool,
    pub(in super::super) value: f64,
    pub(in super::super) mark: Mark,
}

/// The mark of a row.
#[derive(Clone, Debug)]
pub(in super::super) enum Mark {
    /// A bar of parts, from left to right.
    Bar(Vec<Part>),
    /// A dot with an interval.
    Dot {
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
}

/// A part of a bar.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Part {
    pub(in super::super) name: String,
    /// The CSS variable of its colour.
    pub(in super::super) ink: &'static str,
    pub(in super::super) value: f64,
}

/// A chart of rows, ready for its template.
#[derive(Debug, Template)]
#[template(path = "site/rows.html")]
pub(in super::super) struct RowChart {
    id: String,
    title: String,
    subtitle: String,
    description: String,
    kind: &'static str,
    rows: Vec<DrawnRow>,
    ticks: Vec<Tick>,
}

#[derive(Debug)]
struct DrawnRow {
    label: String,
    href: Option<String>,
    is_default: bool,
    /// SVG elements made of numbers and names of colours only.
    marks: String,
    value: String,
    parts: Vec<NamedPart>,
    /// The interval of a dot.
    range: String,
}

#[derive(Debug)]
struct NamedPart {
    ink: &'static str,
    name: String,
    value: String,
}

/// A tick of the axis below dots.
#[derive(Debug)]
struct Tick {
    at: String,
    anchor: &'static str,
    label: String,
}

/// Draws rows below each other on one axis: bars from 0, dots on an axis that is logarithmic if they are far apart.
pub(in super::super) fn rows(plan: RowsPlan) -> RowChart {
    let RowsPlan { id, title, mut subtitle, description, unit, rows } = plan;
    let is_bars = rows.iter().all(|row| matches!(row.mark, Mark::Bar(_)));
    let ends = rows.iter().flat_map(|row| match &row.mark {
        Mark::Bar(_) => [row.value, row.value],
        Mark::Dot { low, high } => [*low, *high],
    });
    let axis = Axis::of(unit, ends.chain(rows.iter().map(|row| row.value)), Origin::Zero);
    let longest = rows.iter().map(|row| row.length().max(row.value)).fold(0.0, f64::max);
    if !is_bars && axis.is_log {
        subtitle.push_str(", logarithmic");
    }
    let drawn = |row: Row| {
        let (marks, parts, range) = match &row.mark {
            Mark::Bar(parts) => (bar(parts, longest), named(parts, unit), String::new()),
            Mark::Dot { low, high } => {
                // A range that looks like the value says nothing.
                let range = Some(between(unit, *low, *high)).filter(|range| *range != amount(unit, row.value));
                let range = range.unwrap_or_default();
                (dot(&axis, row.value, *low, *high), Vec::new(), range)
            }
        };
        let Row { label, href, is_default, value, .. } = row;
        DrawnRow { label, href, is_default, marks, value: amount(unit, value), parts, range }
    };
    RowChart {
        id,
        title,
        subtitle,
        description,
        kind: if is_bars { "bars" } else { "dots" },
        rows: rows.into_iter().map(drawn).collect(),
        ticks: if is_bars { Vec::new() } else { ticks(&axis) },
    }
}

impl Row {
    /// The length of its bar.
    fn length(&self) -> f64 {
        match &self.mark {
            Mark::Bar(parts) => parts.iter().map(|part| part.value).sum(),
            Mark::Dot { .. } => 0.0,
        }
    }
}

fn bar(parts: &[Part], longest: f64) -> String {
    let percent = |value: f64| if longest > 0.0 { value / longest * 100.0 } else { 0.0 };
    let mut at = 0.0;
    let mut marks = String::new();
    for part in parts {
        let width = percent(part.value).max(NARROWEST).min(100.0 - at);
        marks.push_str(&format!(
            "<rect x=\"{at:.2}%\" width=\"{width:.2}%\" height=\"100%\" fill=\"var(--{})\"/>",
            part.ink
        ));
        at += width;
    }
    marks
}

/// The largest parts by name; the others together.
fn named(parts: &[Part], unit: Unit) -> Vec<NamedPart> {
    let total: f64 = parts.iter().map(|part| part.value).sum();
    let mut largest: Vec<&Part> = parts.iter().filter(|part| part.value >= LEAST_SHARE * total).collect();
    largest.sort_by(|a, b| b.value.total_cmp(&a.value));
    largest.truncate(MOST_PARTS);
    // In the order of the bar.
    let shown = parts.iter().filter(|part| largest.contains(part));
    shown.map(|part| NamedPart { ink: part.ink, name: part.name.clone(), value: amount(unit, part.value) }).collect()
}

fn dot(axis: &Axis, value: f64, low: f64, high: f64) -> String {
    let at = |value: f64| axis.fraction(value) * 100.0;
    let interval = match low < high {
        true => format!("<line x1=\"{:.2}%\" x2=\"{:.2}%\" y1=\"50%\" y2=\"50%\"/>", at(low), at(high)),
        false => String::new(),
    };
    format!("{interval}<circle cx=\"{:.2}%\" cy=\"50%\" r=\"5\"/>", at(value))
}

/// The ticks of an axis, every other one if there are many.
fn ticks(axis: &Axis) -> Vec<Tick> {
    let mut all = axis.ticks();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let every = all.len().div_ceil(MOST_TICKS).max(1);
    let tick = |(at, label): (f64, String)| Tick {
        at: format!("{:.2}%", at * 100.0),
        anchor: match at {
            first if first < 0.08 => "start",
            last if last > 0.92 => "end",
            _ => "middle",
        },
        label,
    };
    all.into_iter().step_by(every).map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, value: f64, mark: Mark) -> Row {
        Row { label: label.to_owned(), href: None, is_default: false, value, mark }
    }

    fn part(name: &str, value: f64) -> Part {
        Part { name: name.to_owned(), ink: "s0", value }
    }

    fn drawn(rows_of: Vec<Row>) -> RowChart {
        let text = || "text".to_owned();
        rows(RowsPlan {
            id: text(),
            title: text(),
            subtitle: text(),
            description: text(),
            unit: Unit::Bytes,
            rows: rows_of,
        })
    }

    #[test]
    fn the_longest_bar_has_the_whole_width() {
        let chart = drawn(vec![
            row("a", 1024.0, Mark::Bar(vec![part("x", 512.0), part("y", 512.0)])),
            row("b", 4096.0, Mark::Bar(vec![part("x", 4096.0)])),
        ]);
        assert!(chart.rows[0].marks.contains("x=\"12.50%\" width=\"12.50%\""), "{}", chart.rows[0].marks);
        assert!(chart.rows[1].marks.contains("x=\"0.00%\" width=\"100.00%\""), "{}", chart.rows[1].marks);
        assert_eq!(chart.rows[1].value, "4 KiB");
    }

    #[test]
    fn bars_and_dots_of_zero_stay_inside() {
        let bars = drawn(vec![row("a", 0.0, Mark::Bar(Vec::new())), row("b", 0.0, Mark::Bar(Vec::new()))]);
        assert!(bars.rows.iter().all(|row| row.marks.is_empty() && row.value == "0 B"));
        let dots = drawn(vec![
            row("a", 0.0, Mark::Dot { low: 0.0, high: 0.0 }),
            row("b", 9e9, Mark::Dot { low: 8e9, high: 1e10 }),
            row("c", 1.0, Mark::Dot { low: 1.0, high: 1.0 }),
        ]);
        assert!(dots.subtitle.ends_with("logarithmic") && dots.ticks.len() <= MOST_TICKS);
        let centres =
            dots.rows.iter().filter_map(|row| row.marks.split("cx=\"").nth(1)?.split('%').next()?.parse().ok());
        let centres: Vec<f64> = centres.collect();
        assert!(centres.len() == 3 && centres.iter().all(|at| (0.0..=100.0).contains(at)), "{centres:?}");
    }

    #[test]
    fn small_parts_are_drawn_but_not_named() {
        let parts = vec![part("large", 1e6), part("tiny", 1.0)];
        let chart = drawn(vec![row("a", 1e6 + 1.0, Mark::Bar(parts))]);
        assert_eq!(chart.rows[0].marks.matches("<rect").count(), 2);
        assert_eq!(chart.rows[0].parts.len(), 1);
    }
}
