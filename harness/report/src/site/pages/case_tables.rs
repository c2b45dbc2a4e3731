//! The tables of a case's page: every metric at every stage, also by category of mapping, the times, and the
//! values in which workers differ. Redundant cells are merged: consecutive stages with the same values share a
//! row, and a column that is constant or repeats another one becomes a note below the table.

use highwater_judge::CaseView;
use highwater_model::{Category, Metric, Quantity, Series, StageColumns, Unit};
use highwater_stats::median;

use crate::{
    figure_tables::name,
    site::format::{amount, between, change, range, run_lengths},
    site::ladder::span,
};

/// Metrics that are read by category of mapping. Each is compared with the previous one.
const DIVIDED: [Metric; 4] = [Metric::Anon, Metric::Pss, Metric::Rss, Metric::Vmas];

/// A number of the page, as text.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) precision: String,
}

/// A table with one row per stage; consecutive stages with the same values share a row.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: &'static str,
    /// Group headings and how many columns each spans; empty if there is one kind of column.
    pub(super) groups: Vec<(String, usize)>,
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<(String, Vec<String>)>,
    /// Constant and repeated columns, as text.
    pub(super) notes: Vec<String>,
    pub(super) is_open: bool,
}

/// A table without groups has this many columns in print, which are those of the most important metrics. The style
/// sheet leaves out the others.
const MOST_IN_PRINT: usize = 12;

impl Table {
    /// Whether print leaves out columns.
    pub(super) fn is_wide(&self) -> bool {
        self.groups.is_empty() && self.headings.len() > MOST_IN_PRINT
    }
}

/// A column: its heading, and its text at each stage.
type Column = (String, Vec<String>);

pub(super) fn tables(data: &CaseView<'_>) -> Vec<Table> {
    if data.case.stages.is_empty() {
        return Vec::new();
    }
    vec![metrics(data), divided(data), times(data)]
}

fn metrics(data: &CaseView<'_>) -> Table {
    let mut notes = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    let quantities = quantities(data).into_iter().filter(|it| it.category().is_none());
    for column in quantities.map(|quantity| column(data, quantity, name(quantity))) {
        match columns.iter().find(|(_, values)| *values == column.1) {
            Some((same, _)) if !is_constant(&column) => notes.push(format!("{} is the same as {same}", column.0)),
            _ => columns.push(column),
        }
    }
    let (columns, constant) = apart(columns);
    notes.extend(constant);
    table(data, "All metrics, median over workers", vec![(String::new(), columns)], notes, true)
}

/// Values by category of mapping. Of each metric, only categories whose values differ from the previous metric.
fn divided(data: &CaseView<'_>) -> Table {
    let mut notes = Vec::new();
    let mut groups = Vec::new();
    let mut before: Vec<Column> = Vec::new();
    let mut name_before = Metric::Anon;
    for metric in DIVIDED {
        let of = |category: &Category| {
            let column = column(data, Quantity::Within(metric, *category), category.to_string().replace('_', " "));
            let is_present = column.1.iter().any(|text| text != "–" && *text != amount(metric.unit(), 0.0));
            is_present.then_some(column)
        };
        let all: Vec<Column> = Category::ALL.iter().filter_map(of).collect();
        let (known, new): (Vec<Column>, Vec<Column>) = all.iter().cloned().partition(|it| before.contains(it));
        let (columns, constant) = apart(new);
        let known: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let known = (!known.is_empty()).then(|| format!("as {name_before}: {}", known.join(", ")));
        let texts: Vec<String> = constant.into_iter().chain(known).collect();
        if !texts.is_empty() {
            notes.push(format!("{metric}: {}", texts.join("; ")));
        }
        if !columns.is_empty() {
            groups.push((metric.to_string(), columns));
        }
        (before, name_before) = (all, metric);
    }
    table(data, "By category of mapping", groups, notes, false)
}

fn times(data: &CaseView<'_>) -> Table {
    let texts = |of: fn(&StageColumns) -> &Series| -> [Vec<String>; 2] {
        let texts = data.case.stages.iter().map(|columns| {
            let values = (0..data.case.samples).filter_map(|worker| of(columns).at(worker));
            let values: Vec<f64> = values.map(|ns| ns as f64).collect();
            let median = median(&values).map_or("–".to_owned(), |ns| amount(Unit::Nanoseconds, ns));
            let (low, high) = range(&values);
            (median, if low < high { between(Unit::Nanoseconds, low, high) } else { String::new() })
        });
        let (medians, ranges) = texts.unzip();
        [medians, ranges]
    };
    let ([wall, range], [cpu, _]) = (texts(|it| &it.wall_ns), texts(|it| &it.cpu_ns));
    let columns = [("wall", wall), ("range of wall", range), ("CPU", cpu)];
    let columns: Vec<Column> = columns.into_iter().map(|(name, texts)| (name.to_owned(), texts)).collect();
    let groups = vec![(String::new(), columns)];
    table(data, "Time since the previous stage, excluding pauses", groups, Vec::new(), false)
}

