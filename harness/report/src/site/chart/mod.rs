//! Charts as inline SVG, drawn by plotters. Text stays text, colours follow the page's colour scheme, and
//! every chart has a title, a text alternative and names of its series. Charts of rows are text with marks in SVG.

mod axis;
mod bars;
mod compact;
mod dots;
mod flame;
mod history;
mod lines;
mod over_time;
mod palette;
mod rows;
mod scatter;
mod svg;

use askama::Template;
use axis::Axis;
use palette::{GRID, MUTED, PAGE};
use plotters::prelude::SVGBackend;
use plotters::{
    chart::{ChartBuilder, ChartContext},
    coord::{Shift, cartesian::Cartesian2d},
    drawing::DrawingArea,
    element::{Circle, Polygon},
    style::{
        Color, RGBAColor, RGBColor,
        text_anchor::{HPos, VPos},
    },
};
use svg::{Area, DrawResult, text_style, truncated};

pub(super) use bars::{Bar, bars, same_parts};
pub(super) use dots::{Strip, dots};
pub(super) use flame::{Flame, FlamePlan, flame};
pub(super) use history::{HistoryPlan, history};
pub(super) use lines::{Line, LinesPlan, Point, Steps, lines};
pub(super) use over_time::over_time;
pub(super) use palette::{PAGE_TABLES, SERIES, category};
pub(super) use rows::{Mark as RowMark, Part, Row, RowChart, RowsPlan, rows};
pub(super) use scatter::{Mark, scatter};
pub use svg::ChartError;

/// A chart, ready for its template.
#[derive(Debug, Template)]
#[template(path = "site/chart.html")]
pub(super) struct Chart {
    /// Unique on its page.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    /// The text alternative: first, last and extreme values. All numbers are in a table or a legend.
    pub(super) description: String,
    height: u32,
    /// SVG, escaped by plotters.
    body: String,
    pub(super) legend: Vec<Key>,
    /// The number of lines, bars, strips or points.
    series: usize,
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) shape: &'static str,
    /// The CSS variable of the colour.
    pub(super) ink: &'static str,
    pub(super) label: String,
    pub(super) value: String,
    /// Whether it is in the Pareto set.
    pub(super) is_best: bool,
}

impl Key {
    /// The legend entry of a series.
    pub(super) fn series(index: usize, label: impl Into<String>, value: impl Into<String>) -> Self {
        let index = index % SERIES.len();
        let (label, value) = (label.into(), value.into());
        Self { shape: palette::SHAPES[index], ink: SERIES[index].name, label, value, is_best: false }
    }
}

type Plane<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

/// Space above the plot for the name of the vertical axis, and below it for the ticks and the name of the
/// horizontal axis.
const HEAD: u32 = 24;
const FOOT: u32 = 40;
/// Width of a mark.
const MARK: i32 = 9;
/// Space to the left of the plot for tick labels.
const SIDE: u32 = 66;

/// Draws two axes with their names and returns the coordinate system.
fn plane<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    x: (&Axis, &str),
    y: (&Axis, &str),
) -> Result<Plane<'a>, plotters::drawing::DrawingAreaErrorKind<std::io::Error>> {
    let (width, height) = area.dim_in_pixel();
    let name = |name: &str| truncated(name, f64::from(width) - 8.0);
    area.draw_text(&name(y.1), &text_style(MUTED, HPos::Left, VPos::Top), (2, 2))?;
    area.draw_text(&name(x.1), &text_style(MUTED, HPos::Right, VPos::Bottom), (width as i32 - 4, height as i32 - 3))?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(HEAD)
        .margin_right(8)
        .margin_bottom(FOOT - 22)
        .x_label_area_size(22)
        .y_label_area_size(SIDE)
        .build_cartesian_2d(x.0.clone(), y.0.clone())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(RGBAColor(0, 0, 0, 0.0))
        .bold_line_style(GRID.light)
        .axis_style(GRID.light)
        .set_all_tick_mark_size(3)
        .label_style(text_style(MUTED, HPos::Left, VPos::Top))
        .draw()?;
    Ok(chart)
}

/// Draws the marks of a series at pixel positions, `size` pixels wide. Hollow marks are filled with the page
/// colour.
fn draw_marks(area: &Area<'_>, series: usize, places: &[(i32, i32)], size: i32) -> DrawResult {
    const SQUARE: [(i32, i32); 4] = [(-4, -4), (4, -4), (4, 4), (-4, 4)];
    const TRIANGLE: [(i32, i32); 3] = [(0, -5), (5, 4), (-5, 4)];
    const DIAMOND: [(i32, i32); 4] = [(0, -5), (5, 0), (0, 5), (-5, 0)];
    const SHAPES: [Option<&[(i32, i32)]>; 4] = [None, Some(&SQUARE), Some(&TRIANGLE), Some(&DIAMOND)];
    let series = series % SERIES.len();
    let shapes = |color: RGBColor, smaller: i32| {
        places.iter().try_for_each(|(x, y)| match SHAPES[series % SHAPES.len()] {
            None => area.draw(&Circle::new((*x, *y), size / 2 - smaller, color.filled())),
            Some(corners) => {
                let reach = |d: &i32| (f64::from(d * (size - 2 * smaller)) / 9.0).round() as i32;
                let corners = corners.iter().map(|(dx, dy)| (x + reach(dx), y + reach(dy)));
                area.draw(&Polygon::new(corners.collect::<Vec<_>>(), color.filled()))
            }
        })
    };
    shapes(SERIES[series].light, 0)?;
    if series >= SHAPES.len() { shapes(PAGE.light, 2) } else { Ok(()) }
}
