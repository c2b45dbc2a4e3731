//! The tables of unmodified programs for the terminal: the memory of all processes at each stage, and below it which
//! processes and which kinds of mappings hold it, and when it was highest.

use highwater_judge::CaseView;
use highwater_model::{Aspect, Bytes, Category, Metric, Quantity, Record, Stage, StageColumns, Unit};

use super::{
    fitted_table::{self, Column, Name},
    over_time_text::over_time,
    run_text::RunView,
    terminal::wrapped,
};

/// At most this many cases have lines on their processes and mappings, unless everything is printed.
const MOST_CASES: usize = 3;
/// The most processes and categories of a case in a line, unless everything is printed.
const MOST_PARTS: usize = 6;

/// The columns: a heading, a rank (columns with a higher one are left out first), and a quantity.
const COLUMNS: [(&str, u8, &str); 13] = [
    ("total", 0, "total"),
    ("anon", 1, "figure.tree_anon_bytes"),
    ("shared", 2, "shmem_total"),
    ("cgroup peak", 2, "cgroup_peak"),
    ("rss", 3, "figure.tree_rss_bytes"),
    ("pss", 4, "figure.tree_pss_bytes"),
    ("high water", 5, "figure.tree_high_water_bytes"),
    ("processes", 5, "processes"),
    ("page tables", 6, "figure.tree_page_tables_bytes"),
    ("mappings", 7, "figure.tree_mappings"),
    ("swap", 8, "figure.tree_swap_bytes"),
    ("hugetlb", 8, "hugetlb"),
    ("deleted files", 8, "deleted_files"),
];

/// A table with a row for each stage of each case that completed, and the parts of its fullest stage.
pub(super) fn tree_tables(record: &Record, view: RunView) -> Vec<String> {
    let cases: Vec<CaseView<'_>> =
        record.cases.iter().filter(|case| case.samples > 0).map(|case| CaseView::of(record, case)).collect();
    if cases.is_empty() {
        return Vec::new();
    }
    let rows: Vec<(CaseView<'_>, &Stage)> =
        cases.iter().flat_map(|view| view.case.stages.iter().map(move |columns| (*view, &columns.stage))).collect();
    let name = |(view, stage): &(CaseView<'_>, &Stage)| Name {
        group: format!("{} (n = {})", view.case.id.within_family(), view.case.samples),
        rest: stage.to_string(),
    };
    let column = |(heading, rank, quantity): (&str, u8, &str)| {
        let cells = rows.iter().map(|(view, stage)| level(*view, quantity.parse().ok(), stage).unwrap_or("-".into()));
        Column::new(heading, rank, cells.collect())
    };
    let names: Vec<Name> = rows.iter().map(name).collect();
    let width = view.width.filter(|_| !view.is_verbose);
    let mut parts = vec![fitted_table::print("stage", &names, COLUMNS.map(column).into(), width)];
    if view.is_verbose || cases.len() <= MOST_CASES {
        let lines = cases.iter().flat_map(|case| parts_of(*case, view.is_verbose));
        parts.extend(lines.map(|line| wrapped(&line, view.width)));
    }
    parts.extend(cases.iter().filter_map(|case| over_time(*case)).map(|line| wrapped(&line, view.width)));
    parts
}

/// The median at a stage, in its unit.
fn level(view: CaseView<'_>, quantity: Option<Quantity>, stage: &Stage) -> Option<String> {
    let quantity = quantity?;
    let median = view.median(quantity, &Aspect::Level(stage.clone()))?;
    Some(match quantity.unit() {
        Unit::Bytes => Bytes(median as u64).to_string(),
        Unit::Count | Unit::Nanoseconds => format!("{}", median as u64),
    })
}

/// Which processes and which categories of mappings hold the memory of a case at its fullest stage.
fn parts_of(view: CaseView<'_>, is_verbose: bool) -> Vec<String> {
    let total = |stage: &&StageColumns| view.level(Metric::Total, stage.stage.clone()).map_or(0, |total| total as u64);
    // The first of several, as `max_by_key` returns the last.
    let Some(fullest) = view.case.stages.iter().rev().max_by_key(total) else { return Vec::new() };
    let median = |quantity: Quantity| view.median(quantity, &Aspect::Level(fullest.stage.clone()));
    let own = [Metric::Anon, Metric::Swap].into_iter().filter_map(|metric| median(metric.into())).sum();
    let processes = std::iter::once(("first process".to_owned(), own)).chain(of_processes(fullest, median));
    let category = |category: &Category| {
        Some((category.to_string().replace('_', " "), median(Quantity::Within(Metric::Anon, *category))?))
    };
    let categories = Category::ALL.iter().filter_map(category);
    let (id, stage) = (view.case.id.within_family(), &fullest.stage);
    let line = |what: &str, parts: Vec<(String, f64)>| {
        list(parts, is_verbose).map(|list| format!("{id} at {stage}, {what}: {list}"))
    };
    [
        line("private memory by process", processes.collect()),
        line("anonymous memory of the first process by mapping", categories.collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The memory of the descendants by their names: the figures `process_NAME_bytes`.
fn of_processes(stage: &StageColumns, median: impl Fn(Quantity) -> Option<f64>) -> Vec<(String, f64)> {
    let of = |quantity: &Quantity| {
        let name = quantity.to_string().strip_prefix("figure.process_")?.strip_suffix("_bytes")?.to_owned();
        Some((name, median(*quantity)?))
    };
    stage.memory.keys().filter_map(of).collect()
}

/// The parts in descending order. `None` without any.
fn list(mut parts: Vec<(String, f64)>, is_verbose: bool) -> Option<String> {
    parts.retain(|(_, value)| *value > 0.0);
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = if is_verbose { parts.len() } else { parts.len().min(MOST_PARTS) };
    let rest: f64 = parts[shown..].iter().map(|(_, value)| value).sum();
    let mut texts: Vec<String> =
        parts[..shown].iter().map(|(name, value)| format!("{name} {}", Bytes(*value as u64))).collect();
    if rest > 0.0 {
        texts.push(format!("others {}", Bytes(rest as u64)));
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_quantity() {
        for (heading, _, quantity) in COLUMNS {
            assert!(quantity.parse::<Quantity>().is_ok(), "{heading}");
        }
    }

    #[test]
    fn the_smallest_parts_are_summed() {
        let parts: Vec<(String, f64)> = (0..8).map(|n| (format!("p{n}"), f64::from(n) * 1024.0)).collect();
        assert_eq!(
            list(parts.clone(), false).as_deref(),
            Some("p7 7 KiB, p6 6 KiB, p5 5 KiB, p4 4 KiB, p3 3 KiB, p2 2 KiB, others 1 KiB")
        );
        assert!(list(parts, true).is_some_and(|text| text.ends_with("p1 1 KiB")));
        assert_eq!(list(Vec::new(), false), None);
    }
}
