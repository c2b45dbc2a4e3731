//! What the claims read out of a record: figures, the fastest of some commits, one way against another.

use highwater_model::{CaseRecord, Quantity, Record, nanoseconds};
use highwater_worker::Finding;

pub(super) fn full(id: &str) -> String {
    format!("{}/{id}", super::NAME)
}

pub(super) fn missing(id: impl AsRef<str>) -> Finding {
    Finding::undecided(format!("{} was not run or did not get so far", id.as_ref()))
}

/// The middle value of a figure at a stage, over the workers.
pub(super) fn figure<'a>(record: &'a Record, id: &str, stage: &str, name: &str) -> Option<(&'a CaseRecord, u64)> {
    let case = record.case(&full(id))?;
    Some((case, middle(values(case, stage, name)?)?))
}

/// The fastest commit of a case, in nanoseconds of wall time: work is the same in each, and what comes
/// on top is the machine's.
fn commit_ns<'a>(record: &'a Record, id: &str) -> Option<(&'a CaseRecord, u64)> {
    let case = record.case(&full(id))?;
    let times = values(case, "committed", "commit_ns")?;
    Some((case, times.into_iter().min()?))
}

/// A figure at a stage, of each worker.
fn values(case: &CaseRecord, stage: &str, name: &str) -> Option<Vec<u64>> {
    let quantity: Quantity = format!("figure.{name}").parse().ok()?;
    case.stage(&stage.parse().ok()?)?.values(quantity, case.samples)
}

/// What a reset costs at a stage, the next job included, against a memset of the same memory: each as in the
/// worker in which it took the least. The work is the same in all, and what else the machine does only adds.
pub(super) fn of_zeroing(record: &Record, id: &str, stage: &str) -> Option<f64> {
    let case = record.case(&full(id))?;
    let least = |name| values(case, stage, name)?.into_iter().min();
    Some(least("cost_ns")? as f64 / least("zeroing_ns")? as f64)
}

fn middle(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// The claim that a way commits, to the byte.
pub(super) fn commits(record: &Record, id: &str) -> Finding {
    let Some((case, left)) = figure(record, id, "checked", "uncommitted_bytes") else { return missing(id) };
    Finding::holds(left == 0, format!("{} of 256 MiB uncommitted", highwater_model::Bytes(left))).on([&case.id])
}

/// How many times as fast one way is as another, and whether that is enough.
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

    /// Both are enough.
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

/// The claim that an attempt ends in a kill.
pub(super) fn killed(record: &Record, id: &str) -> Finding {
    let Some((case, killed)) = figure(record, id, "tried", "killed") else { return missing(id) };
    let outcome = case.notes.get("outcome").map_or(String::new(), |texts| texts.join("; "));
    Finding::holds(killed == 1, outcome).on([&case.id])
}

/// CPU time of a hundred jobs and their resets.
pub(super) fn jobs<'a>(record: &'a Record, how: &str) -> Option<(&'a CaseRecord, f64)> {
    let id = format!("jobs/how={how},pages=4k,size=256m");
    let (case, job) = figure(record, &id, "jobs", "job_ns")?;
    let (_, reset) = figure(record, &id, "jobs", "reset_ns")?;
    Some((case, (job + reset) as f64))
}
