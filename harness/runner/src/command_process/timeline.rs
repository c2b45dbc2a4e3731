//! The readings of an unmodified program between its stages, at a regular interval of its running time: pauses are no
//! part of it, so that a program with long readings does as much between two of them as any other.

use std::time::{Duration, Instant};

use highwater_model::{MAX_VALUE, Timeline};

use super::{CommandProcess, Ending};
use crate::job::RunnerError;

/// What was read so far.
#[derive(Debug)]
pub(super) struct IntervalReadings {
    pub(super) timeline: Timeline,
    /// The running time at the last reading, of the interval or of a stage.
    last: Duration,
}

impl IntervalReadings {
    pub(super) fn new(every: Duration) -> Self {
        Self { timeline: Timeline::new(nanoseconds(every)), last: Duration::ZERO }
    }
}

impl CommandProcess {
    /// The time until the next reading; `None` if none was asked for, before the first stage, and after the end of the main
    /// thread, when the memory cannot be read any more.
    pub(super) fn until_reading(&self) -> Option<Duration> {
        let IntervalReadings { timeline, last } =
            self.between.as_ref().filter(|_| self.clock.has_started() && !self.is_lost)?;
        let next = last.saturating_add(Duration::from_nanos(timeline.every_ns));
        Some(next.saturating_sub(self.clock.active()))
    }

    pub(super) fn is_reading_due(&self) -> bool {
        self.until_reading().is_some_and(|time| time.is_zero())
    }

    /// Reads the total of the tree, which has been stopped since `since`.
    pub(super) fn read_between(&mut self, since: Instant) -> Result<Option<Ending>, RunnerError> {
        let probe = self.program.account.probe();
        let (total, peak) = match probe.total() {
            Ok(total) => (total, probe.charge_peak()),
            Err(error) => return self.not_read(&error).map(Some),
        };
        if let Some(IntervalReadings { timeline, .. }) = &mut self.between {
            timeline.add(nanoseconds(self.clock.active_at(since)), total, peak);
        }
        Ok(None)
    }

    /// Begins the next interval, after a reading of the tree, which has been stopped since `since`.
    pub(super) fn begin_interval(&mut self, since: Instant) {
        let now = self.clock.active_at(since);
        if let Some(between) = &mut self.between {
            between.last = now;
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(MAX_VALUE).min(MAX_VALUE)
}
