//! Decides each claim from a run's figures, for any case.

use std::ops::RangeInclusive;

use highwater_judge::{CaseView, Finding};
use highwater_model::{Aspect, Category, Metric, Quantity, Record, bytes};
use highwater_stats::Linearity;

use super::{CPYTHON, CPYTHON_PRE, Key};
use crate::WINDOW;

const MIB: f64 = (1 << 20) as f64;
/// Windows that the leak test skips, while a heap's free lists fill.
const WARM_UP: usize = 4;
/// The ladders of a sandbox's life up to its first call. Their slopes add up to the cost of a called sandbox.
const UNTIL_CALLED: [&str; 3] = ["live", "initialised", "called"];
/// Categories in which a guest's memory may be counted: wasmtime does not expose where components have
/// theirs.
const GUEST: [Category; 4] = [Category::LinearMemory, Category::CowImage, Category::MappedInput, Category::Other];

fn find<'a>(record: &'a Record, (strategy, parameters): Key) -> Option<CaseView<'a>> {
    CaseView::find(record, strategy, parameters)
}

/// Decides whether all of the cases that are present confirm the claim; `decide` returns the verdict and the
/// figures of one. At least one case must be present.
fn all_of(record: &Record, keys: &[Key], decide: impl Fn(CaseView<'_>) -> Option<(bool, String)>) -> Finding {
    all(keys.iter().filter_map(|key| find(record, *key)).filter_map(|case| Some((case, decide(case)?))).collect())
}

/// The same for cases that are decided already.
fn all(found: Vec<(CaseView<'_>, (bool, String))>) -> Finding {
    if found.is_empty() {
        return Finding::undecided(
            "no case that it depends on was selected, could run and has a sufficiently long ladder",
        );
    }
    let holds = found.iter().all(|(_, (holds, _))| *holds);
    let figures: Vec<String> =
        found.iter().map(|(case, (_, figures))| format!("{}: {figures}", case.id().within_family())).collect();
    Finding::holds(holds, figures.join("; ")).on(found.iter().map(|(case, _)| case.id()))
}

/// A metric per sandbox once all sandboxes have been called, and the share of it in the guest's memories.
/// Both are shares of one reading and not slopes, since medians of slopes do not add up.
fn shares(case: CaseView<'_>, metric: Metric) -> Option<(f64, f64)> {
    let (top, scale) = case.ladder("called").into_iter().max_by_key(|(_, scale)| *scale)?;
    let stage = Aspect::Growth(top.stage.clone());
    let parts = GUEST.iter().map(|category| case.median(Quantity::Within(metric, *category), &stage));
    let guest: f64 = parts.sum::<Option<f64>>()?;
    let sandboxes = f64::from(scale.0);
    Some((case.median(metric, &stage)? / sandboxes, guest / sandboxes))
}

pub(super) fn code_is_shared(record: &Record, keys: &[Key]) -> Finding {
    all_of(record, keys, |case| {
        let pss = case.slope(Quantity::Within(Metric::Pss, Category::CompiledCode), "live")?;
        Some((pss < case.page(), format!("{} per sandbox", bytes(pss))))
    })
}

pub(super) fn is_small(record: &Record, key: Key) -> Finding {
    all_of(record, &[key], |case| {
        let (anon, tables) =
            (case.slope_sum(Metric::Anon, &UNTIL_CALLED)?, case.slope_sum(Metric::PageTables, &UNTIL_CALLED)?);
        Some((anon < 8192.0, format!("{} and {} of page tables", bytes(anon), bytes(tables))))
    })
}

pub(super) fn has_own_memory(record: &Record, key: Key, [space, written]: [&str; 2]) -> Finding {
    all_of(record, &[key], |case| {
        let (space, written) = (case.slope(Metric::Vsize, space)?, case.slope(Metric::Anon, written)?);
        let figures = format!("{} of address space, {} written when called", bytes(space), bytes(written));
        Some((space >= 65_536.0 && written >= case.page(), figures))
    })
}

pub(super) fn of_256_mib(record: &Record, key: Key) -> Finding {
    all_of(record, &[key], |case| {
        let space = case.slope(Metric::Vsize, "live")?;
        Some(((space / (256.0 * MIB) - 1.0).abs() <= 0.1, format!("{} of address space per sandbox", bytes(space))))
    })
}

pub(super) fn memory_is_sparse(record: &Record, key: Key) -> Finding {
    all_of(record, &[key], |case| {
        let space = case.slope(Metric::Vsize, "live")?;
        let ((_, resident), (_, own)) = (shares(case, Metric::Rss)?, shares(case, Metric::Anon)?);
        let figures = format!(
            "of {} of address space, {} is resident, {} of that private",
            bytes(space),
            bytes(resident),
            bytes(own)
        );
        Some((resident <= space / 100.0, figures))
    })
}

pub(super) fn python_is_the_cost(record: &Record, key: Key) -> Finding {
    all_of(record, &[key], |case| {
        let (all, guest) = shares(case, Metric::Anon)?;
        Some((guest >= 0.9 * all, format!("{} of {} belong to the guest", bytes(guest), bytes(all))))
    })
}

pub(super) fn growth_is_linear(record: &Record, keys: &[Key]) -> Finding {
    all_of(record, keys, |case| {
        // On a short ladder, a straight line proves little.
        if case.rungs("live").len() < 3 {
            return None;
        }
        let is_linear = |ladder| Some(case.linearity(Metric::Anon, ladder)? == Linearity::Linear);
        let (live, called) = (is_linear("live")?, is_linear("called")?);
        let words = |linear| if linear { "linear" } else { "not linear" };
        Some((live && called, format!("live {}, called {}", words(live), words(called))))
    })
}

/// Images with their size in MiB.
pub(super) fn cow_is_on(record: &Record, images: &[(Key, u32)]) -> Finding {
    let decide = |(key, mib): &(Key, u32)| {
        let case = find(record, *key)?;
        let anon = case.slope(Metric::Anon, "live")?;
        Some((case, (anon < f64::from(*mib) * MIB / 100.0, format!("{} of {mib} MiB", bytes(anon)))))
    };
    all(images.iter().filter_map(decide).collect())
}

pub(super) fn pre_initialisation_saves(record: &Record, key: Key) -> Finding {
    let Some(own) = find(record, CPYTHON).and_then(|case| case.slope_sum(Metric::Anon, &UNTIL_CALLED)) else {
        return Finding::undecided("the self-initialising CPython was not selected or could not run");
    };
    all_of(record, &[key], |case| {
        let pre = case.slope_sum(Metric::Anon, &UNTIL_CALLED)?;
        Some((pre < own / 2.0, format!("{} against {}", bytes(pre), bytes(own))))
    })
}

pub(super) fn reuse_is_cheaper(record: &Record, key: Key) -> Finding {
    let Some(sandboxes) = find(record, CPYTHON_PRE) else {
        return Finding::undecided("the sandboxes to compare with were not selected or could not run");
    };
    all_of(record, &[key], |session| {
        let executed = session.rungs("executed");
        let rung = sandboxes.rungs("called").into_iter().filter(|rung| executed.contains(rung)).max()?;
        // With few executions, each carries a share of the sandbox's own cost.
        if rung < 16 {
            return None;
        }
        let one = session.growth(Metric::Anon, ("executed", rung))?;
        // All sandboxes of the ladder are live while the first are called.
        let per_sandbox = sandboxes.slope_sum(Metric::Anon, &UNTIL_CALLED)?;
        let many = per_sandbox * f64::from(rung);
        Some((one < many / 10.0, format!("{rung} executions {}, {rung} sandboxes {}", bytes(one), bytes(many))))
    })
}

pub(super) fn leaks_nothing(record: &Record, keys: &[Key]) -> Finding {
    all_of(record, keys, |case| {
        let found = case.leak(Metric::Anon, "executed", WINDOW, WARM_UP)?;
        Some(match found {
            Some(leak) => (false, format!("{} per execution", bytes(leak.slope / f64::from(WINDOW)))),
            None => (true, "none".to_owned()),
        })
    })
}

/// Resident memory of a live sandbox in MB, as the source counts.
pub(super) fn adds_megabytes(record: &Record, key: Key, range: RangeInclusive<f64>) -> Finding {
    all_of(record, &[key], |case| {
        let rss = case.slope(Metric::Rss, "live")?;
        Some((range.contains(&(rss / 1e6)), format!("{:.1} MB per sandbox", rss / 1e6)))
    })
}

pub(super) fn drop_gives_back(record: &Record, key: Key) -> Finding {
    all_of(record, &[key], |case| {
        // With few sandboxes, the host's own pages would be a large part.
        let top = case.rungs("called").into_iter().max().filter(|top| *top >= 100)?;
        let (took, left) = (case.growth(Metric::Anon, ("called", top))?, case.growth(Metric::Anon, "trimmed")?);
        Some((left < took / 10.0, format!("{} of {} left after dropping {top} sandboxes", bytes(left), bytes(took))))
    })
}
