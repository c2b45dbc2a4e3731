//! Decides each claim from a run's figures, for all engines that the run has.

use highwater_judge::{CaseView, Finding};
use highwater_model::{Category, Metric, Quantity, Record, bytes};

/// The ladders of an instance's life. Their slopes add up to the cost of an instance that was called.
const LADDERS: [&str; 2] = ["live", "called"];
/// The most that a call may keep: a mean, so that a block that grows once is not a leak.
const KEPT_BYTES: f64 = 64.0;
/// The increase that counts as one "of about 40 %".
const INCREASE: f64 = 1.2;

const NONE: &str = "no case that it depends on was selected, could run and has a sufficiently long ladder";

/// Decides whether all cases confirm the claim; `decide` returns the verdict and the figures of one.
pub(super) fn all<'a>(
    cases: impl IntoIterator<Item = CaseView<'a>>,
    decide: impl Fn(CaseView<'a>) -> Option<(bool, String)>,
) -> Finding {
    let found: Vec<_> = cases.into_iter().filter_map(|case| Some((case, decide(case)?))).collect();
    if found.is_empty() {
        return Finding::undecided(NONE);
    }
    let holds = found.iter().all(|(_, (holds, _))| *holds);
    let figures: Vec<String> =
        found.iter().map(|(case, (_, figures))| format!("{}: {figures}", case.id().within_family())).collect();
    Finding::holds(holds, figures.join("; ")).on(found.iter().map(|(case, _)| case.id()))
}

/// What a unit of wasmtime takes: anonymous memory outside the heap, where memories and code are, and live bytes in it,
/// which unlike its pages do not depend on what was free before. Large blocks of malloc are mappings of their own, of the
/// category `other`, and live bytes; they count once.
fn cost(case: CaseView<'_>, ladders: &[&str]) -> Option<f64> {
    let large_blocks = case.slope_sum(Quantity::Within(Metric::Anon, Category::Other), ladders).unwrap_or(0.0);
    Some(case.slope_sum(Metric::AnonMapped, ladders)? - large_blocks + case.slope_sum(Metric::HeapLive, ladders)?)
}

pub(super) fn keeps_pages(record: &Record, guest: &str) -> Finding {
    all(CaseView::select(record, "call", &[("guest", guest)]), |case| {
        let kept = case.slope(Metric::Anon, "called")?;
        Some((kept >= 4096.0, format!("{} per call", bytes(kept))))
    })
}

pub(super) fn keeps_nothing(record: &Record, guest: &str) -> Finding {
    all(CaseView::select(record, "call", &[("guest", guest)]), |case| {
        let kept = case.slope(Metric::Anon, "called")?.max(case.slope(Metric::HeapLive, "called")?);
        Some((kept < KEPT_BYTES, format!("{} per call", bytes(kept))))
    })
}

pub(super) fn code_is_shared(record: &Record, kind: &str) -> Finding {
    all(CaseView::select(record, kind, &[]), |case| {
        let code = |metric| Quantity::Within(metric, Category::CompiledCode);
        // An engine that does not show its code has none in this category.
        let (live, _) = case.ladder("live").pop()?;
        case.level(code(Metric::Pss), live.stage.clone()).filter(|bytes| *bytes > 0.0)?;
        let pss = case.slope(code(Metric::Pss), "live")?;
        Some((pss < case.page(), format!("{} per unit", bytes(pss))))
    })
}

pub(super) fn drop_gives_back(record: &Record, drops: bool) -> Finding {
    let cases = CaseView::select(record, "instance", &[("guest", "toucher")]);
    all(cases.into_iter().filter(|case| case.parameter("drop").is_none() == drops), |case| {
        // With few instances, the engine's own pages would be a large part.
        let top = case.rungs("called").into_iter().max().filter(|top| *top >= 100)?;
        let (took, left) = (case.growth(Metric::Anon, ("called", top))?, case.growth(Metric::Anon, "trimmed")?);
        Some((left < took / 10.0, format!("{} of {} left", bytes(left), bytes(took))))
    })
}

/// The ladders over which a case's cost is counted.
fn ladders(case: CaseView<'_>) -> &'static [&'static str] {
    match case.id().strategy() {
        "module" => &["live"],
        _ => &LADDERS,
    }
}

/// Compares the cases of two versions that differ in nothing else.
pub(super) fn adds_forty_percent(record: &Record, [before, after]: [&str; 2]) -> Finding {
    let later = [("engine", "wasmtime"), ("version", after)];
    let cases = ["instance", "module"].into_iter().flat_map(|kind| CaseView::select(record, kind, &later));
    let earlier = |case| counterpart(record, case, ["version", after, before]);
    any_increase(cases.filter_map(|case| Some((earlier(case)?, case))).collect())
}

/// Compares the guest that does nothing with one that writes, in each version.
pub(super) fn writing_adds(record: &Record) -> Finding {
    let cases = CaseView::select(record, "instance", &[("engine", "wasmtime"), ("guest", "tiny")]);
    let writing = |case| counterpart(record, case, ["guest", "tiny", "toucher"]);
    any_increase(cases.into_iter().filter_map(|case| Some((case, writing(case)?))).collect())
}

/// The case whose id differs in the value of one parameter.
fn counterpart<'a>(record: &'a Record, case: CaseView<'_>, [parameter, from, to]: [&str; 3]) -> Option<CaseView<'a>> {
    let id = case.id().as_str().replace(&format!("{parameter}={from}"), &format!("{parameter}={to}"));
    CaseView::get(record, &id.parse().ok()?)
}

/// Confirmed if any pair increases as much as claimed.
fn any_increase(pairs: Vec<(CaseView<'_>, CaseView<'_>)>) -> Finding {
    let ratios = pairs
        .iter()
        .filter_map(|(before, after)| Some((after, cost(*before, ladders(*before))?, cost(*after, ladders(*after))?)));
    let found: Vec<_> = ratios.filter(|(_, before, _)| *before > 0.0).collect();
    if found.is_empty() {
        return Finding::undecided(NONE);
    }
    let figures = found.iter().map(|(case, before, after)| {
        let percent = (after / before - 1.0) * 100.0;
        format!("{}: {} to {} ({percent:+.1} %)", case.id().within_family(), bytes(*before), bytes(*after))
    });
    let holds = found.iter().any(|(_, before, after)| after / before >= INCREASE);
    let figures = figures.collect::<Vec<_>>().join("; ");
    Finding::holds(holds, figures).on(pairs.iter().flat_map(|(before, after)| [before.id(), after.id()]))
}
