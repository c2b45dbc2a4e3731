//! Decides each claim from a run's figures, for any case.

use highwater_judge::Finding;
use highwater_model::{Category, Metric, Quantity, Record, signed_bytes};

use super::{CPYTHON, CPYTHON_PRE};
use crate::{WINDOW, reading::Reading};

const MIB: f64 = (1 << 20) as f64;
/// Windows that the leak test skips, while a heap's free lists fill.
const WARM_UP: usize = 4;

/// Decides whether all of the cases that are present confirm the claim; `decide` returns the verdict and the
/// figures of one. At least one case must be present.
fn all_of(record: &Record, ids: &[&str], decide: impl Fn(Reading<'_>) -> Option<(bool, String)>) -> Finding {
    let readings = ids.iter().filter_map(|id| Reading::of(record, id));
    let found: Vec<_> = readings.filter_map(|reading| Some((reading, decide(reading)?))).collect();
    if found.is_empty() {
        return Finding::undecided(
            "no case that it depends on was selected, could run and has a sufficiently long ladder",
        );
    }
    let holds = found.iter().all(|(_, (holds, _))| *holds);
    let figures: Vec<String> =
        found.iter().map(|(reading, (_, figures))| format!("{}: {figures}", name(*reading))).collect();
    Finding::holds(holds, figures.join("; ")).on(found.iter().map(|(reading, _)| reading.id()))
}

/// A case's id without the family.
fn name(reading: Reading<'_>) -> &str {
    reading.id().as_str().split_once('/').map_or("", |(_, rest)| rest)
}

fn bytes(value: f64) -> String {
    signed_bytes(value).trim_start_matches('+').to_owned()
}

pub(super) fn code_is_shared(record: &Record, ids: &[&str]) -> Finding {
    all_of(record, ids, |reading| {
        let pss = reading.slope(Quantity::Within(Metric::Pss, Category::CompiledCode), "live")?;
        Some((pss < reading.page(), format!("{} per sandbox", bytes(pss))))
    })
}

pub(super) fn is_small(record: &Record, id: &str) -> Finding {
    all_of(record, &[id], |reading| {
        let (anon, tables) = (reading.whole_slope(Metric::Anon)?, reading.whole_slope(Metric::PageTables)?);
        Some((anon < 8192.0, format!("{} and {} of page tables", bytes(anon), bytes(tables))))
    })
}

pub(super) fn has_own_memory(record: &Record, id: &str, [space, written]: [&str; 2]) -> Finding {
    all_of(record, &[id], |reading| {
        let (space, written) = (reading.slope(Metric::Vsize, space)?, reading.slope(Metric::Anon, written)?);
        let figures = format!("{} of address space, {} written when called", bytes(space), bytes(written));
        Some((space >= 65_536.0 && written >= reading.page(), figures))
    })
}

pub(super) fn of_256_mib(record: &Record, id: &str) -> Finding {
    all_of(record, &[id], |reading| {
        let space = reading.slope(Metric::Vsize, "live")?;
        Some(((space / (256.0 * MIB) - 1.0).abs() <= 0.1, format!("{} of address space per sandbox", bytes(space))))
    })
}

pub(super) fn memory_is_sparse(record: &Record, id: &str) -> Finding {
    all_of(record, &[id], |reading| {
        let space = reading.slope(Metric::Vsize, "live")?;
        let ((_, resident), (_, own)) = (reading.shares(Metric::Rss)?, reading.shares(Metric::Anon)?);
        let figures = format!(
            "of {} of address space, {} is resident, {} of that private",
            bytes(space),
            bytes(resident),
            bytes(own)
        );
        Some((resident <= space / 100.0, figures))
    })
}

pub(super) fn python_is_the_cost(record: &Record, id: &str) -> Finding {
    all_of(record, &[id], |reading| {
        let (all, guest) = reading.shares(Metric::Anon)?;
        Some((guest >= 0.9 * all, format!("{} of {} belong to the guest", bytes(guest), bytes(all))))
    })
}

pub(super) fn growth_is_linear(record: &Record, ids: &[&str]) -> Finding {
    all_of(record, ids, |reading| {
        // On a short ladder, a straight line proves little.
        if reading.rungs("live").len() < 3 {
            return None;
        }
        let [live, called] = ["live", "called"].map(|ladder| reading.is_linear(Metric::Anon, ladder));
        let words = |linear| if linear { "linear" } else { "not linear" };
        Some((live? && called?, format!("live {}, called {}", words(live?), words(called?))))
    })
}

/// Images with their size in MiB.
pub(super) fn cow_is_on(record: &Record, images: &[(&str, u32)]) -> Finding {
    let ids: Vec<&str> = images.iter().map(|(id, _)| *id).collect();
    all_of(record, &ids, |reading| {
        let (_, mib) = images.iter().find(|(id, _)| *id == name(reading))?;
        let anon = reading.slope(Metric::Anon, "live")?;
        Some((anon < f64::from(*mib) * MIB / 100.0, format!("{} of {mib} MiB", bytes(anon))))
    })
}

pub(super) fn pre_initialisation_saves(record: &Record, id: &str) -> Finding {
    let Some(own) = Reading::of(record, CPYTHON).and_then(|reading| reading.whole_slope(Metric::Anon)) else {
        return Finding::undecided("the self-initialising CPython was not selected or could not run");
    };
    all_of(record, &[id], |reading| {
        let pre = reading.whole_slope(Metric::Anon)?;
        Some((pre < own / 2.0, format!("{} against {}", bytes(pre), bytes(own))))
    })
}

pub(super) fn reuse_is_cheaper(record: &Record, id: &str) -> Finding {
    let Some(sandboxes) = Reading::of(record, CPYTHON_PRE) else {
        return Finding::undecided("the sandboxes to compare with were not selected or could not run");
    };
    all_of(record, &[id], |session| {
        let executed = session.rungs("executed");
        let rung = sandboxes.rungs("called").into_iter().filter(|rung| executed.contains(rung)).max()?;
        // With few executions, each carries a share of the sandbox's own cost.
        if rung < 16 {
            return None;
        }
        let one = session.growth(Metric::Anon, &format!("executed@{rung}"))?;
        // All sandboxes of the ladder are live while the first are called.
        let per_sandbox = sandboxes.whole_slope(Metric::Anon)?;
        let many = per_sandbox * f64::from(rung);
        Some((one < many / 10.0, format!("{rung} executions {}, {rung} sandboxes {}", bytes(one), bytes(many))))
    })
}

pub(super) fn leaks_nothing(record: &Record, ids: &[&str]) -> Finding {
    all_of(record, ids, |reading| {
        let found = reading.leak("executed", WINDOW, WARM_UP)?;
        Some(match found {
            Some(leak) => (false, format!("{} per execution", bytes(leak.slope / f64::from(WINDOW)))),
            None => (true, "none".to_owned()),
        })
    })
}

pub(super) fn drop_gives_back(record: &Record, id: &str) -> Finding {
    all_of(record, &[id], |reading| {
        // With few sandboxes, the host's own pages would be a large part.
        let top = reading.rungs("called").into_iter().max().filter(|top| *top >= 100)?;
        let (took, left) =
            (reading.growth(Metric::Anon, &format!("called@{top}"))?, reading.growth(Metric::Anon, "trimmed")?);
        Some((left < took / 10.0, format!("{} of {} left after dropping {top} sandboxes", bytes(left), bytes(took))))
    })
}
