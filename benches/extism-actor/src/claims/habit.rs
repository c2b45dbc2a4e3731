//! Claims about allocation habits: what the host and the guest pay for each.

use highwater_judge::CaseView;
use highwater_judge::Finding;
use highwater_model::{Metric, Record, bytes, nanoseconds};

use crate::{
    Habit,
    habits::{AGAIN, stage},
};

/// Decides whether the advised habit takes less memory than the usual one: in the host by at least a page and by more
/// than the effect of the run order, without taking more memory in the guest.
pub(super) fn saves(record: &Record, choice: &str, usual: &str, advised: &str) -> Option<Finding> {
    let case = CaseView::find(record, "habits", &[("choice", choice)])?;
    let functions = Habit::ALL.iter().find(|habit| habit.name == choice)?.functions;
    let turns: Vec<String> = functions.iter().map(|function| stage(function)).chain([AGAIN.to_owned()]).collect();
    let host = |turn: &str| {
        let index = turns.iter().position(|other| other == turn)?;
        // Count heap bytes instead of heap pages, because the touched pages differ from run to run.
        let part = |metric: Metric| match index.checked_sub(1) {
            Some(before) => case.growth_between(metric, turns[before].as_str(), turn),
            None => case.growth(metric, turn),
        };
        Some(part(Metric::AnonMapped)? + part(Metric::HeapLive)?)
    };
    let guest = |function: &str| case.figure(stage(function), "guest_growth_bytes");
    let order = (host(&turns[0])? - host(AGAIN)?).abs();
    let (usual_host, advised_host) = (host(&stage(usual))?, host(&stage(advised))?);
    let (usual_guest, advised_guest) = (guest(usual)?, guest(advised)?);
    let saved = usual_host - advised_host;
    let holds = saved >= case.page() && saved > order && advised_guest <= usual_guest;
    let mut figures = format!(
        "host {} against {} (effect of order: {}), guest growth {} against {}",
        bytes(advised_host),
        bytes(usual_host),
        bytes(order),
        bytes(advised_guest),
        bytes(usual_guest)
    );
    if let (Some(advised), Some(usual)) = (case.time(advised), case.time(usual)) {
        figures.push_str(&format!(", {} against {} per call", nanoseconds(advised), nanoseconds(usual)));
    }
    Some(Finding::holds(holds, figures).on([case.id()]))
}
