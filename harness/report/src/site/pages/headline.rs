//! The headline figures of a family: the range over cases with the same workload. For each figure, the workload
//! with the largest ratio is shown, with the lowest and the highest case.

use highwater_judge::{Aspect, CaseView, ladders};
use highwater_model::{Metric, Quantity, Record, Unit};

use super::CaseLink;
use crate::{
    figure_tables::name,
    site::format::amount,
    site::names,
    site::panel::{Panel, panels},
};

/// Maximum number of memory figures, and of other figures.
const MOST: usize = 3;
/// Ratios below this are not shown.
const MIN_RATIO: f64 = 1.1;

/// The lowest and the highest value of a figure.
#[derive(Debug)]
pub(super) struct Headline {
    pub(super) what: String,
    /// The workload that the cases share.
    pub(super) workload: String,
    pub(super) least: End,
    pub(super) most: End,
    /// The ratio of highest to lowest.
    pub(super) factor: String,
    ratio: f64,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) value: String,
    pub(super) case: CaseLink,
}

/// The headline figures of a record: memory first, then by ratio.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let cases: Vec<CaseView<'_>> = record.cases.iter().map(|case| CaseView::of(record, case)).collect();
    let cases: Vec<CaseView<'_>> = cases.into_iter().filter(|data| data.case.samples > 0).collect();
    let panels = panels(&cases);
    let mut memory: Vec<Headline> = Vec::new();
    for ladder in ladders(cases.iter().copied()) {
        let what = format!("anon per {}, {ladder}", record.unit);
        memory.extend(widest(&panels, &what, Unit::Bytes, |data| Some(data.line(Metric::Anon, ladder)?.slope)));
    }
    memory.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    // Marginal costs are more informative than totals of cases without a ladder.
    memory.extend(widest(&panels, "anon at the fullest stage", Unit::Bytes, |data| {
        data.ladders().is_empty().then(|| data.growth_per_unit(Metric::Anon))?
    }));
    let mut others: Vec<Headline> = Vec::new();
    if record.cases.iter().all(|case| case.time.is_empty()) {
        let what = "wall time to the fullest stage";
        others.extend(widest(&panels, what, Unit::Nanoseconds, |data| data.wall_time()));
    }
    let mut routines: Vec<&String> = record.cases.iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    for routine in routines {
        others.extend(widest(&panels, routine, Unit::Nanoseconds, |data| Some(data.case.time.get(routine)?.ns)));
    }
    let mut figures: Vec<Quantity> = cases.iter().flat_map(|data| data.figures()).map(|(it, _)| it).collect();
    figures.sort_unstable();
    figures.dedup();
    for figure in figures {
        others.extend(widest(&panels, &name(figure), figure.unit(), |data| reported(data, figure)));
    }
    others.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    memory.truncate(MOST);
    others.truncate(MOST);
    memory.into_iter().chain(others).collect()
}

/// The last value of a figure that the workers of a case reported.
fn reported(data: &CaseView<'_>, figure: Quantity) -> Option<f64> {
    let (_, aspect): (Quantity, Aspect) = data.figures().into_iter().rfind(|(it, _)| *it == figure)?;
    data.median(figure, &aspect)
}

/// The lowest and the highest value in the panel with the largest ratio.
fn widest(panels: &[Panel<'_>], what: &str, unit: Unit, of: impl Fn(&CaseView<'_>) -> Option<f64>) -> Option<Headline> {
    let ends = |panel: &Panel<'_>| {
        let values = panel.members.iter().filter_map(|(label, data)| Some((label, data, of(data)?)));
        let values: Vec<_> = values.filter(|(_, _, value)| *value > 0.0).collect();
        let least = values.iter().min_by(|a, b| a.2.total_cmp(&b.2))?;
        let most = values.iter().rev().max_by(|a, b| a.2.total_cmp(&b.2))?;
        let end = |(label, data, value): &(&String, &CaseView<'_>, f64)| End {
            value: amount(unit, *value),
            case: CaseLink { label: (*label).clone(), href: Some(names::address(&names::case_page(&data.case.id))) },
        };
        let ratio = most.2 / least.2;
        Some(Headline {
            what: what.to_owned(),
            workload: panel.title.clone(),
            least: end(least),
            most: end(most),
            factor: match ratio {
                far if far >= 10.0 => format!("× {}", amount(Unit::Count, far.round())),
                near => format!("× {near:.1}"),
            },
            ratio,
        })
    };
    let found = panels.iter().filter_map(ends).filter(|it| it.ratio >= MIN_RATIO);
    found.max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}
