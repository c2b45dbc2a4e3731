//! The memory of a case over time: the readings of one worker, those at its stages included, the highest of them, and
//! when the charge of its cgroup was highest.

use highwater_model::{CaseTimeline, Metric, Stage, StageColumns};

use crate::CaseView;

/// A reading of the memory of all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedReading<'a> {
    /// Nanoseconds since the first stage, without pauses.
    pub at_ns: u64,
    /// The memory in bytes.
    pub total: u64,
    /// The stage at which it was read, if it is not one of the interval.
    pub stage: Option<&'a Stage>,
}

/// The highest charge of a cgroup, which the kernel keeps between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargePeak {
    /// The charge in bytes, kernel memory and cached files included.
    pub bytes: u64,
    /// The times of the readings between which it was reached, in nanoseconds since the first stage.
    pub between_ns: (u64, u64),
}

/// The memory of a case over time.
#[derive(Clone, Debug)]
pub struct OverTime<'a> {
    /// The readings in order; at least one.
    pub readings: Vec<TimedReading<'a>>,
    /// The first of the highest readings.
    pub highest: TimedReading<'a>,
    /// The last stage at or before the highest reading.
    pub highest_after: Option<&'a Stage>,
    /// The lowest and the highest value that workers had as their highest.
    pub range: (u64, u64),
    /// `None` without a cgroup.
    pub peak: Option<ChargePeak>,
    /// The interval in nanoseconds.
    pub every_ns: u64,
}

impl<'a> CaseView<'a> {
    /// The memory over time, if it was read.
    #[must_use]
    pub fn over_time(self) -> Option<OverTime<'a>> {
        let timeline = self.case.timeline.as_ref()?;
        let stages = self.stage_times(timeline);
        let between = timeline.readings.at_ns.iter().zip(&timeline.readings.total);
        let between = between.map(|(at_ns, total)| TimedReading { at_ns: *at_ns, total: *total, stage: None });
        let mut readings: Vec<TimedReading<'a>> = stages.iter().copied().chain(between).collect();
        readings.sort_by_key(|reading| reading.at_ns);
        // The first of several, as `max_by_key` returns the last.
        let (index, highest) = readings.iter().copied().enumerate().rev().max_by_key(|(_, reading)| reading.total)?;
        let highest_after = readings[..=index].iter().rev().find_map(|reading| reading.stage);
        let of_workers = || (0..self.case.samples).filter_map(|worker| timeline.highest.at(worker));
        Some(OverTime {
            highest,
            highest_after,
            range: (of_workers().min()?, of_workers().max()?),
            peak: self.charge_peak(timeline, &stages),
            every_ns: timeline.readings.every_ns,
            readings,
        })
    }

    /// The readings of the timeline's worker at its stages. The time of a stage is that of those before it, too.
    fn stage_times(self, timeline: &CaseTimeline) -> Vec<TimedReading<'a>> {
        let mut at_ns = 0_u64;
        let reading = |columns: &'a StageColumns| {
            at_ns = at_ns.saturating_add(columns.wall_ns.at(timeline.worker)?);
            let total = columns.memory.get(&Metric::Total.into())?.at(timeline.worker)?;
            Some(TimedReading { at_ns, total, stage: Some(&columns.stage) })
        };
        self.case.stages.iter().filter_map(reading).collect()
    }

    /// The highest charge that the stages after the first have, and between which readings it was reached.
    fn charge_peak(self, timeline: &CaseTimeline, stages: &[TimedReading<'a>]) -> Option<ChargePeak> {
        let peak_at =
            |stage: &Stage| self.case.stage(stage)?.memory.get(&Metric::CgroupPeak.into())?.at(timeline.worker);
        let phases = stages.windows(2).filter_map(|pair| Some((pair[0], pair[1], peak_at(pair[1].stage?)?)));
        // The first of several, as `max_by_key` returns the last.
        let (from, to, bytes) = phases.rev().max_by_key(|(.., peak)| *peak)?;
        let columns = &timeline.readings;
        let within = columns.at_ns.iter().zip(&columns.cgroup_peak);
        let mut before = from.at_ns;
        for (at_ns, peak) in within.filter(|(at_ns, _)| (from.at_ns..=to.at_ns).contains(*at_ns)) {
            if *peak >= bytes {
                return Some(ChargePeak { bytes, between_ns: (before, *at_ns) });
            }
            before = *at_ns;
        }
        Some(ChargePeak { bytes, between_ns: (before, to.at_ns) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use highwater_model::{CaseRecord, Series, Timeline};

    use super::*;

    fn case(stages: &[(&str, u64, u64, u64)], readings: &[(u64, u64, u64)]) -> CaseRecord {
        let columns = |(name, wall_ns, total, peak): &(&str, u64, u64, u64)| StageColumns {
            stage: name.parse().expect("a stage"),
            wall_ns: Series::Each(vec![9, *wall_ns]),
            cpu_ns: Series::Same(0),
            memory: BTreeMap::from([
                (Metric::Total.into(), Series::Each(vec![9, *total])),
                (Metric::CgroupPeak.into(), Series::Same(*peak)),
            ]),
        };
        let mut timeline = Timeline::new(10);
        readings.iter().for_each(|(at, total, peak)| timeline.add(*at, *total, Some(*peak)));
        CaseRecord {
            samples: 2,
            stages: stages.iter().map(columns).collect(),
            timeline: Some(CaseTimeline { worker: 1, readings: timeline, highest: Series::Each(vec![60, 70]) }),
            ..CaseRecord::from_samples("a/b".parse().expect("an id"), &[])
        }
    }

    const STAGES: [(&str, u64, u64, u64); 3] = [("start", 0, 1, 500), ("ready", 25, 50, 55), ("exit", 30, 20, 90)];

    fn peak(readings: &[(u64, u64, u64)]) -> ChargePeak {
        let case = case(&STAGES, readings);
        CaseView::new(&case, &"start".parse().expect("a stage")).over_time().expect("read").peak.expect("a cgroup")
    }

    #[test]
    fn readings_of_the_interval_and_of_stages_are_in_order() {
        let case = case(&STAGES, &[(10, 30, 30), (20, 40, 45), (35, 70, 71), (45, 60, 90)]);
        let start = "start".parse().expect("a stage");
        let over_time = CaseView::new(&case, &start).over_time().expect("read");
        let seen: Vec<(u64, u64)> = over_time.readings.iter().map(|it| (it.at_ns, it.total)).collect();
        assert_eq!(seen, [(0, 1), (10, 30), (20, 40), (25, 50), (35, 70), (45, 60), (55, 20)]);
        assert_eq!((over_time.highest.at_ns, over_time.highest.total), (35, 70));
        assert_eq!(over_time.highest_after.map(Stage::name), Some("ready"));
        assert_eq!((over_time.range, over_time.every_ns), ((60, 70), 10));
    }

    /// The charge at the start is that of the fork of the parent.
    #[test]
    fn the_peak_is_between_the_readings_where_it_rose() {
        let found = peak(&[(10, 30, 30), (35, 70, 71), (45, 60, 90)]);
        assert_eq!(found, ChargePeak { bytes: 90, between_ns: (35, 45) });
        assert_eq!(peak(&[(10, 30, 30), (35, 70, 71)]).between_ns, (35, 55), "before the stage");
        assert_eq!(peak(&[(30, 70, 90)]).between_ns, (25, 30), "after the stage");
        assert_eq!(peak(&[]).between_ns, (25, 55));
    }
}
