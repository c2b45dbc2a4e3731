//! Tables of the figures that the workers of a run reported, one for all cases with the same figures. A case that
//! reports a figure at several stages has a row for each.

use highwater_judge::{Aspect, CaseView, amount};
use highwater_model::{CaseRecord, Quantity, Record, Stage};

use super::fitted_table::{self, Column, Name};

/// The figures of one case, or of several with the same quantities.
struct FigureGroup {
    quantities: Vec<Quantity>,
    /// Whether a figure is reported at several stages. If so, the stage is a column.
    has_stages: bool,
    rows: Vec<Vec<String>>,
}

/// The tables of median figures, in order of first appearance. Figures for which `width` has no room are named.
pub(super) fn figure_tables(record: &Record, width: Option<usize>) -> Vec<String> {
    let mut groups: Vec<FigureGroup> = Vec::new();
    let figures = record.cases.iter().map(|case| case_figures(record, case));
    for figures in figures.filter(|figures| !figures.quantities.is_empty()) {
        let is_same =
            |group: &&mut FigureGroup| group.quantities == figures.quantities && group.has_stages == figures.has_stages;
        match groups.iter_mut().find(is_same) {
            Some(known) => known.rows.extend(figures.rows),
            None => groups.push(figures),
        }
    }
    let print = |FigureGroup { quantities, has_stages, rows }: FigureGroup| {
        let at = has_stages.then(|| ("at".to_owned(), 0));
        let figures = quantities.into_iter().map(|quantity| (name(quantity), 1));
        let column = |(index, (heading, rank)): (usize, (String, u8))| {
            Column::new(heading, rank, rows.iter().map(|row| row[index + 1].clone()).collect())
        };
        let columns = at.into_iter().chain(figures).enumerate().map(column).collect();
        let names: Vec<Name> = rows.iter().map(|row| Name { group: String::new(), rest: row[0].clone() }).collect();
        fitted_table::print("case", &names, columns, width)
    };
    groups.into_iter().map(print).collect()
}

/// The name of a quantity for people: for a figure without its unit, which its values show.
pub(super) fn name(quantity: Quantity) -> String {
    let name = quantity.to_string().replace('_', " ");
    match name.strip_prefix("figure.") {
        Some(figure) => figure.trim_end_matches(" bytes").trim_end_matches(" ns").to_owned(),
        None => name,
    }
}

fn case_figures(record: &Record, case: &CaseRecord) -> FigureGroup {
    let view = CaseView::of(record, case);
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
        let median = figures.iter().find(is_it).and_then(|(_, aspect)| view.median(*quantity, aspect));
        median.map_or("-".to_owned(), |median| amount(*quantity, median))
    };
    let id = case.id.within_family().to_owned();
    let rows = if has_stages {
        let row = |(index, at): (usize, &Option<Stage>)| {
            // The id is shown in the first row only.
            let id = if index == 0 { id.clone() } else { String::new() };
            let at_text = at.as_ref().map_or(String::new(), ToString::to_string);
            [id, at_text].into_iter().chain(quantities.iter().map(|it| cell(it, Some(at)))).collect()
        };
        stages.iter().enumerate().map(row).collect()
    } else {
        vec![std::iter::once(id).chain(quantities.iter().map(|it| cell(it, None))).collect()]
    };
    FigureGroup { quantities, has_stages, rows }
}
