//! What the ladder of a case cannot resolve. Memory is mapped in pages, so a ladder that ends at N units shows a cost of
//! one page per N units and none below, and what happens once in more than N units never happens at all. `bless` warns
//! about ladders that are too short for their tolerance.

use std::fmt;

use highwater_model::{Aspect, CaseId, CaseRecord, Metric, Quantity, Record, Scale};
use highwater_stats::median;

use super::{CaseView, Mode, Policy};

/// A ladder should show what happens once in this many units, unless the tolerance of its slope is larger. This is the
/// rarest leak that the project's own families contain.
const UNITS: f64 = 100.0;

/// The quantities that grow in steps: pages and mappings. Heap bytes show the smallest cost at any rung.
const STEPPED: [Metric; 3] = [Metric::AnonMapped, Metric::PageTables, Metric::Vmas];

/// A ladder that is too short for the tolerance of its slope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The case.
    pub case: CaseId,
    /// The name of the ladder's stages.
    pub ladder: String,
    /// Its last rung.
    pub top: Scale,
    /// The gated quantities that it does not resolve.
    pub quantities: Vec<Quantity>,
    /// The last rung that would resolve them.
    pub needed: u32,
    /// The unit of the ladder.
    pub unit: String,
}

/// `toy/mapped: live@50 is the last rung, so one page or mapping in more than 50 (unit: buffer) is not seen (...)`
impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, ladder, top, quantities, needed, unit } = self;
        let names: Vec<String> = quantities.iter().map(ToString::to_string).collect();
        write!(
            f,
            "{case}: {ladder}@{top} is the last rung, so one page or mapping in more than {top} (unit: {unit}) is not seen ({}); \
             a rung {ladder}@{needed} would show one in {needed}, or state a larger tolerance of the slope",
            names.join(", ")
        )
    }
}

/// The ladders of a run that cannot resolve the tolerance of their slopes.
#[must_use]
pub fn unresolved(run: &Record, policy: &Policy) -> Vec<Unresolved> {
    run.cases.iter().flat_map(|case| of_case(run, case, policy)).collect()
}

fn of_case(run: &Record, case: &CaseRecord, policy: &Policy) -> Vec<Unresolved> {
    let view = CaseView::of(run, case);
    let ladder = |aspect: Aspect| {
        let Aspect::Slope(name) = &aspect else { return None };
        let scales = case.stages.iter().filter(|columns| columns.stage.name() == name);
        let top = scales.filter_map(|columns| columns.stage.scale()).max()?;
        // The number of units at which one page costs as much per unit as is tolerated.
        let units = |quantity: Quantity| {
            let slope = median(&view.values(quantity, &aspect)?)?;
            let applied = policy.applied(&case.id, quantity, &aspect);
            let quantum = quantity.quantum(run.fingerprint.class.page_size);
            let units = (quantum / applied.allowed(slope)).min(UNITS);
            (applied.mode == Mode::Gate && units > f64::from(top.0)).then_some((quantity, units))
        };
        let found: Vec<(Quantity, f64)> = STEPPED.iter().filter_map(|metric| units((*metric).into())).collect();
        let needed = found.iter().map(|(_, units)| units.ceil() as u32).max()?;
        let quantities = found.into_iter().map(|(quantity, _)| quantity).collect();
        Some(Unresolved {
            case: case.id.clone(),
            ladder: name.clone(),
            top,
            quantities,
            needed,
            unit: run.unit.clone(),
        })
    };
    view.aspects().into_iter().filter_map(ladder).collect()
}
