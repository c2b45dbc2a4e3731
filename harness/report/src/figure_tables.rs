//! What the workers of a run told about themselves, as tables: one for all cases that tell alike. A case
//! that tells the same at several stages, rung by rung of a ladder, has a row for each.

use highwater_judge::{Aspect, View, amount};
use highwater_model::{CaseRecord, Quantity, Record, Stage};
use highwater_stats::median;

use super::table;

/// What one case told.
struct Told {
    quantities: Vec<Quantity>,
    /// Where it told anything more than once: the first column after the case.
    has_stages: bool,
    rows: Vec<Vec<String>>,
}

/// Tables of the middle figures of all cases that have any, in the order in which they first appear.
pub(super) fn figure_tables(record: &Record) -> Vec<String> {
    let mut groups: Vec<Told> = Vec::new();
    for told in record.cases.iter().map(|case| told(record, case)).filter(|told| !told.quantities.is_empty()) {
        let alike = |it: &&mut Told| it.quantities == told.quantities && it.has_stages == told.has_stages;
        match groups.iter_mut().find(alike) {
            Some(known) => known.rows.extend(told.rows),
            None => groups.push(told),
        }
    }
    let print = |Told { quantities, has_stages, rows }: Told| {
        let at = has_stages.then(|| "at".to_owned());
        let names = quantities.into_iter().map(name);
        let headings: Vec<String> = std::iter::once("case".to_owned()).chain(at).chain(names).collect();
        table::print(&headings, rows)
    };
    groups.into_iter().map(print).collect()
}

/// What a quantity is called for people: a figure's name without its unit, which its values have.
pub(super) fn name(quantity: Quantity) -> String {
    let name = quantity.to_string().replace('_', " ");
    match name.strip_prefix("figure.") {
        Some(figure) => figure.trim_end_matches(" bytes").trim_end_matches(" ns").to_owned(),
        None => name,
    }
}

fn told(record: &Record, case: &CaseRecord) -> Told {
    let view = View::new(case, &record.reference);
    let figures = view.figures();
    let stage = |aspect: &Aspect| match aspect {
        Aspect::Level(stage) => Some(stage.clone()),
        _ => None,
    };
    let mut quantities: Vec<Quantity> = Vec::new();
    let mut stages: Vec<Option<Stage>> = Vec::new();
    for (quantity, aspect) in &figures {
        if !quantities.contains(quantity) {
            quantities.push(*quantity);
        }
        if !stages.contains(&stage(aspect)) {
            stages.push(stage(aspect));
        }
    }
    let has_stages = quantities.len() < figures.len();
    let cell = |quantity: &Quantity, at: Option<&Option<Stage>>| {
        let is_it = |(it, aspect): &&(Quantity, Aspect)| it == quantity && at.is_none_or(|at| stage(aspect) == *at);
        let values = figures.iter().find(is_it).and_then(|(_, aspect)| view.values(*quantity, aspect));
        values.and_then(|values| median(&values)).map_or("-".to_owned(), |middle| amount(*quantity, middle))
    };
    let id = table::short_id(&case.id);
    let rows = if has_stages {
        let row = |(index, at): (usize, &Option<Stage>)| {
            // The id stands once, above its rungs.
            let id = if index == 0 { id.clone() } else { String::new() };
            let at_text = at.as_ref().map_or(String::new(), ToString::to_string);
            [id, at_text].into_iter().chain(quantities.iter().map(|it| cell(it, Some(at)))).collect()
        };
        stages.iter().enumerate().map(row).collect()
    } else {
        vec![std::iter::once(id).chain(quantities.iter().map(|it| cell(it, None))).collect()]
    };
    Told { quantities, has_stages, rows }
}
