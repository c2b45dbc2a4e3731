//! A running worker process, from the side of the parent: the messages on its socket, a snapshot of its memory at each
//! stage, its time limit, and its exit.

use std::{
    collections::BTreeMap,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    time::{Duration, Instant},
};

use highwater_model::{
    Control, ControlState, FigureName, MAX_VALUE, Metric, Outcome, Reading, Sample, Snapshot, Stage,
};
use highwater_probe::{Before, MemoryCgroup, ProbeError};
use highwater_store::one_line;
use highwater_worker::{Layout, protocol::MAX_LINE};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
    net::SendFlags,
};

use super::{
    account::Account,
    child::KillOnDrop,
    controls::{REPORT_BYTES, parse_report},
    conversation::{Conversation, Pause, Request},
    inbox::Inbox,
    job::{Job, Observed, RunnerError, system},
    limits::Violation,
    observer::Observer,
    output::OutputTail,
    protocol::job_lines,
    signals::Interrupt,
};

/// How often the loop checks for an interrupt.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long to wait for the exit of a killed process. Releasing 4 GiB of memory takes 0.3 s.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of bytes that are read in one iteration of the loop, so that the time limit applies to a worker
/// that writes continuously.
const READ_LIMIT: usize = 1 << 20;

/// A running worker. On drop, the process is killed before the processes that it has started.
pub(super) struct WorkerProcess {
    child: KillOnDrop,
    /// Readable once the process has exited.
    exit: OwnedFd,
    socket: OwnedFd,
    output: OwnedFd,
    /// Whether the worker's end of the socket is still open.
    socket_open: bool,
    /// Whether the worker's end of the output pipe is still open.
    output_open: bool,
    tail: OutputTail,
    inbox: Inbox,
    conversation: Conversation,
    controls: BTreeMap<Control, ControlState>,
    account: Account,
    readings: Vec<Reading>,
    spawned: Instant,
}

/// Why the loop ended.
enum Ending {
    Exited,
    Skipped(String),
    TimedOut,
    Protocol(Violation),
    Unreadable(String),
}

/// What follows a stage.
enum AtStage {
    Continues,
    /// The worker exits.
    Exits,
    Ended(Ending),
}

