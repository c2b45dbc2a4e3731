//! The charts of a family's page: memory against scale, memory by category, memory against time,
//! and where workers differ.

use highwater_judge::{Aspect, CaseView, ladders};
use highwater_model::{Category, Metric, Quantity, Record, StageColumns, Unit};
use highwater_stats::median;

use crate::{
    counted::{counted, plural},
    run_table::routines,
    site::SiteError,
    site::chart::{self, Bar, Chart, Key, Line, LinesPlan, Mark, Point, Steps, Strip},
    site::format::{amount, nonlinearity, range},
    site::ladder::{Rung, rungs},
    site::panel::{self, MOST_CHARTS, MOST_SERIES, Panel},
};

/// A section with charts of one kind.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) anchor: &'static str,
    pub(super) title: String,
    pub(super) text: String,
    /// The legend shared by all charts.
    pub(super) legend: Vec<Key>,
    pub(super) charts: Vec<Chart>,
}

pub(super) fn sections(record: &Record, cases: &[CaseView<'_>]) -> Result<Vec<Section>, SiteError> {
    let ran: Vec<CaseView<'_>> = cases.iter().copied().filter(|data| data.case.samples > 0).collect();
    let ladders = ladders(ran.iter().copied());
    if ran.is_empty() {
        return Ok(Vec::new());
    }
    let panels = panel::panels(&ran);
    let mut sections = vec![against_scale(record, &panels, &ladders)?];
    sections.push(made_of(&panels)?);
    sections.push(against_time(record, &panels, &ladders)?);
    sections.retain(|section| !section.charts.is_empty());
    sections.push(differing(&ran)?);
    Ok(sections)
}

/// Splits a panel into parts of at most [`MOST_SERIES`] members.
fn chunks<'p, 'a>(panel: &'p Panel<'a>) -> Vec<(String, &'p [(String, CaseView<'a>)])> {
    let parts = panel.members.len().div_ceil(MOST_SERIES);
    let named = |part: usize| match parts {
        0 | 1 => String::new(),
        _ => format!(" ({} of {parts})", part + 1),
    };
    panel.members.chunks(MOST_SERIES).enumerate().map(|(part, members)| (named(part), members)).collect()
}

