//! A running program, from the side of the parent: its exit, its output, the controls it was granted, and what was read
//! of it so far. What it has in common however it marks its stages.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{BorrowedFd, OwnedFd},
    process::ExitStatus,
    time::{Duration, Instant},
};

use highwater_model::{
    Control, ControlState, FigureName, MAX_VALUE, Metric, Outcome, Reading, Sample, Snapshot, Stage,
};
use highwater_probe::{Before, Labels, MemoryCgroup, ProbeError};
use highwater_store::one_line;
use highwater_worker::protocol::MAX_LINE;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
};

use super::{
    account::Account,
    child::KillOnDrop,
    job::{RunnerError, system},
    output::OutputTail,
    pause::state,
    turn::Turn,
};

/// How often the loop checks for an interrupt.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long to wait for the exit of a killed process. Releasing 4 GiB of memory takes 0.3 s.
pub(super) const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of bytes that are read in one iteration of the loop, so that the time limit applies to a program
/// that writes continuously.
pub(super) const READ_LIMIT: usize = 1 << 20;

/// A running program. On drop, the process is killed before the processes that it has started.
pub(super) struct RunningProgram {
    pub(super) child: KillOnDrop,
    /// Readable once the process has exited.
    exit: OwnedFd,
    output: OwnedFd,
    /// Whether its end of the output pipe is still open.
    output_open: bool,
    tail: OutputTail,
    pub(super) controls: BTreeMap<Control, ControlState>,
    pub(super) account: Account,
    pub(super) readings: Vec<Reading>,
    spawned: Instant,
    turn: Turn,
    /// How long the lane had waited for its turn before this program started.
    waited_before: Duration,
}

/// A program that has exited.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    lifetime_ns: u64,
    /// What it has left behind.
    pub(super) notes: Vec<(String, String)>,
}

/// Whether the system does not permit reading the process, as opposed to a process that is about to exit.
pub(super) fn is_refusal(error: &ProbeError) -> bool {
    matches!(error, ProbeError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
}

/// Why the program could not be read, without its process id, so that all workers have the same text.
pub(super) fn unreadable(error: &ProbeError, pid: u32) -> String {
    let text = one_line(&error.to_string().replace(&format!("/proc/{pid}/"), ""));
    match state(format!("/proc/{pid}/stat").as_ref()) {
        Some(b'Z') => format!("its main thread has exited ({text})"),
        _ => text,
    }
}

impl RunningProgram {
    pub(super) fn new(
        child: KillOnDrop,
        output: OwnedFd,
        (before, group): (Before, Option<MemoryCgroup>),
        spawned: Instant,
        turn: &Turn,
    ) -> Result<Self, RunnerError> {
        let mut account = Account::new(before, child.id(), group);
        let own = turn.same_lane();
        account.probe().while_waiting(Box::new(move |wait| own.give_during(wait)));
        Ok(Self {
            exit: child.exit()?,
            account,
            turn: turn.same_lane(),
            waited_before: turn.waited(),
            child,
            output,
            output_open: true,
            tail: OutputTail::default(),
            controls: BTreeMap::new(),
            readings: Vec::new(),
            spawned,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What is left of a time limit. The time of other workers does not count.
    pub(super) fn time_left(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.running_for())
    }

    /// The time since it was started, without that of other workers.
    fn running_for(&self) -> Duration {
        self.spawned.elapsed().saturating_sub(self.turn.waited() - self.waited_before)
    }

    /// Takes a snapshot of the stopped program.
    pub(super) fn snapshot(
        &mut self,
        labels: &Labels,
        is_baseline: bool,
        heap: &[(Metric, u64)],
        figures: &[(FigureName, u64)],
    ) -> Result<Snapshot, ProbeError> {
        let snapshot = self.account.snapshot(labels, is_baseline, heap, figures)?;
        if is_baseline {
            self.controls.insert(Control::PeakReset, self.account.peak_reset());
        }
        Ok(snapshot)
    }

    /// Adds what was read at a stage.
    pub(super) fn record(&mut self, stage: &Stage, (wall_ns, cpu_ns): (u64, u64), snapshot: Snapshot) {
        self.readings.push(Reading { stage: stage.clone(), wall_ns, cpu_ns, snapshot });
    }

    /// Waits until there is output, one of `others` can be read, or the process has exited. Returns whether it has.
    pub(super) fn wait(&self, others: &[BorrowedFd<'_>], timeout: Duration) -> Result<bool, RunnerError> {
        let mut fds = vec![PollFd::new(&self.exit, PollFlags::IN)];
        // Once the program has closed its end, poll would return immediately.
        fds.extend(self.output_open.then(|| PollFd::new(&self.output, PollFlags::IN)));
        fds.extend(others.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        match poll(&mut fds, Some(&timespec(timeout))) {
            Ok(_) | Err(Errno::INTR) => Ok(!fds[0].revents().is_empty()),
            Err(error) => Err(system("wait")(error.into())),
        }
    }

    /// Waits for the exit only. A process that is being killed loses its memory and its socket a moment before it
    /// counts as exited, and the signal that killed it may interrupt the parent, too.
    pub(super) fn exits_within(&self, timeout: Duration) -> Result<bool, RunnerError> {
        let timeout = timespec(timeout);
        let ready = retry_on_intr(|| poll(&mut [PollFd::new(&self.exit, PollFlags::IN)], Some(&timeout)));
        Ok(ready.map_err(|error| system("wait")(error.into()))? > 0)
    }

    /// Reads what it has written. `see` gets the bytes.
    pub(super) fn drain_output(&mut self, mut see: impl FnMut(&[u8])) {
        let mut chunk = [0; MAX_LINE];
        for _ in 0..READ_LIMIT / MAX_LINE {
            match rustix::io::read(&self.output, &mut chunk) {
                Ok(0) => self.output_open = false,
                Ok(count) => {
                    self.tail.push(&chunk[..count]);
                    see(&chunk[..count]);
                    continue;
                }
                Err(_) => {}
            }
            break;
        }
    }

    /// Waits for the exit, kills the process before unless it `exits`, and ends what it has started.
    pub(super) fn finish(&mut self, exits: bool) -> Result<Finished, RunnerError> {
        if !exits {
            self.child.kill()?;
        }
        let status = self.child.wait()?;
        let lifetime_ns = u64::try_from(self.running_for().as_nanos()).unwrap_or(u64::MAX).min(MAX_VALUE);
        self.drain_output(|_| ());
        let notes = self.account.end();
        self.child.kill_group();
        Ok(Finished { status, lifetime_ns, notes })
    }

    /// The sample of the program. `notes` are those of the program itself.
    pub(super) fn sample(&mut self, finished: Finished, outcome: Outcome, notes: Vec<(String, String)>) -> Sample {
        Sample {
            readings: std::mem::take(&mut self.readings),
            timeline: None,
            outcome,
            lifetime_ns: finished.lifetime_ns,
            notes: notes.into_iter().chain(finished.notes).collect(),
            output_tail: self.tail.text(),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
