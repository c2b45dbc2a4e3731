//! The number of distinct values among the workers of a run: the check that a case is exact.

use std::collections::BTreeSet;

use highwater_judge::{Aspect, CaseView};
use highwater_model::{Metric, Record};

use super::{escape, table};

/// For each case and each of `metrics`, the largest number of distinct values at any stage, of the level and of the
/// growth since the baseline stage.
#[must_use]
pub fn exactness_table(record: &Record, metrics: &[Metric]) -> String {
    let headings = ["case", "n"].into_iter().map(str::to_owned);
    let headings =
        headings.chain(metrics.iter().flat_map(|metric| [metric.to_string(), format!("growth of {metric}")]));
    let rows = record.cases.iter().map(|case| {
        let view = CaseView::of(record, case);
        let mut cells = vec![case.id.within_family().to_owned(), case.samples.to_string()];
        for &metric in metrics {
            let levels = case.stages.iter().filter_map(|columns| columns.values(metric, case.samples));
            let levels = levels.map(|values| values.into_iter().collect::<BTreeSet<_>>().len()).max();
            let growths = view.aspects().into_iter().filter(|aspect| matches!(aspect, Aspect::Growth(_)));
            let growths = growths.filter_map(|aspect| view.values(metric, &aspect));
            let growths =
                growths.map(|values| values.iter().map(|value| *value as i64).collect::<BTreeSet<_>>().len()).max();
            cells.extend(
                [levels, growths].map(|distinct| distinct.map_or("-".to_owned(), |distinct| distinct.to_string())),
            );
        }
        cells
    });
    format!(
        "{} on {}: distinct values among n workers, at the stage with the most\n{}",
        escape::line(&record.family),
        record.fingerprint.class,
        table::print(&headings.collect::<Vec<_>>(), rows)
    )
}
