//! The headline figures of a family: how far apart the choices for the same work are. For each thing that
//! is counted the work is told for which the choice matters most, with the case that takes least and the
//! one that takes most.

use highwater_judge::Aspect;
use highwater_model::{Metric, Quantity, Record, Unit};
use highwater_stats::median;

use super::{CaseLink, family_tables::ladders};
use crate::{
    figure_tables::name,
    site::look::Look,
    site::names,
    site::panel::{Panel, panels},
    site::words::amount,
};

/// Most figures of memory, and most of what else is counted.
const MOST: usize = 3;
/// From this factor on the choice matters.
const MATTERS: f64 = 1.1;

/// The two ends of one figure.
#[derive(Debug)]
pub(super) struct Headline {
    pub(super) what: String,
    /// What the cases between the ends have in common.
    pub(super) work: String,
    pub(super) least: End,
    pub(super) most: End,
    /// How many times the least the most is.
    pub(super) factor: String,
    ratio: f64,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) value: String,
    pub(super) case: CaseLink,
}

/// The headline figures of a record, as the front page shows them: memory first, what differs most first.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let looks: Vec<Look<'_>> = record.cases.iter().map(|case| Look::new(record, case)).collect();
    let looks: Vec<Look<'_>> = looks.into_iter().filter(|look| look.case.samples > 0).collect();
    let panels = panels(&looks);
    let mut memory: Vec<Headline> = Vec::new();
    for ladder in ladders(&looks) {
        let what = format!("anon per {}, {ladder}", record.unit);
        memory.extend(widest(&panels, &what, Unit::Bytes, |look| Some(look.line(Metric::Anon, &ladder)?.slope)));
    }
    memory.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    // What one more unit costs says more than what a case without a ladder holds.
    memory.extend(widest(&panels, "anon at the fullest stage", Unit::Bytes, |look| {
        look.ladders().is_empty().then(|| look.memory())?
    }));
    let mut others: Vec<Headline> = Vec::new();
    if record.cases.iter().all(|case| case.time.is_empty()) {
        let what = "wall time to the fullest stage";
        others.extend(widest(&panels, what, Unit::Nanoseconds, |look| look.wall()));
    }
    let mut routines: Vec<&String> = record.cases.iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    for routine in routines {
        others.extend(widest(&panels, routine, Unit::Nanoseconds, |look| Some(look.case.time.get(routine)?.ns)));
    }
    let mut figures: Vec<Quantity> = looks.iter().flat_map(|look| look.view.figures()).map(|(it, _)| it).collect();
    figures.sort_unstable();
    figures.dedup();
    for figure in figures {
        others.extend(widest(&panels, &name(figure), figure.unit(), |look| told(look, figure)));
    }
    others.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    memory.truncate(MOST);
    others.truncate(MOST);
    memory.into_iter().chain(others).collect()
}

/// What the workers of a case told last.
fn told(look: &Look<'_>, figure: Quantity) -> Option<f64> {
    let (_, aspect): (Quantity, Aspect) = look.view.figures().into_iter().rfind(|(it, _)| *it == figure)?;
    median(&look.view.values(figure, &aspect)?)
}

/// The ends of the panel in which they are furthest apart.
fn widest(panels: &[Panel<'_>], what: &str, unit: Unit, of: impl Fn(&Look<'_>) -> Option<f64>) -> Option<Headline> {
    let ends = |panel: &Panel<'_>| {
        let values = panel.members.iter().filter_map(|(label, look)| Some((label, look, of(look)?)));
        let values: Vec<_> = values.filter(|(_, _, value)| *value > 0.0).collect();
        let least = values.iter().min_by(|a, b| a.2.total_cmp(&b.2))?;
        let most = values.iter().rev().max_by(|a, b| a.2.total_cmp(&b.2))?;
        let end = |(label, look, value): &(&String, &Look<'_>, f64)| End {
            value: amount(unit, *value),
            case: CaseLink { label: (*label).clone(), href: Some(names::address(&names::case_page(&look.case.id))) },
        };
        let ratio = most.2 / least.2;
        Some(Headline {
            what: what.to_owned(),
            work: panel.title.clone(),
            least: end(least),
            most: end(most),
            factor: match ratio {
                far if far >= 10.0 => format!("× {}", amount(Unit::Count, far.round())),
                near => format!("× {near:.1}"),
            },
            ratio,
        })
    };
    let found = panels.iter().filter_map(ends).filter(|it| it.ratio >= MATTERS);
    found.max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}
