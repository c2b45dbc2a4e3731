//! The page of a case: verdicts, figures, all metrics at all stages, changes since the baseline, and notes of
//! the workers.

use std::path::Path;

use askama::Template;
use highwater_judge::{CaseView, Kind, Verdict, expected};
use highwater_model::{Aspect, BaselineCase, CaseRecord, Category, Metric, Quantity, Record, Stage, Unit};
use highwater_stats::median;

use super::{
    CaseLink, Frame,
    case_over_time::OverTimeSection,
    case_stacks::{Explained, explained},
    case_tables::{Figure, Table, samples, tables},
    family_charts,
    verdict_row::VerdictRow,
};
use crate::{
    counted::counted,
    figure_tables::name as named,
    site::chart::{self, Bar, Chart, Key},
    site::format::{amount, between, both, change, failure, nonlinearity},
    site::ladder::span,
    site::{Material, SiteError, names},
    verdict_groups::worst_first,
};

#[derive(Debug, Template)]
#[template(path = "site/case.html")]
pub(super) struct Case {
    frame: Frame,
    family: CaseLink,
    id: String,
    lede: String,
    not_run: Option<String>,
    failures: Vec<Failure>,
    changed: Vec<VerdictRow>,
    unchanged: Option<String>,
    figures: Vec<Figure>,
    /// Figures that are exactly 0.
    zeros: String,
    legend: Vec<Key>,
    charts: Vec<Chart>,
    /// The memory over time, if it was read.
    over_time: Option<OverTimeSection>,
    changes: Option<Changes>,
    /// The call stacks of what was explained.
    explained: Vec<Explained>,
    tables: Vec<Table>,
    samples: Vec<Figure>,
    notes: Vec<(String, Vec<String>)>,
    criterion: Option<String>,
}

#[derive(Debug)]
struct Failure {
    how: String,
    output: String,
}

/// Changes since the baseline by category of mapping.
#[derive(Debug)]
struct Changes {
    text: String,
    rows: Vec<ChangeRow>,
}

/// A change that is the same at one or more stages.
#[derive(Debug)]
struct ChangeRow {
    quantity: String,
    change: String,
    /// Value at the first of the stages.
    before: String,
    now: String,
    stages: String,
}

impl Case {
    pub(super) fn new(
        material: &Material,
        record: &Record,
        case: &CaseRecord,
        out: Option<&Path>,
    ) -> Result<Self, SiteError> {
        let data = CaseView::of(record, case);
        let before = material.baselines.get(&record.family).and_then(|baseline| baseline.cases.get(&case.id));
        let (charts, legend) = charts(&data, before)?;
        let (zeros, figures): (Vec<Figure>, Vec<Figure>) = figures(&data, &record.unit)
            .into_iter()
            .partition(|it| it.precision.starts_with("exact") && ["0", "0 B"].contains(&it.value.as_str()));
        let zeros: Vec<String> = zeros.into_iter().map(|it| it.name).collect();
        let verdicts: Vec<&Verdict> = material.verdicts(&record.family, &case.id).collect();
        Ok(Self {
            frame: Frame::new(material, case.id.as_str(), &names::case_page(&case.id)),
            family: CaseLink {
                label: record.family.clone(),
                href: Some(format!("../{}", names::address(&names::family_page(&record.family)))),
            },
            id: case.id.within_family().to_owned(),
            lede: lede(&data),
            not_run: case.not_run.clone(),
            failures: case
                .failures
                .iter()
                .map(|it| Failure { how: failure(it), output: it.output_tail.clone() })
                .collect(),
            changed: changed(&verdicts),
            unchanged: unchanged(&verdicts),
            figures,
            zeros: zeros.join("; "),
            legend,
            charts,
            over_time: OverTimeSection::of(data)?,
            // A case that was not run has no values to compare.
            changes: before.filter(|_| case.not_run.is_none()).map(|before| changes(&data, before)),
            explained: material
                .stacks
                .get(&case.id)
                .map_or_else(Vec::new, |stacks| explained(stacks, &record.baseline_stage.to_string())),
            tables: tables(&data),
            samples: samples(&data),
            notes: case.notes.iter().map(|(name, texts)| (name.clone(), texts.clone())).collect(),
            criterion: criterion(material, case, out),
        })
    }
}

