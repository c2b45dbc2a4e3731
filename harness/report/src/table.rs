//! The one table printer.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Prints rows below headings; all columns but the first are right-aligned. Wraps to the terminal,
/// and not at all where there is none.
pub(super) fn print(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = table(headings, rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The same for words: all columns are left-aligned.
#[must_use]
pub fn print_words(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table(headings, rows).to_string()
}

/// The same as a table of Markdown.
pub(super) fn markdown(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = table(headings, rows);
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn table(headings: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings)
        .add_rows(rows);
    table
}

/// A case's id without its family, which the table's title has.
pub(super) fn short_id(id: &highwater_model::CaseId) -> String {
    let family = id.family().len();
    id.as_str()[family + 1..].to_owned()
}
