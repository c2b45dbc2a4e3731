//! The charts of a family's page: memory against scale, what memory is made of, memory against time,
//! and where workers differ.

use highwater_judge::Aspect;
use highwater_model::{Category, Metric, Quantity, Record, StageColumns, Unit};
use highwater_stats::median;

use super::family_tables::ladders;
use crate::{
    site::SiteError,
    site::chart::{self, Bar, Chart, Key, Line, LinesPlan, Mark, Point, Steps, Strip},
    site::look::Look,
    site::panel::{self, MOST_CHARTS, MOST_SERIES, Panel},
    site::words::{amount, bent, counted, plural, range},
};

/// Charts of one kind with what they show.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) anchor: &'static str,
    pub(super) title: String,
    pub(super) text: String,
    /// Shared by all charts.
    pub(super) legend: Vec<Key>,
    pub(super) charts: Vec<Chart>,
}

pub(super) fn sections(record: &Record, looks: &[Look<'_>]) -> Result<Vec<Section>, SiteError> {
    let ran: Vec<Look<'_>> = looks.iter().copied().filter(|look| look.case.samples > 0).collect();
    let ladders = &ladders(&ran);
    if ran.is_empty() {
        return Ok(Vec::new());
    }
    let panels = panel::panels(&ran);
    let mut sections = vec![against_scale(record, &panels, ladders)?];
    sections.push(made_of(&panels)?);
    sections.push(against_time(record, &panels, ladders)?);
    sections.retain(|section| !section.charts.is_empty());
    sections.push(differing(&ran)?);
    Ok(sections)
}

/// The members of a panel with their place among the colours, by label, at most [`MOST_SERIES`] at once.
fn chunks<'p, 'a>(panel: &'p Panel<'a>) -> Vec<(String, &'p [(String, Look<'a>)])> {
    let parts = panel.members.len().div_ceil(MOST_SERIES);
    let named = |part: usize| match parts {
        0 | 1 => String::new(),
        _ => format!(" ({} of {parts})", part + 1),
    };
    panel.members.chunks(MOST_SERIES).enumerate().map(|(part, members)| (named(part), members)).collect()
}

/// Says what is not drawn for want of room.
fn cut(charts: &mut Vec<Chart>, text: &mut String) {
    let beyond = charts.len().saturating_sub(MOST_CHARTS);
    if beyond > 0 {
        charts.truncate(MOST_CHARTS);
        text.push_str(&format!(
            " {} more of this kind are not drawn; the table has all cases.",
            counted(beyond, "chart")
        ));
    }
}

fn title_of(panel: &Panel<'_>, part: &str) -> String {
    let title = if panel.title.is_empty() { "all cases" } else { &panel.title };
    format!("{title}{part}")
}

fn against_scale(record: &Record, panels: &[Panel<'_>], ladders: &[String]) -> Result<Section, SiteError> {
    let mut charts = Vec::new();
    for ladder in ladders {
        for panel in panels {
            for (part, members) in chunks(panel) {
                let lines: Vec<Line> = members
                    .iter()
                    .enumerate()
                    .filter_map(|(series, (label, look))| line(look, ladder, label, series))
                    .collect();
                if !lines.is_empty() {
                    charts.push(chart::lines(LinesPlan {
                        id: format!("scale-{}", charts.len()),
                        title: title_of(panel, &part),
                        subtitle: ladder.clone(),
                        x_name: format!("{} {ladder}", plural(&record.unit)),
                        y_name: "anon added".into(),
                        unit: Unit::Bytes,
                        steps: Steps::Rungs,
                        lines,
                    })?);
                }
            }
        }
    }
    let mut text = format!(
        "Anonymous memory that a ladder added, rung by rung: the difference from the stage before it, in the same \
         worker. Median over workers; a bar spans all of them where they differ. In the legend: what one more {} costs.",
        record.unit
    );
    cut(&mut charts, &mut text);
    Ok(Section { anchor: "scale", title: "Memory against scale".into(), text, legend: Vec::new(), charts })
}

fn line(look: &Look<'_>, ladder: &str, label: &str, series: usize) -> Option<Line> {
    let point = |rung: crate::site::look::Rung| {
        let (low, high) = range(&rung.values);
        Some(Point { x: f64::from(rung.scale.0), y: median(&rung.values)?, low, high })
    };
    let points: Vec<Point> = look.rungs(Metric::Anon, ladder).into_iter().filter_map(point).collect();
    let slope = look.line(Metric::Anon, ladder)?;
    let value = format!("{}{}", amount(Unit::Bytes, slope.slope), bent(", ", slope.linearity));
    (!points.is_empty()).then(|| Line { label: label.to_owned(), value, series, points })
}

/// The stages that say most: the reference, the top of each ladder, and what comes after them.
fn telling<'a>(look: &Look<'a>) -> Vec<(String, &'a StageColumns)> {
    let stages = &look.case.stages;
    let from = stages.iter().position(|columns| columns.stage == look.record.reference).unwrap_or(0);
    let later = stages.get(from..).unwrap_or_default();
    let is_telling = |(index, columns): &(usize, &'a StageColumns)| {
        let next = later.get(index + 1);
        columns.stage.scale().is_none() || next.is_none_or(|next| next.stage.name() != columns.stage.name())
    };
    let name = |columns: &StageColumns| match columns.stage.scale() {
        Some(_) => format!("{}, top of the ladder", columns.stage.name()),
        None => columns.stage.to_string(),
    };
    later.iter().enumerate().filter(is_telling).map(|(_, columns)| (name(columns), columns)).collect()
}

