//! The values of a question's cases: medians over workers, with their range or their parts.

use highwater_judge::{Aspect, CaseView};
use highwater_model::{CaseId, Category, Measure, Metric, Quantity, Question, Record, Stage, Unit};
use highwater_stats::median;

use super::About;
use crate::{
    figure_tables::name,
    site::{
        chart::{self, Part},
        format::range,
    },
};

/// A case of a question with its value, in the unit of the measure.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub(super) label: &'a str,
    pub(super) case: &'a CaseId,
    pub(super) view: CaseView<'a>,
    pub(super) is_default: bool,
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// What it consists of, without what is 0.
    pub(super) parts: Vec<Part>,
}

/// A value, its range, and its parts.
struct Value {
    value: f64,
    low: f64,
    high: f64,
    parts: Vec<Part>,
}

/// The cases of a question that were measured.
pub(super) fn measured<'a>(record: &'a Record, question: &'a Question) -> Vec<Measured<'a>> {
    let found = question.cases.iter().filter_map(|compared| {
        let case = record.cases.iter().find(|case| case.id.within_family() == compared.case)?;
        let view = CaseView::of(record, case);
        let Value { value, low, high, parts } = value(view, &question.measure)?;
        let (label, is_default) = (compared.label.as_str(), compared.is_default);
        Some(Measured { label, case: &case.id, view, is_default, value, low, high, parts })
    });
    found.collect()
}

fn value(view: CaseView<'_>, measure: &Measure) -> Option<Value> {
    match measure {
        Measure::Cost { ladders } => cost(view, ladders),
        Measure::Growth { quantity, stage } => {
            let stage = stage.as_ref().or(view.fullest().map(|columns| &columns.stage))?;
            growth(view, *quantity, stage)
        }
        Measure::Sum { quantities, stage } => sum(view, quantities, stage),
        Measure::Value { quantity, stage, since: None } => {
            of_workers(&view.values(*quantity, &Aspect::Level(stage.clone()))?)
        }
        Measure::Value { quantity, stage, since: Some(since) } => {
            of_workers(&view.differences(*quantity, since, stage)?)
        }
        Measure::Time { routine } => {
            let time = view.case.time.get(routine)?;
            Some(Value { value: time.ns, low: time.low_ns, high: time.high_ns, parts: Vec::new() })
        }
        Measure::Scale { quantity, ladder } => {
            let value = view.slope(*quantity, ladder)?;
            Some(Value { value, low: value, high: value, parts: Vec::new() })
        }
    }
}

fn of_workers(values: &[f64]) -> Option<Value> {
    let (low, high) = range(values);
    Some(Value { value: median(values)?, low, high, parts: Vec::new() })
}

/// The marginal cost of a unit: anonymous memory by category, and page tables.
fn cost(view: CaseView<'_>, ladders: &[String]) -> Option<Value> {
    let climbed: Vec<&str> =
        view.ladders().into_iter().filter(|it| ladders.is_empty() || ladders.iter().any(|known| known == it)).collect();
    let slope = |quantity: Quantity| view.slope_sum(quantity, &climbed);
    let value = slope(Metric::Anon.into())? + slope(Metric::PageTables.into()).unwrap_or(0.0);
    let mut parts = by_category(|category| slope(Quantity::Within(Metric::Anon, category)));
    parts.extend(page_tables(slope(Metric::PageTables.into())));
    Some(Value { value, low: value, high: value, parts })
}

/// The growth of a metric by category; page tables are apart from anonymous memory, so that they are not in it.
fn growth(view: CaseView<'_>, quantity: Quantity, stage: &Stage) -> Option<Value> {
    let values = view.values(quantity, &Aspect::Growth(stage.clone()))?;
    let within = |category| view.growth(Quantity::Within(quantity.metric()?, category), stage.clone());
    let parts = match quantity {
        Quantity::Process(Metric::Anon | Metric::Rss | Metric::Pss) => by_category(within),
        _ => vec![Part { name: name(quantity), ink: chart::SERIES[0].name, value: median(&values)?.max(0.0) }],
    };
    Some(Value { parts, ..of_workers(&values)? })
}

