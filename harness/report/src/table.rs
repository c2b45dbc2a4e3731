//! Prints tables, with cells that are escaped for the terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::escape;

/// A table in which all columns but the first are right-aligned. It wraps to the width of the terminal, if there is
/// one.
pub(super) fn print(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = table(headings, rows, escape::line);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The same as wide as its cells, whose names may have several lines.
pub(super) fn print_unwrapped(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = table(headings, rows, escape::lines);
    table.set_content_arrangement(ContentArrangement::Disabled);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A table of text, in which all columns are left-aligned.
pub(super) fn print_left(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table(headings, rows, escape::line).to_string()
}

/// The same with cells that may have several lines.
#[must_use]
pub fn print_words(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table(headings, rows, escape::lines).to_string()
}

/// A table in Markdown, in which all columns but the first are right-aligned.
pub(super) fn markdown(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = table(headings, rows, escape::line);
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn table(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>, cell: fn(&str) -> String) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.iter().map(|heading| escape::line(heading)))
        .add_rows(rows.into_iter().map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>()));
    table
}
