//! Values that the claims read from a record: figures, the fastest commits, and comparisons of two
//! strategies.

use highwater_judge::Finding;
use highwater_model::{CaseRecord, Quantity, Record, nanoseconds};

pub(super) fn full(id: &str) -> String {
    format!("{}/{id}", super::NAME)
}

pub(super) fn missing(id: impl AsRef<str>) -> Finding {
    Finding::undecided(format!("{} was not run or did not reach this stage", id.as_ref()))
}

/// The median over all workers of a figure at a stage.
pub(super) fn figure<'a>(record: &'a Record, id: &str, stage: &str, name: &str) -> Option<(&'a CaseRecord, u64)> {
    let case = record.case(&full(id))?;
    Some((case, middle(values(case, stage, name)?)?))
}

/// The fastest commit of a case, in nanoseconds of wall time. The work is the same in each worker; any extra
/// time comes from the machine.
fn commit_ns<'a>(record: &'a Record, id: &str) -> Option<(&'a CaseRecord, u64)> {
    let case = record.case(&full(id))?;
    let times = values(case, "committed", "commit_ns")?;
    Some((case, times.into_iter().min()?))
}

/// The values of a figure at a stage, one for each worker.
fn values(case: &CaseRecord, stage: &str, name: &str) -> Option<Vec<u64>> {
    let quantity: Quantity = format!("figure.{name}").parse().ok()?;
    case.stage(&stage.parse().ok()?)?.values(quantity, case.samples)
}

/// The cost of a reset at a stage, including the next job, relative to a memset of the same memory. Both are
/// the minimum over all workers: the work is the same in each, and other load on the machine only adds time.
pub(super) fn of_zeroing(record: &Record, id: &str, stage: &str) -> Option<f64> {
    let case = record.case(&full(id))?;
    let least = |name| values(case, stage, name)?.into_iter().min();
    Some(least("cost_ns")? as f64 / least("zeroing_ns")? as f64)
}

fn middle(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Decides the claim that a strategy commits everything, to the byte.
pub(super) fn commits(record: &Record, id: &str) -> Finding {
    let Some((case, left)) = figure(record, id, "checked", "uncommitted_bytes") else { return missing(id) };
    Finding::holds(left == 0, format!("{} of 256 MiB uncommitted", highwater_model::Bytes(left))).on([&case.id])
}

/// The speed-up of one strategy over another, and whether it is large enough.
pub(super) struct Ratio<'a> {
    enough: bool,
    figures: String,
    cases: [&'a CaseRecord; 2],
}

impl Ratio<'_> {
    pub(super) fn finding(self) -> Finding {
        Finding::holds(self.enough, self.figures).on(self.cases.map(|case| &case.id))
    }

    pub(super) fn inverted(self) -> Finding {
        Self { enough: !self.enough, ..self }.finding()
    }

    /// Requires both ratios to be large enough.
    pub(super) fn and(self, other: Self) -> Finding {
        let figures = format!("{}; {}", self.figures, other.figures);
        let cases = self.cases.into_iter().chain(other.cases).map(|case| &case.id);
        Finding::holds(self.enough && other.enough, figures).on(cases)
    }
}

pub(super) fn faster<'a>(record: &'a Record, slow: &str, fast: &str, times: f64) -> Result<Ratio<'a>, String> {
    let (slow_case, slow_ns) = commit_ns(record, slow).ok_or(slow)?;
    let (fast_case, fast_ns) = commit_ns(record, fast).ok_or(fast)?;
    let (_, left) = figure(record, fast, "checked", "uncommitted_bytes").ok_or(fast)?;
    let ratio = slow_ns as f64 / fast_ns as f64;
    let (slow_text, fast_text) = (nanoseconds(slow_ns as f64), nanoseconds(fast_ns as f64));
    let limit = figure(record, fast, "limit", "memset_ns").map_or(0, |(_, ns)| ns);
    let figures = format!(
        "{slow_text} against {fast_text}: {ratio:.2} times as fast; {left} B uncommitted; a memset of it takes {}",
        nanoseconds(limit as f64)
    );
    Ok(Ratio { enough: ratio >= times && left == 0, figures, cases: [slow_case, fast_case] })
}

/// Decides the claim that an attempt ends in a kill.
pub(super) fn killed(record: &Record, id: &str) -> Finding {
    let Some((case, killed)) = figure(record, id, "tried", "killed") else { return missing(id) };
    let outcome = case.notes.get("outcome").map_or(String::new(), |texts| texts.join("; "));
    Finding::holds(killed == 1, outcome).on([&case.id])
}

/// The CPU time of a hundred jobs and their resets.
pub(super) fn jobs<'a>(record: &'a Record, how: &str) -> Option<(&'a CaseRecord, f64)> {
    let id = format!("jobs/how={how},pages=4k,size=256m");
    let (case, job) = figure(record, &id, "jobs", "job_ns")?;
    let (_, reset) = figure(record, &id, "jobs", "reset_ns")?;
    Some((case, (job + reset) as f64))
}
