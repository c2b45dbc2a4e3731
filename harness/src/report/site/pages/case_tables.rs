//! The tables of a case's page: every metric at every stage, also by category of mapping, the times,
//! and what workers do not agree on.

use super::case::Figure;
use crate::{
    model::{Category, Metric, Quantity, Series, StageColumns, Unit},
    report::site::{
        look::Look,
        words::{amount, change, limit, range},
    },
    stats::median,
};

/// Metrics that are also known by category of mapping.
const DIVIDED: [Metric; 4] = [Metric::Anon, Metric::Pss, Metric::Rss, Metric::Vmas];

/// A table with a row for each stage.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<(String, Vec<String>)>,
    pub(super) is_open: bool,
}

pub(super) fn tables(look: &Look<'_>) -> Vec<Table> {
    if look.case.stages.is_empty() {
        return Vec::new();
    }
    let mut tables = vec![metrics(look)];
    tables.extend(DIVIDED.iter().filter_map(|metric| divided(look, *metric)));
    tables.push(times(look));
    tables
}

fn metrics(look: &Look<'_>) -> Table {
    let mut quantities: Vec<Quantity> = look
        .case
        .stages
        .iter()
        .flat_map(|columns| columns.memory.keys().copied())
        .filter(|it| it.category().is_none())
        .collect();
    quantities.sort_unstable();
    quantities.dedup();
    // What is 0 throughout is named once and takes no column.
    let is_zero = |it: &Quantity| look.case.stages.iter().all(|columns| look.middle(*it, columns) == Some(0.0));
    let (zero, quantities): (Vec<Quantity>, Vec<Quantity>) = quantities.into_iter().partition(is_zero);
    let zero: Vec<String> = zero.iter().map(ToString::to_string).collect();
    let zero = if zero.is_empty() { String::new() } else { format!("; 0 throughout: {}", zero.join(", ")) };
    let title = format!("All metrics, median over workers{zero}");
    let cell = |columns: &StageColumns, quantity: Quantity| {
        look.middle(quantity, columns).map_or("–".to_owned(), |value| amount(quantity.unit(), value))
    };
    table(look, &title, quantities.iter().map(ToString::to_string).collect(), true, |columns| {
        quantities.iter().map(|quantity| cell(columns, *quantity)).collect()
    })
}

fn divided(look: &Look<'_>, metric: Metric) -> Option<Table> {
    let value = |columns: &StageColumns, category: Category| {
        look.middle(Quantity::Within(metric, category), columns).unwrap_or(0.0)
    };
    let occurs = |category: &&Category| look.case.stages.iter().any(|columns| value(columns, **category) > 0.0);
    let categories: Vec<Category> = Category::ALL.iter().filter(occurs).copied().collect();
    let headings = categories.iter().map(|category| category.to_string().replace('_', " ")).collect();
    (!categories.is_empty()).then(|| {
        table(look, &format!("{metric} by category of mapping"), headings, false, |columns| {
            categories.iter().map(|category| amount(metric.unit(), value(columns, *category))).collect()
        })
    })
}

fn times(look: &Look<'_>) -> Table {
    let headings = ["wall", "range", "CPU", "range"].map(str::to_owned).to_vec();
    table(look, "Time since the stage before, pauses excluded", headings, false, |columns| {
        let of = |series: &Series| {
            let values: Vec<f64> =
                (0..look.case.samples).filter_map(|worker| series.at(worker)).map(|ns| ns as f64).collect();
            let (low, high) = range(&values);
            let middle = median(&values).map_or("–".to_owned(), |ns| amount(Unit::Nanoseconds, ns));
            [middle, format!("{} to {}", amount(Unit::Nanoseconds, low), amount(Unit::Nanoseconds, high))]
        };
        [of(&columns.wall_ns), of(&columns.cpu_ns)].concat()
    })
}

fn table(
    look: &Look<'_>,
    title: &str,
    headings: Vec<String>,
    is_open: bool,
    row: impl Fn(&StageColumns) -> Vec<String>,
) -> Table {
    let rows = look.case.stages.iter().map(|columns| (columns.stage.to_string(), row(columns))).collect();
    Table { title: title.to_owned(), headings, rows, is_open }
}

/// Every quantity that workers do not agree on, at the stage where they differ most.
pub(super) fn samples(look: &Look<'_>) -> Vec<Figure> {
    let mut quantities: Vec<Quantity> =
        look.case.stages.iter().flat_map(|columns| columns.memory.keys().copied()).collect();
    quantities.sort_unstable();
    quantities.dedup();
    let mut found = Vec::new();
    for quantity in quantities {
        let values =
            look.case.stages.iter().filter_map(|columns| Some((look.values(quantity, columns)?, &columns.stage)));
        let width = |values: &[f64]| {
            let (low, high) = range(values);
            high - low
        };
        let widest = values.max_by(|(a, _), (b, _)| width(a).total_cmp(&width(b)));
        if let Some((values, stage)) = widest.filter(|(values, _)| width(values) > 0.0) {
            let (low, _) = range(&values);
            let listed: Vec<String> = values.iter().map(|value| change(quantity.unit(), value - low)).collect();
            found.push(Figure {
                name: format!("{quantity} at {stage}"),
                value: format!("{} and {}", amount(quantity.unit(), low), listed.join(" · ")),
                limit: limit(quantity.unit(), &values),
            });
        }
    }
    found
}
