//! The memory of unmodified programs over time, for the terminal: one line per case.

use highwater_judge::{CaseView, OverTime};
use highwater_model::{Bytes, nanoseconds};

use crate::counted::counted;

/// `n=1 over time: highest 9.2 MiB after 120 ms, at loaded; ...`. `None` if the case was read at its stages only.
pub(super) fn over_time(view: CaseView<'_>) -> Option<String> {
    let over_time = view.over_time()?;
    let id = view.case.id.within_family();
    let OverTime { readings, range: (low, high), every_ns, .. } = &over_time;
    let read = counted(readings.iter().filter(|reading| reading.stage.is_none()).count(), "reading");
    let workers = match (view.case.samples, low < high) {
        (1, _) => String::new(),
        (n, true) => format!("; n = {n}, {} to {}", Bytes(*low), Bytes(*high)),
        (n, false) => format!("; n = {n}, all equal"),
    };
    Some(format!(
        "{id} over time: highest {}{}; {read} every {}{workers}",
        highest(&over_time),
        peak(&over_time).map_or(String::new(), |peak| format!("; {peak}")),
        nanoseconds(*every_ns as f64)
    ))
}

/// `9.2 MiB after 120 ms, at loaded`.
pub(crate) fn highest(over_time: &OverTime<'_>) -> String {
    let OverTime { highest, highest_after, .. } = over_time;
    let place = match (highest.stage, highest_after) {
        (Some(stage), _) => format!(", at {stage}"),
        (None, Some(stage)) => format!(", after {stage}"),
        (None, None) => String::new(),
    };
    format!("{} after {}{place}", Bytes(highest.total), nanoseconds(highest.at_ns as f64))
}

/// `cgroup peak 12.1 MiB between 120 ms and 130 ms`.
pub(crate) fn peak(over_time: &OverTime<'_>) -> Option<String> {
    let peak = over_time.peak?;
    let (from, to) = peak.between_ns;
    let [from, to] = [from, to].map(|ns| nanoseconds(ns as f64));
    Some(format!("cgroup peak {} between {from} and {to}", Bytes(peak.bytes)))
}