/// Truncates the charts to [`MOST_CHARTS`] and says so in the text.
fn truncate(charts: &mut Vec<Chart>, text: &mut String) {
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

fn against_scale(record: &Record, panels: &[Panel<'_>], ladders: &[&str]) -> Result<Section, SiteError> {
    let mut charts = Vec::new();
    for ladder in ladders {
        for panel in panels {
            for (part, members) in chunks(panel) {
                let lines: Vec<Line> = members
                    .iter()
                    .enumerate()
                    .filter_map(|(series, (label, data))| line(data, ladder, label, series))
                    .collect();
                // A chart of constants shows nothing that the table does not.
                if !lines.iter().all(Line::is_flat) {
                    charts.push(chart::lines(LinesPlan {
                        id: format!("scale-{}", charts.len()),
                        title: title_of(panel, &part),
                        subtitle: format!("anon added, {ladder}"),
                        x_name: format!("{}, {ladder}", plural(&record.unit)),
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
        "Growth of anonymous memory at each rung of a ladder, relative to the stage before it in the same worker. \
         Median over workers; a bar shows the range if they differ. The legend shows the marginal cost per {}.",
        record.unit
    );
    truncate(&mut charts, &mut text);
    Ok(Section { anchor: "scale", title: "Memory against scale".into(), text, legend: Vec::new(), charts })
}

fn line(data: &CaseView<'_>, ladder: &str, label: &str, series: usize) -> Option<Line> {
    let point = |rung: Rung| {
        let (low, high) = range(&rung.values);
        Some(Point { x: f64::from(rung.scale.0), y: median(&rung.values)?, low, high })
    };
    let points: Vec<Point> = rungs(*data, Metric::Anon, ladder).into_iter().filter_map(point).collect();
    let slope = data.line(Metric::Anon, ladder)?;
    let value = format!("{}{}", amount(Unit::Bytes, slope.slope), nonlinearity(", ", slope.linearity));
    (!points.is_empty()).then(|| Line { label: label.to_owned(), value, series, points })
}

/// The key stages: the baseline stage, the top of each ladder, and later stages without a scale.
fn key_stages<'a>(data: &CaseView<'a>) -> Vec<(String, &'a StageColumns)> {
    let stages = &data.case.stages;
    let from = stages.iter().position(|columns| columns.stage == *data.baseline_stage).unwrap_or(0);
    let later = stages.get(from..).unwrap_or_default();
    let is_key = |(index, columns): &(usize, &'a StageColumns)| {
        let next = later.get(index + 1);
        columns.stage.scale().is_none() || next.is_none_or(|next| next.stage.name() != columns.stage.name())
    };
    let name = |columns: &StageColumns| match columns.stage.scale() {
        Some(_) => format!("{}, top of the ladder", columns.stage.name()),
        None => columns.stage.to_string(),
    };
    later.iter().enumerate().filter(is_key).map(|(_, columns)| (name(columns), columns)).collect()
}

/// A metric by category of mapping at a stage.
pub(super) fn parts(data: &CaseView<'_>, metric: Metric, columns: &StageColumns) -> Vec<(Category, f64)> {
    let part = |category: &Category| {
        Some((*category, data.level(Quantity::Within(metric, *category), columns.stage.clone())?))
    };
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
            for (label, data) in members {
                for (stage, columns) in key_stages(data) {
                    let parts = parts(data, Metric::Pss, columns);
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
            // Consecutive stages that look the same are drawn once.
            let bars: Vec<Bar> = by_stage
                .chunk_by(|(_, a), (_, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.renders_same(b)))
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
    let mut text = "Proportional set size by category of mapping, median over workers, at the key stages. The page of \
                    each case shows all stages."
        .to_owned();
    truncate(&mut charts, &mut text);
    let legend = categories(occurring.iter());
    Ok(Section { anchor: "made-of", title: "Memory by category".into(), text, legend, charts })
}

fn against_time(record: &Record, panels: &[Panel<'_>], ladders: &[&str]) -> Result<Section, SiteError> {
    let routines = routines(&record.cases);
    let what = match ladders.is_empty() {
        true => "anon at the fullest stage".to_owned(),
        false => format!("anon per {}", record.unit),
    };
    let mut charts = Vec::new();
    let mut add = |subtitle: &str, time: &dyn Fn(&CaseView<'_>) -> Option<f64>| -> Result<(), SiteError> {
        for panel in panels {
            for (part, members) in chunks(panel) {
                let point = |(series, (label, data)): (usize, &(String, CaseView<'_>))| {
                    Some(Mark {
                        label: label.clone(),
                        series,
                        time: time(data)?,
                        memory: data.growth_per_unit(Metric::Anon)?,
                    })
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
        add(routine, &|data| Some(data.case.time.get(*routine)?.ns))?;
    }
    if routines.is_empty() {
        add("wall time to the fullest stage", &|data| data.wall_time())?;
    }
    let source = match routines.is_empty() {
        true => format!("Wall time of the worker from {} to its fullest stage", record.baseline_stage),
        false => "Criterion's estimate of the routine".to_owned(),
    };
    let mut text = format!(
        "{source} against {what}, relative to {}. Lower left is better. Ringed: the Pareto set, the cases for which no \
         other case with the same workload is better in both.",
        record.baseline_stage
    );
    truncate(&mut charts, &mut text);
    Ok(Section { anchor: "time", title: "Memory against time".into(), text, legend: Vec::new(), charts })
}

/// Gated quantities whose growth differs between workers, at the stage where they differ most.
fn differing(cases: &[CaseView<'_>]) -> Result<Section, SiteError> {
    let quantities = [Metric::Anon, Metric::PageTables, Metric::Vmas, Metric::PeakAnon];
    let mut strips: Vec<(f64, Strip)> = Vec::new();
    let mut exact = 0;
    for data in cases {
        for metric in quantities {
            let growths = data.aspects().into_iter().filter(|aspect| matches!(aspect, Aspect::Growth(_)));
            let values = growths.filter_map(|aspect| Some((data.values(metric, &aspect)?, aspect)));
            let width = |values: &[f64]| {
                let (low, high) = range(values);
                high - low
            };
            let widest = values.max_by(|(a, _), (b, _)| width(a).total_cmp(&width(b)));
            match widest {
                Some((values, aspect)) if width(&values) > 0.0 => {
                    let (label, detail) = (data.case.id.within_family().to_owned(), format!("{metric}, {aspect}"));
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
    let samples: Vec<f64> = cases.iter().map(|data| data.case.samples as f64).collect();
    let (fewest, most) = range(&samples);
    let n = if fewest == most { format!("n = {fewest}") } else { format!("n = {fewest} to {most}") };
    let text = match strips.len() {
        0 => format!("Growth of anon, page tables, VMAs and the peak is exact in every case, {n}."),
        _ => {
            let rest = if beyond == 0 { String::new() } else { format!("; {beyond} more that differ less") };
            let exact = counted(exact, "pair");
            format!(
                "One dot per worker, each row on a separate scale, at the stage where workers differ most{rest}. {exact} \
                 of case and gated metric are exact, {n}."
            )
        }
    };
    let strips: Vec<Strip> = strips.into_iter().map(|(_, strip)| strip).collect();
    let charts: Result<Vec<Chart>, _> = strips
        .chunks(MOST_SERIES)
        .enumerate()
        .map(|(index, strips)| {
            chart::dots(format!("differ-{index}"), "Growth, one dot per worker".into(), String::new(), strips)
        })
        .collect();
    Ok(Section { anchor: "differ", title: "Where workers differ".into(), text, legend: Vec::new(), charts: charts? })
}
