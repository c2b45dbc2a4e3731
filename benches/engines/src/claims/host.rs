//! What an engine's limiter bounds, as claims over the engines that were measured.

use engine_worker::{LIMIT, LIMITER, NOTHING};
use highwater_judge::{CaseView, Claim, Finding};
use highwater_model::{Category, Metric, Quantity, Record, bytes};

use super::decide::all as all_of;

const COMMON: &str = "a common assumption";

/// The claims, the control last.
pub(super) fn all() -> [Claim; 3] {
    [
        Claim {
            id: "limiter-bounds-memory",
            statement: "every engine can limit the memory of a guest to 1 MiB",
            source: COMMON,
            refuted_if: "in any engine something else stops the guest, or nothing",
            decide: |record| bounds(record, "engine", &["memory"]),
        },
        Claim {
            id: "limiter-bounds-host-memory",
            statement: "that limit bounds what the guest makes its host keep: tables, and bytes that it passes",
            source: COMMON,
            refuted_if: "in any engine something else stops the guest, or nothing",
            decide: |record| bounds(record, "engine", &["table", "bytes"]),
        },
        Claim {
            id: "control-limiter-bounds-host-memory",
            statement: "the same for hosts that limit the elements of tables and count the bytes that they keep",
            source: "control: must be confirmed",
            refuted_if: "in any engine that can limit them nothing stops the guest, or the host keeps more than 1 MiB",
            decide: |record| bounds(record, "host", &["table", "bytes"]),
        },
    ]
}

/// Memory that the host keeps for the guest: the heap, and the guest's own memory where it is a mapping.
fn kept(case: CaseView<'_>) -> Option<f64> {
    let own = case.growth(Quantity::Within(Metric::Anon, Category::LinearMemory), "refused")?;
    Some(case.growth(Metric::HeapLive, "refused")? + own)
}

fn bounds(record: &Record, limited: &str, routes: &[&str]) -> Finding {
    let cases =
        routes.iter().flat_map(|route| CaseView::select(record, "host", &[("limit", limited), ("route", route)]));
    all_of(cases, |case| {
        let total = kept(case)?;
        let (units, stopped) = (case.figure("refused", "units")?, case.note("stopped")?);
        let is_stopped = if limited == "engine" { stopped == LIMITER } else { stopped != NOTHING };
        // A host's own lists and rounding come on top of what it counts.
        let is_bounded = total <= LIMIT as f64 * 1.25;
        let figures = format!("{} per unit, {} in all, stopped by: {stopped}", bytes(total / units), bytes(total));
        Some((is_stopped && is_bounded, figures))
    })
}
