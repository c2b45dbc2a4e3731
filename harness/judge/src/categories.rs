//! The parts of a quantity by category of mapping, and which of them explains a change.

use std::collections::BTreeMap;

use highwater_model::{Aspect, Category, Metric, Quantity, Summary};

use super::CaseView;

/// The quantities within a category, for policies that gate one of them.
pub(super) fn quantities() -> impl Iterator<Item = Quantity> {
    let with_categories = [Metric::Anon, Metric::Rss, Metric::Pss, Metric::Vmas];
    with_categories
        .into_iter()
        .flat_map(|metric| Category::ALL.iter().map(move |category| Quantity::Within(metric, *category)))
}

/// The metric that is read for each category of mapping, for a quantity of the whole process.
fn metric_by_category(quantity: Quantity) -> Option<Metric> {
    let Quantity::Process(metric) = quantity else { return None };
    match metric {
        Metric::AnonMapped | Metric::AnonHeap => Some(Metric::Anon),
        Metric::Anon | Metric::Rss | Metric::Pss | Metric::Vmas => Some(metric),
        _ => None,
    }
}

/// The nonzero medians of a quantity by category of mapping.
pub(super) fn breakdown(quantity: Quantity, aspect: &Aspect, view: CaseView<'_>) -> Vec<(Category, f64)> {
    let Some(metric) = metric_by_category(quantity) else { return Vec::new() };
    let counts = |category: &Category| match quantity {
        Quantity::Process(Metric::AnonMapped) => !category.is_heap(),
        Quantity::Process(Metric::AnonHeap) => category.is_heap(),
        _ => true,
    };
    let part = |category: Category| {
        let median = view.median(Quantity::Within(metric, category), aspect)?;
        (median != 0.0).then_some((category, median))
    };
    Category::ALL.iter().copied().filter(counts).filter_map(part).collect()
}

/// The category with the largest change in the direction of the total `change`.
pub(super) fn largest_change(
    quantity: Quantity,
    aspect: &Aspect,
    run: CaseView<'_>,
    baseline: &Summary,
    change: f64,
) -> Option<(Category, f64)> {
    let run: BTreeMap<Category, f64> = breakdown(quantity, aspect, run).into_iter().collect();
    let part = |category: &Category| run.get(category).unwrap_or(&0.0) - baseline.parts.get(category).unwrap_or(&0.0);
    Category::ALL
        .iter()
        .map(|category| (*category, part(category)))
        .filter(|(_, part)| part * change > 0.0)
        .max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
}