fn sum(view: CaseView<'_>, quantities: &[Quantity], stage: &Stage) -> Option<Value> {
    let level = |quantity: &Quantity| view.level(*quantity, stage.clone());
    let values: Vec<f64> = quantities.iter().map(level).collect::<Option<_>>()?;
    let value = values.iter().sum();
    let inks = chart::SERIES.iter().cycle();
    let parts = quantities.iter().zip(values).zip(inks).filter(|((_, value), _)| *value > 0.0);
    let parts = parts.map(|((quantity, value), ink)| Part { name: name(*quantity), ink: ink.name, value }).collect();
    Some(Value { value, low: value, high: value, parts })
}

fn by_category(of: impl Fn(Category) -> Option<f64>) -> Vec<Part> {
    let part = |category: &Category| {
        Some(Part { name: category_name(*category), ink: chart::category(*category).name, value: of(*category)? })
    };
    Category::ALL.iter().filter_map(part).filter(|part| part.value > 0.0).collect()
}

/// A category in words that need no knowledge of the harness.
fn category_name(category: Category) -> String {
    match category {
        Category::Arenas => "malloc arenas".to_owned(),
        Category::MappedInput => "mapped files".to_owned(),
        Category::Other => "other mappings".to_owned(),
        named => named.to_string().replace('_', " "),
    }
}

fn page_tables(value: Option<f64>) -> Option<Part> {
    let value = value.filter(|value| *value > 0.0)?;
    Some(Part { name: "page tables".to_owned(), ink: chart::PAGE_TABLES, value })
}

/// What a measure shows, in words.
pub(super) fn describe(record: &Record, measure: &Measure) -> About {
    let is_stacked = matches!(measure, Measure::Cost { .. } | Measure::Growth { .. } | Measure::Sum { .. });
    let about =
        |title: String, subtitle: String, unit: Unit, per: String| About { title, subtitle, unit, per, is_stacked };
    match measure {
        Measure::Cost { ladders } => {
            let over = if ladders.is_empty() { String::new() } else { format!(", {}", ladders.join(" + ")) };
            about(
                format!("Memory per {}", record.unit),
                format!("marginal cost{over}: anonymous memory and page tables"),
                Unit::Bytes,
                format!(" per {}", record.unit),
            )
        }
        Measure::Growth { quantity, stage } => {
            let stage = stage.as_ref().map_or("the fullest stage".to_owned(), ToString::to_string);
            let title = format!("Growth of {}", in_words(*quantity));
            about(title, format!("from {} to {stage}", record.baseline_stage), quantity.unit(), String::new())
        }
        Measure::Sum { quantities, stage } => {
            let names: Vec<String> = quantities.iter().map(|quantity| name(*quantity)).collect();
            let unit = quantities.first().map_or(Unit::Count, |quantity| quantity.unit());
            about(capitalised(&names.join(" + ")), format!("at {stage}"), unit, String::new())
        }
        Measure::Value { quantity, stage, since } => {
            let title = capitalised(&in_words(*quantity));
            let from = since.as_ref().map_or(format!("at {stage}"), |since| format!("from {since} to {stage}"));
            about(title, format!("{from}, median and range over workers"), quantity.unit(), String::new())
        }
        Measure::Time { routine } => about(
            format!("Time of {routine}"),
            "criterion's estimate and interval".to_owned(),
            Unit::Nanoseconds,
            String::new(),
        ),
        Measure::Scale { quantity, ladder } => about(
            format!("{} against scale", capitalised(&in_words(*quantity))),
            ladder.clone(),
            quantity.unit(),
            " each".to_owned(),
        ),
    }
}

/// The name of a quantity for readers who do not know the metrics.
fn in_words(quantity: Quantity) -> String {
    match quantity {
        Quantity::Process(Metric::Anon) => "anonymous memory".to_owned(),
        Quantity::Process(Metric::Rss) => "resident memory".to_owned(),
        Quantity::Process(Metric::PeakAnon) => "the peak of anonymous memory".to_owned(),
        other => name(other),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}
