//! Converts plotters' SVG to inline SVG: the template has the outer tag, colours are CSS variables, and
//! attributes that the style sheet or a group already sets are removed.

use std::io;

use plotters::prelude::SVGBackend;
use plotters::{
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    style::{
        Color, FontFamily, IntoFont, RGBColor, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    compact::compact,
    palette::{self, Ink},
};

/// The width of every chart in SVG units, about the pixels of a narrow phone, so that text has its intended
/// size there. Wide screens show several charts side by side.
pub(in super::super) const WIDTH: u32 = 360;
/// Font size in the same units.
const FONT: f64 = 12.0;
/// Plotters divides font sizes by this factor when it writes SVG.
const FONT_FACTOR: f64 = 1.24;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type DrawResult = Result<(), DrawingAreaErrorKind<io::Error>>;

/// A chart could not be drawn. Charts are drawn in memory, so this is a bug.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw a chart: {0}")]
pub struct ChartError(String);

/// Draws a chart and returns the content of the `<svg>` element.
pub(super) fn body(height: u32, draw: impl FnOnce(&Area<'_>) -> DrawResult) -> Result<String, ChartError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present()).map_err(|error| ChartError(error.to_string()))?;
    }
    Ok(inline_svg(&svg))
}

/// Compacts the SVG and replaces colours by CSS variables.
fn inline_svg(svg: &str) -> String {
    let mut body = compact(svg);
    for Ink { name, light: RGBColor(red, green, blue) } in palette::all() {
        body = body.replace(&format!("=\"#{red:02X}{green:02X}{blue:02X}\""), &format!("=\"var(--{name})\""));
    }
    body
}

/// A text style.
pub(super) fn text_style(ink: Ink, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let mut style = TextStyle::from((FontFamily::SansSerif, FONT * FONT_FACTOR).into_font());
    style.color = ink.light.to_backend_color();
    style.pos = Pos::new(horizontal, vertical);
    style
}

/// Truncates a text to a width, with an ellipsis. The mean width of a character is estimated as 0.55 of the
/// font size.
pub(super) fn truncated(text: &str, width: f64) -> String {
    let most = (width / (FONT * 0.55)) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_only_attributes_change() {
        let hostile = "</svg><script>alert(\"#0072B2\")</script>";
        let drawn = body(40, |area| area.draw_text(hostile, &text_style(palette::TEXT, HPos::Left, VPos::Top), (0, 0)));
        let drawn = drawn.expect("drawn");
        assert!(drawn.contains("&lt;/svg&gt;&lt;script&gt;alert(&quot;#0072B2&quot;)"), "{drawn}");
        assert!(!drawn.contains("<script") && !drawn.contains("font-size"), "{drawn}");
        assert!(drawn.contains("fill=\"var(--text)\""), "{drawn}");
    }
}