fn lede(data: &CaseView<'_>) -> String {
    let case = data.case;
    if case.not_run.is_some() {
        return "Not run.".to_owned();
    }
    let failed = if case.failures.is_empty() { String::new() } else { format!(", {} failed", case.failures.len()) };
    let lifetimes: Vec<f64> =
        (0..case.samples).filter_map(|worker| case.lifetime_ns.at(worker)).map(|ns| ns as f64).collect();
    let lifetime = median(&lifetimes)
        .map_or(String::new(), |ns| format!("; median lifetime {}, including pauses", amount(Unit::Nanoseconds, ns)));
    format!("{} completed{failed}{lifetime}.", counted(case.samples, "worker"))
}

/// The changes, one row per quantity.
fn changed(verdicts: &[&Verdict]) -> Vec<VerdictRow> {
    let is_changed = |it: &&Verdict| it.kind != Kind::Same && (it.gated || it.subject.is_none());
    worst_first(verdicts.iter().copied().filter(is_changed))
        .into_iter()
        .map(|group| VerdictRow::of(group, None))
        .collect()
}

/// The number of gated verdicts without a change, if any.
fn unchanged(verdicts: &[&Verdict]) -> Option<String> {
    let unchanged = verdicts.iter().filter(|verdict| verdict.gated && verdict.kind == Kind::Same).count();
    (unchanged > 0).then(|| format!("{} unchanged from the baseline.", counted(unchanged, "gated verdict")))
}

/// The marginal costs per unit, and criterion's times.
fn figures(data: &CaseView<'_>, unit_name: &str) -> Vec<Figure> {
    let mut figures = Vec::new();
    for ladder in data.ladders() {
        for metric in [Metric::Anon, Metric::PageTables, Metric::Vmas] {
            let Some(line) = data.line(metric, ladder) else { continue };
            let unit = metric.unit();
            let precision = match line.low < line.high {
                true => format!("{}, 95 %, n = {}", between(unit, line.low, line.high), data.case.samples),
                false => format!("exact, n = {}", data.case.samples),
            };
            let bend = nonlinearity("; ", line.linearity);
            figures.push(Figure {
                name: format!("{} per {unit_name}, {ladder}", named(metric.into())),
                value: amount(unit, line.slope),
                precision: format!("{precision}{bend}"),
            });
        }
    }
    for (routine, time) in &data.case.time {
        let range = between(Unit::Nanoseconds, time.low_ns, time.high_ns);
        figures.push(Figure {
            name: routine.clone(),
            value: amount(Unit::Nanoseconds, time.ns),
            precision: format!("{range}, {} %, criterion's {}", time.confidence * 100.0, time.estimator),
        });
    }
    figures
}

/// Charts of all stages by category, and of the fullest stage before and after if it changed.
fn charts(data: &CaseView<'_>, before: Option<&BaselineCase>) -> Result<(Vec<Chart>, Vec<Key>), SiteError> {
    let mut charts = Vec::new();
    let mut occurring = Vec::new();
    if data.case.samples == 0 {
        return Ok((charts, Vec::new()));
    }
    // Consecutive stages with the same parts share a bar.
    let stages: Vec<(&Stage, Vec<(Category, f64)>)> = data
        .case
        .stages
        .iter()
        .map(|columns| (&columns.stage, family_charts::parts(data, Metric::Pss, columns)))
        .collect();
    let bar = |same: &[(&Stage, Vec<(Category, f64)>)]| Bar::Stack {
        label: span(same[0].0, same[same.len() - 1].0),
        parts: same[0].1.clone(),
    };
    let bars: Vec<Bar> = stages.chunk_by(|a, b| chart::same_parts(&a.1, &b.1)).map(bar).collect();
    occurring.extend(stages.into_iter().flat_map(|(_, parts)| parts));
    charts.push(chart::bars("stages-pss".into(), "pss at each stage".into(), String::new(), &bars)?);
    if let (Some(before), Some(top)) = (before, data.fullest()) {
        let growths = Category::ALL.iter().map(|category| (*category, growth(data, before, *category, &top.stage)));
        let sides: Vec<(Category, (f64, f64))> =
            growths.filter_map(|(category, growth)| Some((category, growth?))).collect();
        let parts = |side: fn(&(f64, f64)) -> f64| -> Vec<(Category, f64)> {
            let parts = sides.iter().map(|(category, growth)| (*category, side(growth).max(0.0)));
            parts.filter(|(_, part)| *part > 0.0).collect()
        };
        let (then, now) = (parts(|(then, _)| *then), parts(|(_, now)| *now));
        // Bars with the same figures show no change; the table below has it.
        if !chart::same_parts(&then, &now) {
            let bars =
                [Bar::Stack { label: "baseline".into(), parts: then }, Bar::Stack { label: "run".into(), parts: now }];
            let title = format!("growth of anon at {}, baseline and run", top.stage);
            charts.push(chart::bars("before-after".into(), title, String::new(), &bars)?);
        }
    }
    Ok((charts, family_charts::categories(occurring.iter())))
}