/// What a metric is made of at a stage.
pub(super) fn parts(look: &Look<'_>, metric: Metric, columns: &StageColumns) -> Vec<(Category, f64)> {
    let part = |category: &Category| Some((*category, look.middle(Quantity::Within(metric, *category), columns)?));
    Category::ALL.iter().filter_map(part).filter(|(_, value)| *value > 0.0).collect()
}

/// The legend of the categories that occur.
pub(super) fn categories<'a>(occurring: impl Iterator<Item = &'a (Category, f64)>) -> Vec<Key> {
    let mut found: Vec<Category> = occurring.map(|(category, _)| *category).collect();
    found.sort_unstable();
    found.dedup();
    let key = |it: Category| Key {
        shape: "■",
        ink: chart::category(it).name,
        label: it.to_string().replace('_', " "),
        value: String::new(),
        is_best: false,
    };
    found.into_iter().map(key).collect()
}

fn made_of(panels: &[Panel<'_>]) -> Result<Section, SiteError> {
    let mut charts = Vec::new();
    let mut occurring = Vec::new();
    for panel in panels {
        for (part, members) in chunks(panel) {
            let mut by_stage: Vec<(String, Vec<Bar>)> = Vec::new();
            for (label, look) in members {
                for (stage, columns) in telling(look) {
                    let parts = parts(look, Metric::Pss, columns);
                    occurring.extend(parts.clone());
                    let label = match columns.stage.scale() {
                        Some(scale) => format!("{label} ({scale})"),
                        None => label.clone(),
                    };
                    let bar = Bar::Stack { label, parts };
                    match by_stage.iter_mut().find(|(known, _)| *known == stage) {
                        Some((_, bars)) => bars.push(bar),
                        None => by_stage.push((stage, vec![bar])),
                    }
                }
            }
            // Stages that follow each other and look the same stand once.
            let bars: Vec<Bar> = by_stage
                .chunk_by(|(_, a), (_, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.looks_like(b)))
                .flat_map(|same| {
                    let stages: Vec<&str> = same.iter().map(|(stage, _)| stage.as_str()).collect();
                    std::iter::once(Bar::Heading(stages.join(", "))).chain(same[0].1.clone())
                })
                .collect();
            if !bars.is_empty() {
                let title = title_of(panel, &part);
                charts.push(chart::bars(format!("made-{}", charts.len()), title, "pss".into(), &bars)?);
            }
        }
    }
    let mut text = "Proportional set size by category of mapping, median over workers, at the stages that say most; \
                    the page of a case has all of them."
        .to_owned();
    cut(&mut charts, &mut text);
    let legend = categories(occurring.iter());
    Ok(Section { anchor: "made-of", title: "What the memory is made of".into(), text, legend, charts })
}

fn against_time(record: &Record, panels: &[Panel<'_>], ladders: &[String]) -> Result<Section, SiteError> {
    let mut routines: Vec<&String> = record.cases.iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    let what = match ladders.is_empty() {
        true => "anon at the fullest stage".to_owned(),
        false => format!("anon per {}", record.unit),
    };
    let mut charts = Vec::new();
    let mut add = |subtitle: &str, time: &dyn Fn(&Look<'_>) -> Option<f64>| -> Result<(), SiteError> {
        for panel in panels {
            for (part, members) in chunks(panel) {
                let point = |(series, (label, look)): (usize, &(String, Look<'_>))| {
                    Some(Mark { label: label.clone(), series, time: time(look)?, memory: look.memory()? })
                };
                let marks: Vec<Mark> = members.iter().enumerate().filter_map(point).collect();
                if marks.len() > 1 {
                    let id = format!("time-{}", charts.len());
                    charts.push(chart::scatter(id, title_of(panel, &part), subtitle.to_owned(), &what, &marks)?);
                }
            }
        }
        Ok(())
    };
    for routine in &routines {
        add(routine, &|look| Some(look.case.time.get(*routine)?.ns))?;
    }
    if routines.is_empty() {
        add("wall time to the fullest stage", &|look| look.wall())?;
    }
    let source = match routines.is_empty() {
        true => format!("Wall time of the worker from {} to its fullest stage", record.reference),
        false => "Criterion's estimate of the routine".to_owned(),
    };
    let mut text = format!(
        "{source} against {what}, above {}. Lower left is better. Ringed: the Pareto set, which no other choice for the \
         same work betters in one without losing in the other.",
        record.reference
    );
    cut(&mut charts, &mut text);
    Ok(Section { anchor: "time", title: "Memory against time".into(), text, legend: Vec::new(), charts })
}

/// Gated quantities whose growth differs between workers, at the stage where it differs most.
fn differing(looks: &[Look<'_>]) -> Result<Section, SiteError> {
    let quantities = [Metric::Anon, Metric::PageTables, Metric::Vmas, Metric::PeakAnon];
    let mut strips: Vec<(f64, Strip)> = Vec::new();
    let mut exact = 0;
    for look in looks {
        for metric in quantities {
            let growths = look.view.aspects().into_iter().filter(|aspect| matches!(aspect, Aspect::Growth(_)));
            let values = growths.filter_map(|aspect| Some((look.view.values(metric.into(), &aspect)?, aspect)));
            let width = |values: &[f64]| {
                let (low, high) = range(values);
                high - low
            };
            let widest = values.max_by(|(a, _), (b, _)| width(a).total_cmp(&width(b)));
            match widest {
                Some((values, aspect)) if width(&values) > 0.0 => {
                    let (label, detail) = (super::short(&look.case.id), format!("{metric}, {aspect}"));
                    strips.push((width(&values), Strip { label, detail, unit: metric.unit(), values }));
                }
                Some(_) => exact += 1,
                None => {}
            }
        }
    }
    strips.sort_by(|a, b| b.0.total_cmp(&a.0));
    let beyond = strips.len().saturating_sub(3 * MOST_SERIES);
    strips.truncate(3 * MOST_SERIES);
    let samples: Vec<f64> = looks.iter().map(|look| look.case.samples as f64).collect();
    let (fewest, most) = range(&samples);
    let n = if fewest == most { format!("n = {fewest}") } else { format!("n = {fewest} to {most}") };
    let text = match strips.len() {
        0 => format!("Nowhere: growth of anon, page tables, VMAs and the peak is exact in every case, {n}."),
        _ => {
            let rest = if beyond == 0 { String::new() } else { format!(", and {beyond} more that differ less") };
            let exact = counted(exact, "pair");
            format!(
                "One dot a worker, on a scale of its own, at the stage where workers differ most{rest}. {exact} of case \
                 and gated metric more are exact, {n}."
            )
        }
    };
    let strips: Vec<Strip> = strips.into_iter().map(|(_, strip)| strip).collect();
    let charts: Result<Vec<Chart>, _> = strips
        .chunks(MOST_SERIES)
        .enumerate()
        .map(|(index, strips)| {
            chart::dots(format!("differ-{index}"), "Growth, one dot a worker".into(), String::new(), strips)
        })
        .collect();
    Ok(Section { anchor: "differ", title: "Where workers differ".into(), text, legend: Vec::new(), charts: charts? })
}
