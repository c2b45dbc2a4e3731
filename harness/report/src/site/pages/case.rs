//! The page of a case: what was found, all metrics at all stages, what changed since the baseline,
//! and what its workers said.

use std::path::Path;

use askama::Template;
use highwater_judge::{Kind, Verdict};
use highwater_model::{Aspect, BaselineCase, CaseRecord, Category, Metric, Quantity, Record, Stage, Unit};
use highwater_stats::median;

use super::{
    CaseLink, Frame, Tone,
    case_tables::{Table, samples, tables},
    family_charts, short, tone,
};
use crate::{
    figure_tables::name as named,
    site::chart::{self, Bar, Chart, Key},
    site::look::{Look, span},
    site::words::{amount, bent, between, change, counted, died},
    site::{Material, SiteError, names},
};

#[derive(Debug, Template)]
#[template(path = "site/case.html")]
pub(super) struct Case {
    frame: Frame,
    family: CaseLink,
    id: String,
    lede: String,
    not_run: Option<String>,
    deaths: Vec<Dead>,
    moved: Vec<Row>,
    held: Option<String>,
    figures: Vec<Figure>,
    /// Figures that are exactly 0.
    nothing: String,
    legend: Vec<Key>,
    charts: Vec<Chart>,
    changes: Option<Changes>,
    tables: Vec<Table>,
    samples: Vec<Figure>,
    notes: Vec<(String, Vec<String>)>,
    criterion: Option<String>,
}

#[derive(Debug)]
struct Row {
    tone: Tone,
    kind: String,
    sentence: String,
}

#[derive(Debug)]
struct Dead {
    how: String,
    output: String,
}

#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) limit: String,
}

/// What changed since the baseline, mapping by mapping.
#[derive(Debug)]
struct Changes {
    text: String,
    rows: Vec<ChangeRow>,
}

/// The same change at one stage or more.
#[derive(Debug)]
struct ChangeRow {
    quantity: String,
    change: String,
    /// At the first of the stages.
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
        let look = Look::new(record, case);
        let before = material.baselines.get(&record.family).and_then(|baseline| baseline.cases.get(&case.id));
        let (charts, legend) = charts(&look, before)?;
        let (nothing, figures): (Vec<Figure>, Vec<Figure>) = figures(&look)
            .into_iter()
            .partition(|it| it.limit.starts_with("exact") && ["0", "0 B"].contains(&it.value.as_str()));
        let nothing: Vec<String> = nothing.into_iter().map(|it| it.name).collect();
        let verdicts: Vec<&Verdict> = material.verdicts(&record.family, &case.id).collect();
        Ok(Self {
            frame: Frame::new(material, case.id.as_str(), &names::case_page(&case.id)),
            family: CaseLink {
                label: record.family.clone(),
                href: Some(format!("../{}", names::address(&names::family_page(&record.family)))),
            },
            id: short(&case.id),
            lede: lede(&look),
            not_run: case.not_run.clone(),
            deaths: case
                .died
                .iter()
                .map(|death| Dead { how: died(death), output: death.output_tail.clone() })
                .collect(),
            moved: moved(&verdicts),
            held: held(&verdicts),
            figures,
            nothing: nothing.join("; "),
            legend,
            charts,
            // Of what was not run nothing changed and nothing stayed.
            changes: before.filter(|_| case.not_run.is_none()).map(|before| changes(&look, before)),
            tables: tables(&look),
            samples: samples(&look),
            notes: case.notes.iter().map(|(name, texts)| (name.clone(), texts.clone())).collect(),
            criterion: criterion(material, case, out),
        })
    }
}

fn lede(look: &Look<'_>) -> String {
    let case = look.case;
    if case.not_run.is_some() {
        return "Not run.".to_owned();
    }
    let died = if case.died.is_empty() { String::new() } else { format!(", {} died", case.died.len()) };
    let lifetimes: Vec<f64> =
        (0..case.samples).filter_map(|worker| case.lifetime_ns.at(worker)).map(|ns| ns as f64).collect();
    let life = median(&lifetimes).map_or(String::new(), |ns| {
        format!(", each alive for {} (median, pauses included)", amount(Unit::Nanoseconds, ns))
    });
    format!("{} completed{died}{life}.", counted(case.samples, "worker"))
}

fn moved(verdicts: &[&Verdict]) -> Vec<Row> {
    let mut moved: Vec<&&Verdict> =
        verdicts.iter().filter(|it| it.kind != Kind::Same && (it.gated || it.subject.is_none())).collect();
    moved.sort_by_key(|verdict| std::cmp::Reverse(verdict.kind));
    let row = |verdict: &&&Verdict| Row {
        tone: tone(verdict.kind),
        kind: verdict.kind.to_string(),
        sentence: verdict.sentence.clone(),
    };
    moved.iter().map(row).collect()
}

/// How many gated verdicts hold, where there are any.
fn held(verdicts: &[&Verdict]) -> Option<String> {
    let held = verdicts.iter().filter(|verdict| verdict.gated && verdict.kind == Kind::Same).count();
    (held > 0).then(|| format!("{} at the baseline's value.", counted(held, "gated verdict")))
}

/// What one more unit costs, and criterion's times.
fn figures(look: &Look<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for ladder in look.ladders() {
        for metric in [Metric::Anon, Metric::PageTables, Metric::Vmas] {
            let Some(line) = look.line(metric, &ladder) else { continue };
            let unit = metric.unit();
            let limit = match line.low < line.high {
                true => format!("{}, 95 %, n = {}", between(unit, line.low, line.high), look.case.samples),
                false => format!("exact, n = {}", look.case.samples),
            };
            let bend = bent("; ", line.linearity);
            figures.push(Figure {
                name: format!("{} per {}, {ladder}", named(metric.into()), look.record.unit),
                value: amount(unit, line.slope),
                limit: format!("{limit}{bend}"),
            });
        }
    }
    for (routine, time) in &look.case.time {
        let range = between(Unit::Nanoseconds, time.low_ns, time.high_ns);
        figures.push(Figure {
            name: routine.clone(),
            value: amount(Unit::Nanoseconds, time.ns),
            limit: format!("{range}, {} %, criterion's {}", time.confidence * 100.0, time.estimator),
        });
    }
    figures
}

