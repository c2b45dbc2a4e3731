//! What the workers of a run told about themselves, as tables: one for all cases that tell alike.

use super::table;
use crate::{
    judge::{Aspect, View, amount},
    model::{CaseRecord, Quantity, Record},
    stats::median,
};

/// The column of a figure: its quantity, and its stage where a case tells it at several.
type Column = (Quantity, Option<String>);

/// Tables of the middle figures of all cases that have any, in the order in which they first appear.
pub(super) fn figure_tables(record: &Record) -> Vec<String> {
    let mut groups: Vec<(Vec<Column>, Vec<Vec<String>>)> = Vec::new();
    for case in &record.cases {
        let (columns, row) = told(record, case);
        if columns.is_empty() {
            continue;
        }
        match groups.iter_mut().find(|(others, _)| *others == columns) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((columns, vec![row])),
        }
    }
    let print = |(columns, rows): (Vec<Column>, Vec<Vec<String>>)| {
        let names = columns.iter().map(|(quantity, stage)| {
            let name = name(*quantity);
            stage.as_ref().map_or(name.clone(), |stage| format!("{name} at {stage}"))
        });
        let headings: Vec<String> = std::iter::once("case".to_owned()).chain(names).collect();
        table::print(&headings, rows)
    };
    groups.into_iter().map(print).collect()
}

/// What a quantity is called for people: a figure's name without its unit, which its values have.
pub(super) fn name(quantity: Quantity) -> String {
    let name = quantity.to_string().replace('_', " ");
    let name = name.strip_prefix("figure.").map(|name| name.trim_end_matches(" bytes").trim_end_matches(" ns"));
    name.map_or_else(|| quantity.to_string().replace('_', " "), str::to_owned)
}

/// The columns of a case, and its row.
fn told(record: &Record, case: &CaseRecord) -> (Vec<Column>, Vec<String>) {
    let view = View::new(case, &record.reference);
    let figures = view.figures();
    let mut columns = Vec::new();
    let mut row = vec![table::short_id(&case.id)];
    for (quantity, aspect) in &figures {
        let times = figures.iter().filter(|(other, _)| other == quantity).count();
        let stage = match aspect {
            Aspect::Level(stage) if times > 1 => Some(stage.to_string()),
            _ => None,
        };
        columns.push((*quantity, stage));
        let middle = view.values(*quantity, aspect).and_then(|values| median(&values));
        row.push(middle.map_or("-".to_owned(), |middle| amount(*quantity, middle)));
    }
    (columns, row)
}
