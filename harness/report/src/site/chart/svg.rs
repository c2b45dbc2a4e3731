//! From plotters' SVG to one that lives in a page: the outer tag is the template's, colours are
//! variables of the style sheet, and what the style sheet or a neighbour says is not repeated.

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

/// The width of every chart in its own units: about the pixels of a narrow telephone, so that text is
/// as large there as it is meant to be. Wide screens have several side by side.
pub(in super::super) const WIDTH: u32 = 360;
/// Size of text in the same units.
const FONT: f64 = 12.0;
/// Plotters divides sizes by this on their way to SVG.
const FONT_FACTOR: f64 = 1.24;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// A chart that could not be drawn: a fault of the program, since it is drawn into memory.
#[derive(Debug, thiserror::Error)]
#[error("a chart could not be drawn: {0}")]
pub struct ChartError(String);

/// Draws, and returns what belongs between `<svg>` and `</svg>`.
pub(super) fn body(height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, ChartError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present()).map_err(|error| ChartError(error.to_string()))?;
    }
    Ok(for_a_page(&svg))
}

/// As few bytes as say the same, in colours that are variables.
fn for_a_page(svg: &str) -> String {
    let mut body = compact(svg);
    for Ink { name, light: RGBColor(red, green, blue) } in palette::all() {
        body = body.replace(&format!("=\"#{red:02X}{green:02X}{blue:02X}\""), &format!("=\"var(--{name})\""));
    }
    body
}

/// A style of text.
pub(super) fn words(ink: Ink, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let mut style = TextStyle::from((FontFamily::SansSerif, FONT * FONT_FACTOR).into_font());
    style.color = ink.light.to_backend_color();
    style.pos = Pos::new(horizontal, vertical);
    style
}

/// Whether a text of the charts' size fits into a width, and if not as much of it as does. The mean
/// width of a letter is taken as 0.62 of the size: wide sans serif faces have about that.
pub(super) fn fitting(text: &str, width: f64) -> String {
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
        let drawn = body(40, |area| area.draw_text(hostile, &words(palette::TEXT, HPos::Left, VPos::Top), (0, 0)));
        let drawn = drawn.expect("drawn");
        assert!(drawn.contains("&lt;/svg&gt;&lt;script&gt;alert(&quot;#0072B2&quot;)"), "{drawn}");
        assert!(!drawn.contains("<script") && !drawn.contains("font-size"), "{drawn}");
        assert!(drawn.contains("fill=\"var(--text)\""), "{drawn}");
    }
}
