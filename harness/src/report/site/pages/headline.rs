//! The headline figures of a family: for each thing that is counted per unit, and each routine, the
//! case that takes least and the one that takes most.

use super::{CaseLink, short};
use crate::{
    model::{CaseId, Metric, Record, Unit},
    report::site::{look::Look, names, words::amount},
};

/// The two ends of one figure.
#[derive(Debug)]
pub(super) struct Headline {
    pub(super) what: String,
    pub(super) least: End,
    /// `None` where all cases agree.
    pub(super) most: Option<End>,
    /// How many times the least the most is.
    pub(super) factor: String,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) value: String,
    pub(super) case: CaseLink,
}

/// The headline figures of a record, as a page with this way to the root shows them.
pub(super) fn headlines(record: &Record, root: &str) -> Vec<Headline> {
    let looks: Vec<Look<'_>> = record.cases.iter().map(|case| Look::new(record, case)).collect();
    let mut found = Vec::new();
    let mut ladders: Vec<String> = Vec::new();
    for ladder in looks.iter().flat_map(Look::ladders) {
        if !ladders.contains(&ladder) {
            ladders.push(ladder);
        }
    }
    for ladder in &ladders {
        let slopes = looks.iter().filter_map(|look| Some((&look.case.id, look.line(Metric::Anon, ladder)?.slope)));
        found.extend(ends(format!("anon per {}, {ladder}", record.unit), Unit::Bytes, slopes.collect(), root));
    }
    if ladders.is_empty() {
        let memory = looks.iter().filter_map(|look| Some((&look.case.id, look.memory()?)));
        found.extend(ends("anon at the fullest stage".to_owned(), Unit::Bytes, memory.collect(), root));
    }
    let mut routines: Vec<&String> = record.cases.iter().flat_map(|case| case.time.keys()).collect();
    routines.sort_unstable();
    routines.dedup();
    for routine in routines {
        let times = record.cases.iter().filter_map(|case| Some((&case.id, case.time.get(routine)?.ns)));
        found.extend(ends(routine.clone(), Unit::Nanoseconds, times.collect(), root));
    }
    found
}

fn ends(what: String, unit: Unit, values: Vec<(&CaseId, f64)>, root: &str) -> Option<Headline> {
    let least = values.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let most = values.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|most| most.1 > least.1);
    let end = |(id, value): &(&CaseId, f64)| End {
        value: amount(unit, *value),
        case: CaseLink { label: short(id), href: Some(format!("{root}{}", names::address(&names::case_page(id)))) },
    };
    let factor = most.filter(|_| least.1 > 0.0).map_or(String::new(), |most| match most.1 / least.1 {
        ratio if ratio >= 10.0 => format!("× {}", amount(Unit::Count, ratio.round())),
        ratio => format!("× {ratio:.1}"),
    });
    Some(Headline { what, least: end(least), most: most.map(end), factor })
}
