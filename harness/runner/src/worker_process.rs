//! A running worker process, from the side of the parent: the messages on its socket, a snapshot of its memory at each
//! stage, its time limit, and its exit.

use std::{
    collections::BTreeMap,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use highwater_model::{Control, ControlState, FigureName, Metric, Outcome, Quantity, Reading, Sample, Snapshot, Stage};
use highwater_probe::{Labels, MemoryCgroup, Probe, ProbeError};
use highwater_worker::{Layout, protocol::MAX_LINE};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{
    controls::{REPORT_BYTES, parse_report},
    job::{Interrupt, Job, Observed, RunnerError, system},
    output::OutputTail,
    protocol::{Message, job_lines},
};

/// How often the loop checks for an interrupt.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long to wait for the exit of a killed process. Releasing 4 GiB of memory takes 0.3 s.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of bytes that are read in one iteration of the loop, so that the time limit applies to a worker
/// that writes continuously.
const READ_LIMIT: usize = 1 << 20;

/// A child process that is killed and reaped on drop.
pub(super) struct KillOnDrop(Child);

impl KillOnDrop {
    pub(super) fn new(child: Child) -> Self {
        Self(child)
    }

    fn kill(&mut self) -> Result<(), RunnerError> {
        self.0.kill().map_err(system("kill the process"))
    }

    fn wait(&mut self) -> Result<ExitStatus, RunnerError> {
        self.0.wait().map_err(system("wait for the process"))
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail if the process has been reaped already, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running worker.
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
    /// Received bytes that were not processed yet.
    pending: Vec<u8>,
    controls: BTreeMap<Control, ControlState>,
    labels: Labels,
    probe: Option<Probe>,
    group: Option<MemoryCgroup>,
    /// Figures reported since the last stage.
    figures: Vec<(FigureName, u64)>,
    readings: Vec<Reading>,
    notes: Vec<(String, String)>,
    spawned: Instant,
}

/// Why the loop ended.
enum Ending {
    Exited { ended: bool },
    Skipped(String),
    TimedOut,
    Protocol(String),
}

impl WorkerProcess {
    pub(super) fn new(
        child: KillOnDrop,
        socket: OwnedFd,
        output: OwnedFd,
        group: Option<MemoryCgroup>,
        spawned: Instant,
    ) -> Result<Self, RunnerError> {
        let exit = pidfd_open(Pid::from_child(&child.0), PidfdFlags::empty());
        Ok(Self {
            exit: exit.map_err(|error| system("watch the process")(error.into()))?,
            child,
            socket,
            output,
            socket_open: true,
            output_open: true,
            tail: OutputTail::default(),
            pending: Vec::new(),
            controls: BTreeMap::new(),
            labels: Labels::default(),
            probe: None,
            group,
            figures: Vec::new(),
            readings: Vec::new(),
            notes: Vec::new(),
            spawned,
        })
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
    ) -> Result<Observed, RunnerError> {
        self.send(job_lines(job, layout).as_bytes())?;
        let ending = self.serve(job, interrupt)?;
        if !matches!(ending, Ending::Exited { .. }) {
            self.child.kill()?;
        }
        let status = self.child.wait()?;
        let lifetime_ns = u64::try_from(self.spawned.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.drain_output();
        let outcome = match ending {
            Ending::Skipped(reason) => return Ok(Observed::NotRun(reason)),
            Ending::TimedOut => Outcome::TimedOut { limit_ms: job.limits.time.as_millis() as u64 },
            Ending::Protocol(message) => Outcome::Protocol { message },
            Ending::Exited { ended } => match (status.code(), status.signal()) {
                (Some(0), _) if ended => Outcome::Completed,
                (Some(status), _) => Outcome::Exited { status },
                (None, signal) => Outcome::Signaled { signal: signal.unwrap_or(0) },
            },
        };
        Ok(Observed::Sample(Sample {
            readings: std::mem::take(&mut self.readings),
            outcome,
            lifetime_ns,
            notes: std::mem::take(&mut self.notes),
            output_tail: self.tail.text(),
        }))
    }

    /// Serves the worker until it exits, skips its case, violates the protocol or exceeds its time limit.
    fn serve(&mut self, job: &Job, interrupt: &Interrupt) -> Result<Ending, RunnerError> {
        let mut reported = false;
        let mut ended = false;
        loop {
            if interrupt.raised() {
                return Err(RunnerError::Interrupted);
            }
            let left = job.limits.time.saturating_sub(self.spawned.elapsed());
            if left.is_zero() {
                return Ok(Ending::TimedOut);
            }
            let exited = self.wait(left.min(POLL_INTERVAL))?;
            self.drain_output();
            self.receive()?;
            if !reported && self.pending.len() >= REPORT_BYTES {
                let mut bytes = [0; REPORT_BYTES];
                bytes.copy_from_slice(&self.pending[..REPORT_BYTES]);
                self.pending.drain(..REPORT_BYTES);
                self.controls.extend(parse_report(&bytes));
                reported = true;
            }
            while let Some(line) = self.next_line().filter(|_| reported) {
                let line = match line {
                    Ok(line) => line,
                    Err(problem) => return Ok(Ending::Protocol(problem)),
                };
                match Message::parse(&line) {
                    Err(problem) => return Ok(Ending::Protocol(problem)),
                    Ok(Message::Skip(reason)) => return Ok(Ending::Skipped(reason)),
                    Ok(Message::End) => ended = true,
                    Ok(Message::Label(label)) => self.labels.add(label),
                    Ok(Message::Forget(category)) => self.labels.forget(category),
                    Ok(Message::Figure(name, value)) => self.figures.push((name, value)),
                    Ok(Message::Note(name, text)) => self.notes.push((name, text)),
                    Ok(Message::Reached { stage, wall_ns, cpu_ns, heap }) => {
                        match self.take_snapshot(&stage, &job.baseline_stage, &heap) {
                            Ok(snapshot) => self.readings.push(Reading { stage, wall_ns, cpu_ns, snapshot }),
                            // The worker may have been killed between its message and the snapshot.
                            Err(_) if self.exits_within(EXIT_TIMEOUT)? => break,
                            Err(error) => return Err(error.into()),
                        }
                        self.send(b"go\n")?;
                    }
                }
            }
            if exited {
                return Ok(Ending::Exited { ended });
            }
        }
    }

    /// Takes a snapshot of the paused worker.
    fn take_snapshot(
        &mut self,
        stage: &Stage,
        baseline_stage: &Stage,
        heap: &[(Metric, u64)],
    ) -> Result<Snapshot, ProbeError> {
        if self.probe.is_none() {
            self.probe = Some(Probe::of(self.child.0.id())?);
        }
        let Some(probe) = &mut self.probe else { unreachable!("just set") };
        if stage == baseline_stage {
            let state = match probe.reset_peak() {
                Ok(()) => ControlState::Granted,
                Err(error) => ControlState::Refused(error.to_string()),
            };
            self.controls.insert(Control::PeakReset, state);
        }
        let mut snapshot = probe.snapshot(&self.labels)?;
        for (metric, value) in heap {
            // Growth is measured from the live bytes at the baseline stage, not from the peak while loading.
            let live = || heap.iter().find(|(other, _)| *other == Metric::HeapLive).map_or(*value, |(_, live)| *live);
            snapshot.add(*metric, if *metric == Metric::HeapPeak && stage == baseline_stage { live() } else { *value });
        }
        for (name, value) in self.figures.drain(..) {
            snapshot.add(Quantity::Figure(name), value);
        }
        for (metric, value) in [
            (Metric::CgroupCurrent, self.group.as_ref().map(MemoryCgroup::current)),
            (Metric::CgroupPeak, self.group.as_ref().map(MemoryCgroup::peak)),
        ] {
            if let Some(Ok(bytes)) = value {
                snapshot.add(metric, bytes.0);
            }
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
        let limit = self.pending.len() + READ_LIMIT;
        while self.socket_open && self.pending.len() < limit {
            match retry_on_intr(|| rustix::io::read(&self.socket, &mut chunk)) {
                Ok(0) | Err(Errno::CONNRESET) => self.socket_open = false,
                Ok(count) => self.pending.extend_from_slice(&chunk[..count]),
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(system("receive messages")(error.into())),
            }
        }
        Ok(())
    }

    fn next_line(&mut self) -> Option<Result<String, String>> {
        match self.pending.iter().position(|byte| *byte == b'\n') {
            Some(end) if end < MAX_LINE => {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                Some(String::from_utf8(line[..end].to_vec()).map_err(|_| "a line is not UTF-8".to_owned()))
            }
            None if self.pending.len() < MAX_LINE => None,
            _ => Some(Err(format!("a line is longer than {MAX_LINE} bytes"))),
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), RunnerError> {
        // The job and the replies are much smaller than the socket buffer, so one write is complete.
        match rustix::io::write(&self.socket, bytes) {
            Ok(count) if count == bytes.len() => Ok(()),
            // The caller notices the exit of the worker.
            Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Ok(_) => Err(system("send the job")(io::ErrorKind::WriteZero.into())),
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
