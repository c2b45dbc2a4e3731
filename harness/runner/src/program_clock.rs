//! The time of an unmodified program between two stages, as its parent measures it: wall time without pauses, and the
//! CPU time of its process.

use std::time::{Duration, Instant};

use highwater_model::MAX_VALUE;

use super::ptrace::cpu_time;

/// The clock of one program.
#[derive(Debug, Default)]
pub(super) struct ProgramClock {
    started: Option<Instant>,
    paused: Duration,
    /// The wall time and the CPU time at the last stage.
    last: (Duration, u64),
}

impl ProgramClock {
    /// Starts it, at the first instruction.
    pub(super) fn start(&mut self) {
        self.started = Some(Instant::now());
    }

    pub(super) fn has_started(&self) -> bool {
        self.started.is_some()
    }

    /// How long the program has run until now, without the pauses that have ended.
    pub(super) fn active(&self) -> Duration {
        self.active_at(Instant::now())
    }

    /// How long the program had run at `now`, which is not before the end of the last pause.
    pub(super) fn active_at(&self, now: Instant) -> Duration {
        self.started.map_or(Duration::ZERO, |started| now.duration_since(started).saturating_sub(self.paused))
    }

    /// Excludes a pause that has ended.
    pub(super) fn add_pause(&mut self, pause: Duration) {
        self.paused += pause;
    }

    /// The nanoseconds of wall time and of CPU time since the last stage, for a pause that began at `since`. The CPU time
    /// is 0 if the system does not report it.
    pub(super) fn lap(&mut self, pid: u32, since: Instant) -> (u64, u64) {
        let now = (self.active_at(since), cpu_time(pid).unwrap_or(self.last.1));
        let last = std::mem::replace(&mut self.last, now);
        let wall = u64::try_from(now.0.saturating_sub(last.0).as_nanos()).unwrap_or(MAX_VALUE);
        (wall.min(MAX_VALUE), now.1.saturating_sub(last.1).min(MAX_VALUE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_excluded() {
        let mut clock = ProgramClock::default();
        assert_eq!(clock.active(), Duration::ZERO);
        clock.start();
        std::thread::sleep(Duration::from_millis(20));
        clock.add_pause(Duration::from_secs(10));
        assert_eq!(clock.active(), Duration::ZERO);
        let (wall, cpu) = clock.lap(std::process::id(), Instant::now());
        assert!(wall == 0 && cpu > 0, "{wall} {cpu}");
    }
}