/// Every quantity that was read.
fn quantities(data: &CaseView<'_>) -> Vec<Quantity> {
    let mut found: Vec<Quantity> = data.case.stages.iter().flat_map(|columns| columns.memory.keys().copied()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn column(data: &CaseView<'_>, quantity: Quantity, heading: String) -> Column {
    let text = |columns: &StageColumns| {
        data.level(quantity, columns.stage.clone()).map_or("–".to_owned(), |value| amount(quantity.unit(), value))
    };
    (heading, data.case.stages.iter().map(text).collect())
}

fn is_constant((_, texts): &Column) -> bool {
    texts.windows(2).all(|pair| pair[0] == pair[1])
}

/// Moves the unit of a column into its heading, if all values have the same unit.
fn with_one_unit((name, texts): &Column) -> Column {
    let unit = |text: &String| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    let has_value = |text: &&String| !["–", ""].contains(&text.as_str());
    let units: Vec<Option<String>> = texts.iter().filter(has_value).map(unit).collect();
    match units.first() {
        Some(Some(first)) if units.iter().all(|it| it.as_ref() == Some(first)) => {
            let bare = |text: &String| text.strip_suffix(first).map_or(text.clone(), |text| text.trim_end().to_owned());
            (format!("{name}, {first}"), texts.iter().map(bare).collect())
        }
        _ => (name.clone(), texts.clone()),
    }
}

/// The columns that vary between stages, and those that do not as text.
fn apart(columns: Vec<Column>) -> (Vec<Column>, Option<String>) {
    let (constant, columns): (Vec<Column>, Vec<Column>) = columns.into_iter().partition(is_constant);
    let described = |(name, texts): &Column| format!("{name} {}", texts.first().map_or("–", String::as_str));
    let constant: Vec<String> = constant.iter().map(described).collect();
    (columns, (!constant.is_empty()).then(|| format!("at every stage: {}", constant.join(", "))))
}

fn table(
    data: &CaseView<'_>,
    title: &'static str,
    groups: Vec<(String, Vec<Column>)>,
    notes: Vec<String>,
    is_open: bool,
) -> Table {
    let columns: Vec<Column> = groups.iter().flat_map(|(_, columns)| columns).map(with_one_unit).collect();
    let stages = &data.case.stages;
    let row = |index: usize| columns.iter().map(|(_, texts)| texts[index].clone()).collect::<Vec<String>>();
    let mut rows: Vec<(usize, usize, Vec<String>)> = Vec::new();
    for index in 0..stages.len() {
        let cells = row(index);
        match rows.last_mut() {
            Some((_, last, known)) if *known == cells => *last = index,
            _ => rows.push((index, index, cells)),
        }
    }
    let rows = if columns.is_empty() { Vec::new() } else { rows };
    Table {
        title,
        headings: columns.iter().map(|(name, _)| name.clone()).collect(),
        rows: rows.into_iter().map(|(from, to, cells)| (span(&stages[from].stage, &stages[to].stage), cells)).collect(),
        groups: match groups.iter().any(|(name, _)| !name.is_empty()) {
            true => groups.iter().map(|(name, columns)| (name.clone(), columns.len())).collect(),
            false => Vec::new(),
        },
        notes,
        is_open,
    }
}

/// Every quantity in which workers differ, at the stage where they differ most. Quantities that differ by the same
/// amounts are merged.
pub(super) fn samples(data: &CaseView<'_>) -> Vec<Figure> {
    let mut found: Vec<Differing> = Vec::new();
    for quantity in quantities(data) {
        let values =
            data.case.stages.iter().filter_map(|columns| Some((data.column(quantity, columns)?, &columns.stage)));
        let width = |values: &[f64]| {
            let (low, high) = range(values);
            high - low
        };
        let widest = values.max_by(|(a, _), (b, _)| width(a).total_cmp(&width(b)));
        let Some((values, stage)) = widest.filter(|(values, _)| width(values) > 0.0) else { continue };
        let (unit, (low, high)) = (quantity.unit(), range(&values));
        let texts: Vec<String> = values.iter().map(|value| change(unit, value - low)).collect();
        let (stage, above, width) = (stage.to_string(), run_lengths(&texts), change(unit, high - low));
        let name = format!("{quantity} {}", amount(unit, low));
        match found.iter_mut().find(|it| it.stage == stage && it.above == above) {
            Some(it) => it.names.push(name),
            None => found.push(Differing { names: vec![name], stage, width, above }),
        }
    }
    let figure = |it: Differing| Figure {
        name: format!("{}: {}", it.stage, it.names.join(", ")),
        value: it.above,
        precision: format!("up to {}", it.width),
    };
    found.into_iter().map(figure).collect()
}

/// Quantities in which workers differ by the same amounts at a stage.
struct Differing {
    /// Each with its lowest value.
    names: Vec<String>,
    stage: String,
    width: String,
    above: String,
}
