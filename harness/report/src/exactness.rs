//! The number of distinct values among the workers of a run: the check that a case is exact.

use std::collections::BTreeSet;

use highwater_judge::{Aspect, CaseView};
use highwater_model::{CaseRecord, Metric, Record};

use super::{
    escape,
    fitted_table::{self, Column, Name},
    terminal::Emphasis,
};

/// For each case that was measured and each of `metrics`, the largest number of distinct values at any stage, of the level and of the
/// growth since the baseline stage.
#[must_use]
pub fn exactness_table(record: &Record, metrics: &[Metric], width: Option<usize>) -> String {
    let measured: Vec<&CaseRecord> = record.cases.iter().filter(|case| case.not_run.is_none()).collect();
    let cells = |cell: &dyn Fn(&CaseRecord) -> String| measured.iter().map(|case| cell(case)).collect();
    let distinct = |count: Option<usize>| count.map_or("-".to_owned(), |count| count.to_string());
    let mut columns = vec![Column::new("n", 0, cells(&|case| case.samples.to_string()))];
    for &metric in metrics {
        let levels = |case: &CaseRecord| {
            let levels = case.stages.iter().filter_map(|columns| columns.values(metric, case.samples));
            distinct(levels.map(|values| values.into_iter().collect::<BTreeSet<_>>().len()).max())
        };
        let growths = |case: &CaseRecord| {
            let view = CaseView::of(record, case);
            let growths = view.aspects().into_iter().filter(|aspect| matches!(aspect, Aspect::Growth(_)));
            let growths = growths.filter_map(|aspect| view.values(metric, &aspect));
            let count = |values: Vec<f64>| values.iter().map(|value| *value as i64).collect::<BTreeSet<_>>().len();
            distinct(growths.map(count).max())
        };
        columns.push(Column::new(metric.to_string(), 1, cells(&levels)));
        columns.push(Column::new(format!("growth of {metric}"), 1, cells(&growths)));
    }
    let name = |case: &&CaseRecord| Name { group: String::new(), rest: case.id.within_family().to_owned() };
    let names: Vec<Name> = measured.iter().map(name).collect();
    format!(
        "{} on {}: distinct values among n workers, at the stage with the most\n{}",
        Emphasis::Heading.paint(escape::line(&record.family)),
        record.fingerprint.class,
        fitted_table::print("case", &names, columns, width)
    )
}
