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

    /// Requires both ratios to be large enough.
    pub(super) fn and(self, other: Self) -> Finding {
        let figures = format!("{}; {}", self.figures, other.figures);
        let cases = self.cases.into_iter().chain(other.cases).map(CaseView::id);
        Finding::holds(self.enough && other.enough, figures).on(cases)
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
