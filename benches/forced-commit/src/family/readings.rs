//! What several claims decide by: the uncommitted bytes and the fastest commits of a case, and comparisons of two
//! strategies.

use highwater_judge::{CaseView, Finding};
use highwater_model::{CaseId, Record, bytes, nanoseconds};

use super::id;

/// The finding if a case was not run.
pub(super) fn missing(id: &CaseId) -> Finding {
    Finding::undecided(format!("{} was not run or did not reach this stage", id.within_family()))
}

/// A case of `commit`.
pub(super) fn commit(how: &str, host: &str, size: &str) -> CaseId {
    id("commit", &[("how", how), ("host", host), ("size", size)])
}

/// A case of `reset` on pages of 4 KiB.
pub(super) fn reset(how: &str, size: &str, dirty: &str) -> CaseId {
    id("reset", &[("how", how), ("pages", "4k"), ("size", size), ("where", dirty)])
}

/// A case of `limit` in a cgroup.
pub(super) fn in_cgroup(how: &str, limit: &str, size: &str) -> CaseId {
    id("limit", &[("by", "cgroup"), ("how", how), ("limit", limit), ("size", size)])
}

/// A case and the median of a figure at a stage.
pub(super) fn figure<'a>(record: &'a Record, id: &CaseId, stage: &str, name: &str) -> Option<(CaseView<'a>, f64)> {
    let case = CaseView::get(record, id)?;
    Some((case, case.figure(stage, name)?))
}

/// The cost of a reset at a stage, including the next job, relative to a memset of the same memory. Both are
/// the minimum over all workers: the work is the same in each, and other load on the machine only adds time.
pub(super) fn of_zeroing(case: CaseView<'_>, stage: (&str, u32)) -> Option<f64> {
    Some(case.min_figure(stage, "cost_ns")? / case.min_figure(stage, "zeroing_ns")?)
}

/// Decides the claim that a strategy commits 256 MiB, to the byte.
pub(super) fn commits(record: &Record, how: &str) -> Finding {
    let id = commit(how, "warm", "256m");
    let Some((case, left)) = figure(record, &id, "checked", "uncommitted_bytes") else { return missing(&id) };
    Finding::holds(left == 0.0, format!("{} of 256 MiB uncommitted", bytes(left))).on([case.id()])
}

/// The speed-up of one strategy over another, and whether it is large enough.
pub(super) struct Ratio<'a> {
    enough: bool,
    figures: String,
    cases: [CaseView<'a>; 2],
}

impl Ratio<'_> {
    pub(super) fn finding(self) -> Finding {
        Finding::holds(self.enough, self.figures).on(self.cases.map(CaseView::id))
    }

    pub(super) fn inverted(self) -> Finding {
        Self { enough: !self.enough, ..self }.finding()
    }
}

/// Compares the fastest commits of two cases, or returns the one that was not run. The work is the same in each
/// worker; any extra time comes from the machine.
pub(super) fn faster(record: &Record, slow: CaseId, fast: CaseId, times: f64) -> Result<Ratio<'_>, CaseId> {
    let fastest_commit = |id: &CaseId| {
        let case = CaseView::get(record, id)?;
        Some((case, case.min_figure("committed", "commit_ns")?))
    };
    let (slow_case, slow_ns) = fastest_commit(&slow).ok_or(slow)?;
    let Some((fast_case, fast_ns)) = fastest_commit(&fast) else { return Err(fast) };
    let left = fast_case.figure("checked", "uncommitted_bytes").ok_or(fast)?;
    let ratio = slow_ns / fast_ns;
    let figures = format!(
        "{} against {}: {ratio:.2} times as fast; {left} B uncommitted; a memset of it takes {}",
        nanoseconds(slow_ns),
        nanoseconds(fast_ns),
        nanoseconds(fast_case.figure("limit", "memset_ns").unwrap_or(0.0))
    );
    Ok(Ratio { enough: ratio >= times && left == 0.0, figures, cases: [slow_case, fast_case] })
}

/// How much slower than what the machine allows the recommended commit may be.
const NEAR: f64 = 1.25;

/// The sizes at which commits are compared with what the machine allows, and the state of the host's pages of the
/// strategies without an own measurement of it.
const SIZES: [(&str, &str); 2] = [("1g", "warm"), ("4g", "as-found")];

/// Other strategies, whose distance from the limit is shown.
const OTHERS: [&str; 5] =
    ["huge-chunks-threads-2", "huge-chunks", "guarded-huge", "populate-chunks-threads-2", "two-pass"];

/// Decides the claim that the recommended commit is as fast as the machine allows: as the kernel clears as many pages
/// without it, or as a memset of resident memory, whichever takes longer. All three were measured alternately in the
/// same workers. Shows how near the limit each other strategy is.
pub(super) fn near_the_limit(record: &Record) -> Finding {
    let (mut figures, mut cases, mut is_near) = (Vec::new(), Vec::new(), true);
    for (size, host) in SIZES {
        let id = commit("best", "warm", size);
        let Some(case) = CaseView::get(record, &id) else { return missing(&id) };
        let least = ["best_ns", "clearing_ns", "fill_ns"].map(|name| case.min_figure("limit", name));
        let ([Some(best), Some(clearing), Some(memset)], Some(left)) =
            (least, case.figure("checked", "uncommitted_bytes"))
        else {
            return missing(&id);
        };
        let limit = clearing.max(memset);
        is_near &= best <= limit * NEAR && left == 0.0;
        let mut text = format!(
            "{size}: page clearing {}, a memset {}; of the longer: best {:.2}",
            nanoseconds(clearing),
            nanoseconds(memset),
            best / limit
        );
        for how in OTHERS {
            let other = CaseView::get(record, &commit(how, host, size));
            if let Some(other) = other.and_then(|case| case.min_figure("committed", "commit_ns")) {
                text += &format!(", {how} {:.2}", other / limit);
            }
        }
        figures.push(text);
        cases.push(case.id());
    }
    Finding::holds(is_near, figures.join("; ")).on(cases)
}

/// Decides the claim that an attempt ends in a kill.
pub(super) fn killed(record: &Record, id: &CaseId) -> Finding {
    let Some((case, killed)) = figure(record, id, "tried", "killed") else { return missing(id) };
    Finding::holds(killed == 1.0, case.notes("outcome").join("; ")).on([case.id()])
}

/// The CPU time of a hundred jobs and their resets.
pub(super) fn jobs<'a>(record: &'a Record, how: &str) -> Option<(CaseView<'a>, f64)> {
    let case = CaseView::find(record, "jobs", &[("how", how), ("pages", "4k"), ("size", "256m")])?;
    Some((case, case.figure("jobs", "job_ns")? + case.figure("jobs", "reset_ns")?))
}
