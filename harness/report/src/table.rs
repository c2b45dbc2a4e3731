//! Prints tables, with cells that are escaped for the terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::{escape, terminal::Emphasis};

/// The text of a cell, with what its colour stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextCell {
    /// The text.
    pub text: String,
    /// What it stands for, if anything.
    pub emphasis: Option<Emphasis>,
}

impl<T: Into<String>> From<T> for TextCell {
    fn from(text: T) -> Self {
        Self { text: text.into(), emphasis: None }
    }
}

impl TextCell {
    fn escaped(&self) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(escape::lines(&self.text));
        self.emphasis.map_or(cell.clone(), |emphasis| emphasis.cell(cell))
    }
}

/// A table as wide as its cells, which may have several lines. All columns but the first are right-aligned.
pub(super) fn print_unwrapped(headings: &[String], rows: impl IntoIterator<Item = Vec<TextCell>>) -> String {
    let mut table = table(headings, rows);
    table.set_content_arrangement(ContentArrangement::Disabled);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A table of text in at most `width` characters, in which cells are broken between words.
#[must_use]
pub fn print_words(headings: &[String], rows: impl IntoIterator<Item = Vec<TextCell>>, width: usize) -> String {
    let mut table = table(headings, rows);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.to_string()
}

/// A table in Markdown, in which all columns but the first are right-aligned.
pub(super) fn markdown(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    let escaped = |row: &[String]| row.iter().map(|text| escape::line(text)).collect::<Vec<_>>();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(escaped(headings))
        .add_rows(rows.into_iter().map(|row| escaped(&row)));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Colours are always in the text: what prints it removes them where they are not wanted.
fn table(headings: &[String], rows: impl IntoIterator<Item = Vec<TextCell>>) -> Table {
    let mut table = Table::new();
    let heading = |text: &String| Emphasis::Heading.cell(comfy_table::Cell::new(escape::line(text)));
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_header(headings.iter().map(heading))
        .add_rows(rows.into_iter().map(|row| row.iter().map(TextCell::escaped).collect::<Vec<_>>()))
        .force_no_tty()
        .enforce_styling()
        .style_text_only();
    table
}
