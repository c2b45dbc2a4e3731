//! The colours of the charts. Plotters draws in the colours of the light scheme; in the SVG each colour is
//! replaced by a CSS variable, which has another value in the dark scheme (`style/chart.css`).
//!
//! Series: eight hues after M. Okabe and K. Ito, "Color Universal Design" (2008), each darkened on
//! light and lightened on dark until it has a contrast of 3:1 with the page (WCAG 2.1, 1.4.11). Series also
//! differ in shape, so that no chart relies on colour alone.

use highwater_model::Category;
use plotters::style::RGBColor;

/// A colour and its CSS variable.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ink {
    /// The variable's name, without `--`.
    pub(in super::super) name: &'static str,
    pub(super) light: RGBColor,
}

const fn ink(name: &'static str, red: u8, green: u8, blue: u8) -> Ink {
    Ink { name, light: RGBColor(red, green, blue) }
}

/// Colours of series, in order of use.
pub(in super::super) const SERIES: [Ink; 8] = [
    ink("s0", 0x00, 0x72, 0xb2),
    ink("s1", 0xd5, 0x5e, 0x00),
    ink("s2", 0x00, 0x8a, 0x66),
    ink("s3", 0xb8, 0x4a, 0x8e),
    ink("s4", 0x9a, 0x74, 0x00),
    ink("s5", 0x2f, 0x8f, 0xc9),
    ink("s6", 0x6b, 0x4f, 0xa8),
    ink("s7", 0x5a, 0x5a, 0x5a),
];

/// The mark of each series as a character, for legends.
pub(in super::super) const SHAPES: [&str; 8] = ["●", "■", "▲", "◆", "○", "□", "△", "◇"];

/// The CSS variable of page tables.
pub(in super::super) const PAGE_TABLES: &str = SERIES[7].name;

/// Grid lines.
pub(super) const GRID: Ink = ink("grid", 0xdd, 0xdf, 0xe3);
/// Labels and axes.
pub(super) const MUTED: Ink = ink("muted", 0x58, 0x5e, 0x68);
/// Values.
pub(super) const TEXT: Ink = ink("text", 0x1b, 0x1e, 0x24);
/// The page background.
pub(super) const PAGE: Ink = ink("page", 0xff, 0xff, 0xff);

/// The colour of a category of mapping. Categories that sandboxes consist of stand out.
pub(in super::super) fn category(category: Category) -> Ink {
    match category {
        Category::LinearMemory => SERIES[0],
        Category::CowImage => SERIES[1],
        Category::CompiledCode => SERIES[3],
        Category::HostHeap => SERIES[2],
        Category::Arenas => SERIES[4],
        Category::Stacks => SERIES[6],
        Category::MappedInput => SERIES[5],
        Category::Executable => ink("s8", 0x8c, 0x93, 0x9e),
        Category::Other => ink("s9", 0xb4, 0x8a, 0x78),
    }
}

/// Every colour that a chart may use.
pub(super) fn all() -> impl Iterator<Item = Ink> {
    let categories = Category::ALL.iter().map(|it| category(*it));
    SERIES.into_iter().chain([GRID, MUTED, TEXT, PAGE]).chain(categories)
}