/// Whether the system does not permit reading the process, as opposed to a process that is about to exit.
fn is_refusal(error: &ProbeError) -> bool {
    matches!(error, ProbeError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
}

/// Why the worker could not be read, without its process id, so that all workers have the same text.
fn unreadable(error: &ProbeError, pid: u32) -> String {
    let text = one_line(&error.to_string().replace(&format!("/proc/{pid}/"), ""));
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which may contain anything, in parentheses.
    let state = stat.iter().rposition(|byte| *byte == b')').and_then(|end| stat.get(end + 2));
    match state {
        Some(b'Z') => format!("its main thread has exited ({text})"),
        _ => text,
    }
}

impl WorkerProcess {
    pub(super) fn new(
        child: KillOnDrop,
        socket: OwnedFd,
        output: OwnedFd,
        (before, group): (Before, Option<MemoryCgroup>),
        spawned: Instant,
    ) -> Result<Self, RunnerError> {
        Ok(Self {
            exit: child.exit()?,
            account: Account::new(before, child.id(), group),
            child,
            socket,
            output,
            socket_open: true,
            output_open: true,
            tail: OutputTail::default(),
            inbox: Inbox::default(),
            conversation: Conversation::default(),
            controls: BTreeMap::new(),
            readings: Vec::new(),
            spawned,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the system granted each control.
    pub(super) fn controls(self) -> BTreeMap<Control, ControlState> {
        self.controls
    }

    /// Sends the job and supervises the worker until it exits.
    pub(super) fn supervise(
        &mut self,
        job: &Job,
        layout: Layout,
        interrupt: &Interrupt,
        observer: &mut dyn Observer,
    ) -> Result<Observed, RunnerError> {
        observer.started(self.id());
        let ending = match self.send(job_lines(job, layout).as_bytes())? {
            Ok(()) => self.serve(job, interrupt, observer)?,
            Err(violation) => Ending::Protocol(violation),
        };
        if !matches!(ending, Ending::Exited) {
            self.child.kill()?;
        }
        let status = self.child.wait()?;
        let lifetime_ns = u64::try_from(self.spawned.elapsed().as_nanos()).unwrap_or(u64::MAX).min(MAX_VALUE);
        self.drain_output();
        self.conversation.notes.extend(self.account.end());
        self.child.kill_group();
        let outcome = match ending {
            Ending::Skipped(reason) => return Ok(Observed::NotRun(reason)),
            Ending::TimedOut => Outcome::TimedOut { limit_ms: job.limits.time.as_millis() as u64 },
            Ending::Protocol(violation) => Outcome::Protocol { message: violation.to_string() },
            Ending::Unreadable(reason) => Outcome::Unreadable { reason },
            Ending::Exited => match (status.code(), status.signal()) {
                (Some(0), _) if self.conversation.ended() => Outcome::Completed,
                (Some(status), _) => Outcome::Exited { status },
                (None, signal) => Outcome::Signaled { signal: signal.unwrap_or(0) },
            },
        };
        Ok(Observed::Sample(Sample {
            readings: std::mem::take(&mut self.readings),
            outcome,
            lifetime_ns,
            notes: std::mem::take(&mut self.conversation.notes),
            output_tail: self.tail.text(),
        }))
    }

    /// Serves the worker until it exits, skips its case, violates the protocol or exceeds its time limit.
    fn serve(&mut self, job: &Job, interrupt: &Interrupt, observer: &mut dyn Observer) -> Result<Ending, RunnerError> {
        let time_left = |spawned: Instant| job.limits.time.saturating_sub(spawned.elapsed());
        let mut reported = false;
        loop {
            if interrupt.raised() {
                return Err(RunnerError::Interrupted);
            }
            let left = time_left(self.spawned);
            if left.is_zero() {
                return Ok(Ending::TimedOut);
            }
            let exited = self.wait(left.min(POLL_INTERVAL))?;
            self.drain_output();
            self.receive()?;
            if !reported && let Some(report) = self.inbox.take::<REPORT_BYTES>() {
                self.controls.extend(parse_report(&report));
                reported = true;
            }
            while reported && let Some(line) = self.inbox.next_line() {
                let request = match line.and_then(|line| self.conversation.hear(line)) {
                    Ok(None) => None,
                    Ok(Some(request)) => Some(request),
                    Err(violation) => return Ok(Ending::Protocol(violation)),
                };
                match request {
                    None => {}
                    Some(Request::Skip(reason)) => return Ok(Ending::Skipped(reason)),
                    Some(Request::Snapshot(pause)) => {
                        match self.at_stage(pause, job, time_left(self.spawned), observer)? {
                            AtStage::Continues => {}
                            AtStage::Exits => break,
                            AtStage::Ended(ending) => return Ok(ending),
                        }
                    }
                }
                // Messages that are costly to process must not extend the time limit.
                if time_left(self.spawned).is_zero() {
                    return Ok(Ending::TimedOut);
                }
            }
            if exited {
                return Ok(Ending::Exited);
            }
        }
    }

    /// Takes a snapshot of a paused worker, and lets it continue.
    fn at_stage(
        &mut self,
        pause: Pause,
        job: &Job,
        left: Duration,
        observer: &mut dyn Observer,
    ) -> Result<AtStage, RunnerError> {
        let Pause { stage, wall_ns, cpu_ns, heap, figures } = pause;
        match self.take_snapshot(&stage, &job.baseline_stage, &heap, &figures) {
            Ok(snapshot) => self.readings.push(Reading { stage: stage.clone(), wall_ns, cpu_ns, snapshot }),
            // The worker may have been killed between its message and the snapshot.
            Err(error) => {
                let patience = if is_refusal(&error) { Duration::ZERO } else { EXIT_TIMEOUT.min(left) };
                return Ok(match self.exits_within(patience)? {
                    true => AtStage::Exits,
                    false => AtStage::Ended(Ending::Unreadable(unreadable(&error, self.child.id()))),
                });
            }
        }
        observer.at_stage(&stage, self.account.probe(), &self.conversation.labels);
        // A worker that sends anything now was not paused during the snapshot.
        self.receive()?;
        if self.inbox.len() > 0 {
            return Ok(AtStage::Ended(Ending::Protocol(Violation::NotPaused(stage))));
        }
        Ok(match self.send(b"go\n")? {
            Ok(()) => AtStage::Continues,
            Err(violation) => AtStage::Ended(Ending::Protocol(violation)),
        })
    }

    /// Takes a snapshot of the paused worker.
    fn take_snapshot(
        &mut self,
        stage: &Stage,
        baseline_stage: &Stage,
        heap: &[(Metric, u64)],
        figures: &[(FigureName, u64)],
    ) -> Result<Snapshot, ProbeError> {
        let is_baseline = stage == baseline_stage;
        let snapshot = self.account.snapshot(&self.conversation.labels, is_baseline, heap, figures)?;
        if is_baseline {
            self.controls.insert(Control::PeakReset, self.account.peak_reset());
        }
        Ok(snapshot)
    }

    /// Waits until there is something to read or the process has exited. Returns whether it has exited.
    fn wait(&self, timeout: Duration) -> Result<bool, RunnerError> {
        let mut fds = vec![PollFd::new(&self.exit, PollFlags::IN)];
        // Once the worker has closed its end, poll would return immediately.
        fds.extend(self.socket_open.then(|| PollFd::new(&self.socket, PollFlags::IN)));
        fds.extend(self.output_open.then(|| PollFd::new(&self.output, PollFlags::IN)));
        match poll(&mut fds, Some(&timespec(timeout))) {
            Ok(_) | Err(Errno::INTR) => Ok(!fds[0].revents().is_empty()),
            Err(error) => Err(system("wait")(error.into())),
        }
    }

    /// Waits for the exit only. A process that is being killed loses its memory and its socket a moment before it
    /// counts as exited, and the signal that killed it may interrupt the parent, too.
    fn exits_within(&self, timeout: Duration) -> Result<bool, RunnerError> {
        let timeout = timespec(timeout);
        let ready = retry_on_intr(|| poll(&mut [PollFd::new(&self.exit, PollFlags::IN)], Some(&timeout)));
        Ok(ready.map_err(|error| system("wait")(error.into()))? > 0)
    }

    fn receive(&mut self) -> Result<(), RunnerError> {
        let mut chunk = [0; MAX_LINE];
        let limit = self.inbox.len() + READ_LIMIT;
        while self.socket_open && self.inbox.len() < limit {
            match retry_on_intr(|| rustix::io::read(&self.socket, &mut chunk)) {
                Ok(0) | Err(Errno::CONNRESET) => self.socket_open = false,
                Ok(count) => self.inbox.push(&chunk[..count]),
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(system("receive messages")(error.into())),
            }
        }
        Ok(())
    }

    /// Sends the job or a reply. Both are much smaller than the socket buffer, unless the worker does not read.
    fn send(&self, bytes: &[u8]) -> Result<Result<(), Violation>, RunnerError> {
        // A worker that has exited must not end the parent with SIGPIPE.
        match retry_on_intr(|| rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL)) {
            Ok(count) if count == bytes.len() => Ok(Ok(())),
            // The caller notices the exit of the worker.
            Err(Errno::PIPE | Errno::CONNRESET) => Ok(Ok(())),
            Ok(_) | Err(Errno::AGAIN) => Ok(Err(Violation::NotReading)),
            Err(error) => Err(system("send the job")(error.into())),
        }
    }

    fn drain_output(&mut self) {
        let mut chunk = [0; MAX_LINE];
        for _ in 0..READ_LIMIT / MAX_LINE {
            match rustix::io::read(&self.output, &mut chunk) {
                Ok(0) => self.output_open = false,
                Ok(count) => {
                    self.tail.push(&chunk[..count]);
                    continue;
                }
                Err(_) => {}
            }
            break;
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
