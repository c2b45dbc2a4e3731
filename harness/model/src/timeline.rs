//! The memory of a worker over time: readings at a regular interval, in addition to those at its stages. Runs differ in
//! when they do what, so a timeline is reported, and never judged or part of a baseline.

use serde::{Deserialize, Serialize};

use super::{Metric, Sample, Series};

/// The maximum number of readings of one worker. Beyond it, every second one is dropped.
pub const MAX_READINGS: usize = 1000;

/// The readings of one worker, by column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// The interval in nanoseconds. It doubles whenever readings are dropped.
    pub every_ns: u64,
    /// The time of each reading in nanoseconds since the first stage, without pauses, in ascending order.
    pub at_ns: Vec<u64>,
    /// The memory of all processes at each reading, in bytes ([`Metric::Total`]).
    pub total: Vec<u64>,
    /// The highest charge of the cgroup from the last stage to each reading, in bytes; empty if it is not known.
    pub cgroup_peak: Vec<u64>,
}

impl Timeline {
    /// A timeline without readings.
    #[must_use]
    pub fn new(every_ns: u64) -> Self {
        Self { every_ns, at_ns: Vec::new(), total: Vec::new(), cgroup_peak: Vec::new() }
    }

    /// Adds a reading. Of more than [`MAX_READINGS`], the higher one of each two is kept, and the interval is doubled.
    pub fn add(&mut self, at_ns: u64, total: u64, cgroup_peak: Option<u64>) {
        if self.at_ns.len() >= MAX_READINGS {
            self.thin();
        }
        self.at_ns.push(at_ns);
        self.total.push(total);
        match cgroup_peak {
            Some(peak) if self.cgroup_peak.len() + 1 == self.at_ns.len() => self.cgroup_peak.push(peak),
            // Without one of them, it is not known when the highest one was reached.
            _ => self.cgroup_peak.clear(),
        }
    }

    fn thin(&mut self) {
        let higher = |pair: usize| (2 * pair..2 * pair + 2).max_by_key(|index| (self.total[*index], !*index));
        let kept: Vec<usize> = (0..self.at_ns.len() / 2).filter_map(higher).collect();
        let of = |column: &[u64]| kept.iter().filter_map(|index| column.get(*index).copied()).collect();
        *self = Self {
            every_ns: self.every_ns.saturating_mul(2),
            at_ns: of(&self.at_ns),
            total: of(&self.total),
            cgroup_peak: of(&self.cgroup_peak),
        };
    }
}

/// The timeline of a case: that of one of its completed workers, and what the others had at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CaseTimeline {
    /// The completed worker whose readings these are, from 0: the first one with the highest reading of all.
    pub worker: usize,
    /// Its readings.
    pub readings: Timeline,
    /// The highest reading of each completed worker, those at stages included, in bytes.
    pub highest: Series,
}

impl CaseTimeline {
    /// The timeline of completed workers; `None` unless all have one.
    pub(super) fn of(completed: &[&Sample]) -> Option<Self> {
        let all: Vec<&Timeline> = completed.iter().map(|sample| sample.timeline.as_ref()).collect::<Option<_>>()?;
        let highest = |(sample, timeline): (&&Sample, &&Timeline)| {
            let at_stages = sample.readings.iter().filter_map(|reading| reading.snapshot.get(Metric::Total));
            at_stages.chain(timeline.total.iter().copied()).max().unwrap_or(0)
        };
        let highest: Vec<u64> = completed.iter().zip(&all).map(highest).collect();
        // The first of several, as `max_by_key` returns the last.
        let worker = (0..all.len()).rev().max_by_key(|worker| highest[*worker])?;
        Some(Self { worker, readings: all[worker].clone(), highest: Series::of(highest) })
    }

    /// The same timeline if its worker is one of `workers`, with the values of these.
    pub(super) fn of_workers(&self, workers: &[usize]) -> Option<Self> {
        let worker = workers.iter().position(|worker| *worker == self.worker)?;
        let highest = workers.iter().filter_map(|worker| self.highest.at(*worker)).collect();
        Some(Self { worker, readings: self.readings.clone(), highest: Series::of(highest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_readings_is_limited_and_the_highest_is_kept() {
        let mut timeline = Timeline::new(10);
        let highest = 3 * MAX_READINGS as u64 + 1;
        for n in 1..=5 * MAX_READINGS as u64 {
            timeline.add(n * 10, if n == highest { 1_000_000 } else { n }, Some(n));
            assert!(timeline.at_ns.len() <= MAX_READINGS);
        }
        // Readings were dropped for the 1,001st, and for every 500th after it.
        assert_eq!(timeline.every_ns, 10 << 8);
        let position = timeline.total.iter().position(|total| *total == 1_000_000).expect("kept");
        assert_eq!((timeline.at_ns[position], timeline.cgroup_peak[position]), (highest * 10, highest));
        assert!(timeline.at_ns.is_sorted() && timeline.at_ns.len() == timeline.total.len());
        assert_eq!(timeline.cgroup_peak.len(), timeline.total.len());
    }

    #[test]
    fn readings_without_a_cgroup_have_no_peak() {
        let mut timeline = Timeline::new(1);
        (0..=MAX_READINGS as u64).for_each(|n| timeline.add(n, 7, None));
        assert_eq!((timeline.at_ns.len(), timeline.cgroup_peak.len()), (MAX_READINGS / 2 + 1, 0));
        assert_eq!(timeline.at_ns[..2], [0, 2], "the first of two that are equal");
        let mut partial = Timeline::new(1);
        [Some(1), None, Some(2)].into_iter().for_each(|peak| partial.add(1, 7, peak));
        assert_eq!((partial.at_ns.len(), partial.cgroup_peak.len()), (3, 0));
    }
}