/// All stages by category, and the fullest stage before and after where that is not the same.
fn charts(look: &Look<'_>, before: Option<&BaselineCase>) -> Result<(Vec<Chart>, Vec<Key>), SiteError> {
    let mut charts = Vec::new();
    let mut occurring = Vec::new();
    if look.case.samples == 0 {
        return Ok((charts, Vec::new()));
    }
    // Stages that follow each other with the same parts share a bar.
    let stages: Vec<(&Stage, Vec<(Category, f64)>)> = look
        .case
        .stages
        .iter()
        .map(|columns| (&columns.stage, family_charts::parts(look, Metric::Pss, columns)))
        .collect();
    let bar = |same: &[(&Stage, Vec<(Category, f64)>)]| Bar::Stack {
        label: span(same[0].0, same[same.len() - 1].0),
        parts: same[0].1.clone(),
    };
    let bars: Vec<Bar> = stages.chunk_by(|a, b| chart::look_alike(&a.1, &b.1)).map(bar).collect();
    occurring.extend(stages.into_iter().flat_map(|(_, parts)| parts));
    charts.push(chart::bars("stages-pss".into(), "pss at each stage".into(), String::new(), &bars)?);
    if let (Some(before), Some(top)) = (before, look.fullest()) {
        let growths = Category::ALL.iter().map(|category| (*category, growth(look, before, *category, &top.stage)));
        let sides: Vec<(Category, (f64, f64))> =
            growths.filter_map(|(category, growth)| Some((category, growth?))).collect();
        if sides.iter().any(|(_, (then, now))| then != now) {
            let parts = |side: fn(&(f64, f64)) -> f64| {
                let parts = sides.iter().map(|(category, growth)| (*category, side(growth).max(0.0)));
                parts.filter(|(_, part)| *part > 0.0).collect()
            };
            let bars = [
                Bar::Stack { label: "baseline".into(), parts: parts(|(then, _)| *then) },
                Bar::Stack { label: "run".into(), parts: parts(|(_, now)| *now) },
            ];
            let title = format!("growth of anon at {}, before and after", top.stage);
            charts.push(chart::bars("before-after".into(), title, String::new(), &bars)?);
        }
    }
    Ok((charts, family_charts::categories(occurring.iter())))
}

/// Growth of anon in one category since the reference stage, in the baseline and in the run; `None` where the baseline
/// does not know that stage.
fn growth(look: &Look<'_>, before: &BaselineCase, category: Category, stage: &Stage) -> Option<(f64, f64)> {
    let aspect = Aspect::Growth(stage.clone());
    let whole = if category.is_heap() { Metric::AnonHeap } else { Metric::AnonMapped };
    let then = before.values.get(&(whole.into(), aspect.clone()))?.parts.get(&category).copied().unwrap_or(0.0);
    let now = median(&look.view.values(Quantity::Within(Metric::Anon, category), &aspect)?)?;
    Some((then, now))
}

/// Categories of mapping whose anonymous memory grew by more or less than in the baseline, at any stage. What is the
/// same change at several stages is one row.
fn changes(look: &Look<'_>, before: &BaselineCase) -> Changes {
    let mut rows = Vec::new();
    for category in Category::ALL {
        let (unit, quantity) = (Unit::Bytes, Quantity::Within(Metric::Anon, *category));
        // The change, what was and what is at its first stage, and its stages.
        let mut moved: Vec<(f64, f64, f64, Vec<&Stage>)> = Vec::new();
        for columns in &look.case.stages {
            let Some((was, is)) = growth(look, before, *category, &columns.stage) else { continue };
            match moved.iter_mut().find(|(change, ..)| *change == is - was) {
                Some((.., stages)) => stages.push(&columns.stage),
                None if is != was => moved.push((is - was, was, is, vec![&columns.stage])),
                None => {}
            }
        }
        rows.extend(moved.into_iter().map(|(delta, was, is, stages)| ChangeRow {
            quantity: quantity.to_string(),
            change: change(unit, delta),
            before: amount(unit, was),
            now: amount(unit, is),
            stages: match stages.as_slice() {
                [first, .., last] => format!("{} stages, {}", stages.len(), span(first, last)),
                all => all.iter().map(ToString::to_string).collect(),
            },
        }));
    }
    let text = match rows.len() {
        0 => "In every category of mapping anon grew as in the baseline, at every stage.",
        _ => {
            "Categories of mapping in which anon grew by more or less than in the baseline: medians, since the reference stage."
        }
    };
    Changes { text: text.to_owned(), rows }
}

/// The way to criterion's report of this case, where there is one.
fn criterion(material: &Material, case: &CaseRecord, out: Option<&Path>) -> Option<String> {
    let report = material.criterion.as_ref()?.join(names::criterion_report(&case.id));
    if case.time.is_empty() || !report.is_file() {
        return None;
    }
    // From the folder of the case's page, `case/`, up to the folder that both have in common.
    let page = out?.join("case");
    let shared = page.components().zip(report.components()).take_while(|(a, b)| a == b).count();
    let up = "../".repeat(page.components().count() - shared);
    let down: std::path::PathBuf = report.components().skip(shared).collect();
    Some(format!("{up}{}", names::address(down.to_str()?)))
}