/// Growth of anon in one category since the baseline stage, in the baseline and in the run; `None` if the baseline
/// does not have that stage.
fn growth(data: &CaseView<'_>, before: &BaselineCase, category: Category, stage: &Stage) -> Option<(f64, f64)> {
    let aspect = Aspect::Growth(stage.clone());
    let whole = if category.is_heap() { Metric::AnonHeap } else { Metric::AnonMapped };
    let then = expected(before, whole.into(), &aspect)?.parts.get(&category).copied().unwrap_or(0.0);
    let now = data.median(Quantity::Within(Metric::Anon, category), &aspect)?;
    Some((then, now))
}

/// Categories of mapping in which growth of anonymous memory differs from the baseline at any stage. Equal changes at
/// several stages share a row.
fn changes(data: &CaseView<'_>, before: &BaselineCase) -> Changes {
    let mut rows = Vec::new();
    for category in Category::ALL {
        let (unit, quantity) = (Unit::Bytes, Quantity::Within(Metric::Anon, *category));
        // The change, the values before and after at its first stage, and its stages.
        let mut changed: Vec<(f64, f64, f64, Vec<&Stage>)> = Vec::new();
        let grown = data.case.stages.iter().skip_while(|columns| columns.stage != *data.baseline_stage).skip(1);
        for columns in grown {
            let Some((was, is)) = growth(data, before, *category, &columns.stage) else { continue };
            match changed.iter_mut().find(|(change, ..)| *change == is - was) {
                Some((.., stages)) => stages.push(&columns.stage),
                None if is != was => changed.push((is - was, was, is, vec![&columns.stage])),
                None => {}
            }
        }
        rows.extend(changed.into_iter().map(|(delta, was, is, stages)| ChangeRow {
            quantity: quantity.to_string(),
            change: change(unit, delta),
            before: both(quantity, was, is)[0].clone(),
            now: both(quantity, was, is)[1].clone(),
            stages: match stages.as_slice() {
                [first, .., last] => format!("{} stages, {}", stages.len(), span(first, last)),
                all => all.iter().map(ToString::to_string).collect(),
            },
        }));
    }
    let text = match rows.len() {
        0 => "Growth of anon is the same as in the baseline in every category of mapping, at every stage.",
        _ => {
            "Categories of mapping in which growth of anon since the baseline stage differs from the baseline (medians)."
        }
    };
    Changes { text: text.to_owned(), rows }
}

/// The relative URL of criterion's report of this case, if there is one.
fn criterion(material: &Material, case: &CaseRecord, out: Option<&Path>) -> Option<String> {
    let report = material.criterion.as_ref()?.join(names::criterion_report(&case.id));
    if case.time.is_empty() || !report.is_file() {
        return None;
    }
    // From `case/`, the folder of the case's page, up to the common ancestor.
    let page = out?.join("case");
    let shared = page.components().zip(report.components()).take_while(|(a, b)| a == b).count();
    let up = "../".repeat(page.components().count() - shared);
    let down: std::path::PathBuf = report.components().skip(shared).collect();
    Some(format!("{up}{}", names::address(down.to_str()?)))
}
