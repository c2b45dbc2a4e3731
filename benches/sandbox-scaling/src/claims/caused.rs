//! What a store's limiter bounds, as one claim for each route by which a guest makes its host keep memory.

use highwater_judge::{CaseView, Claim, Finding};
use highwater_model::{Category, Metric, Quantity, Record, bytes};

use crate::{LIMIT, LIMITER, NOTHING, Route};

const SOURCE: &str = "a common assumption";
const CONTROL: &str = "control: must be confirmed";
const REFUTED_IF: &str = "something else stops the guest, or nothing, or the host keeps more than 1 MiB";

/// The claim about a route with the store's limiter, and its control: a host with limits of its own.
macro_rules! pair {
    ($route:ident, $id:literal, $what:literal) => {
        [
            Claim {
                id: concat!("limiter-bounds-", $id),
                statement: concat!("a store that is limited to 1 MiB bounds ", $what),
                source: SOURCE,
                refuted_if: REFUTED_IF,
                decide: |record| bounds(record, Route::$route, "store"),
            },
            Claim {
                id: concat!("control-limiter-bounds-", $id),
                statement: concat!("a host that limits it to 1 MiB itself bounds ", $what),
                source: CONTROL,
                refuted_if: "nothing stops the guest, or the host keeps more than 1 MiB",
                decide: |record| bounds(record, Route::$route, "host"),
            },
        ]
    };
}

/// The claims, each before its control. What the limiter counts for certain has none.
pub(super) fn all() -> Vec<Claim> {
    let memory = Claim {
        id: "limiter-bounds-memory",
        statement: "a store that is limited to 1 MiB bounds a memory that grows",
        source: SOURCE,
        refuted_if: REFUTED_IF,
        decide: |record| bounds(record, Route::Memory, "store"),
    };
    let pairs = [
        pair!(Memories, "memories", "the memories of a module together"),
        pair!(Table, "table", "a table that grows"),
        pair!(Stdout, "stdout", "standard output that the host keeps"),
        pair!(Descriptors, "descriptors", "files that a guest opens and does not close"),
        pair!(Resources, "resources", "resources that a guest creates and does not drop"),
        pair!(Files, "files", "files in the memory of the host"),
        pair!(Strings, "strings", "strings that a guest passes and the host keeps"),
        pair!(Returned, "returned", "strings that a guest returns and the host keeps"),
    ];
    std::iter::once(memory).chain(pairs.into_iter().flatten()).collect()
}

/// Memory that the host keeps for the guest: the heap, and the guest's own memories.
fn kept(case: CaseView<'_>) -> Option<f64> {
    let own = case.growth(Quantity::Within(Metric::Anon, Category::LinearMemory), "refused")?;
    Some(case.growth(Metric::HeapLive, "refused")? + own)
}

fn bounds(record: &Record, route: Route, limited: &str) -> Finding {
    let case = CaseView::find(record, "host", &[("route", route.name()), ("limit", limited)]);
    let found = case.and_then(|case| {
        let total = kept(case)?;
        let (units, stopped) = (case.figure("refused", "units")?, case.note("stopped")?);
        let allowed = case.figure("refused", "allowed_bytes")?;
        let is_stopped = if limited == "store" { stopped == LIMITER } else { stopped != NOTHING };
        let figures = format!(
            "{} per {}, of which the limiter allowed {}; {} after {units} of them; stopped by: {stopped}",
            bytes(total / units),
            route.unit(),
            bytes(allowed / units),
            bytes(total),
        );
        // A host's own lists and rounding come on top of what it counts.
        let is_bounded = total <= LIMIT as f64 * 1.25;
        Some(Finding::holds(is_stopped && is_bounded, figures).on([case.id()]))
    });
    found.unwrap_or_else(|| Finding::undecided("the case was not selected or could not run"))
}
