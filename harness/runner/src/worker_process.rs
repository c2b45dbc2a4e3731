//! A running worker process, from the side of the parent: the messages on its socket, a snapshot of its memory at each
//! stage, its time limit, and its exit.

use std::{
    collections::BTreeMap,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    time::Duration,
};

use highwater_model::{Control, ControlState, Outcome};
use highwater_worker::{Layout, protocol::MAX_LINE};
use rustix::{
    io::{Errno, retry_on_intr},
    net::SendFlags,
};

use super::{
    controls::{REPORT_BYTES, parse_report},
    conversation::{Conversation, Pause, Request},
    inbox::Inbox,
    job::{Job, Observed, RunnerError, system},
    limits::Violation,
    observer::Observer,
    protocol::job_lines,
    running_program::{EXIT_TIMEOUT, POLL_INTERVAL, READ_LIMIT, RunningProgram, is_refusal, unreadable},
    signals::Interrupt,
};

/// A running worker.
pub(super) struct WorkerProcess {
    program: RunningProgram,
    socket: OwnedFd,
    /// Whether the worker's end of the socket is still open.
    socket_open: bool,
    inbox: Inbox,
    conversation: Conversation,
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

impl WorkerProcess {
    pub(super) fn new(program: RunningProgram, socket: OwnedFd) -> Self {
        let (inbox, conversation) = (Inbox::default(), Conversation::default());
        Self { program, socket, socket_open: true, inbox, conversation }
    }

    /// Whether the system granted each control.
    pub(super) fn controls(self) -> BTreeMap<Control, ControlState> {
        self.program.controls
    }

    /// Sends the job and supervises the worker until it exits.
    pub(super) fn supervise(
        &mut self,
        job: &Job,
        layout: Layout,
        interrupt: &Interrupt,
        observer: &mut dyn Observer,
    ) -> Result<Observed, RunnerError> {
        observer.started(self.program.id());
        let ending = match self.send(job_lines(job, layout).as_bytes())? {
            Ok(()) => self.serve(job, interrupt, observer)?,
            Err(violation) => Ending::Protocol(violation),
        };
        let finished = self.program.finish(matches!(ending, Ending::Exited))?;
        let outcome = match ending {
            Ending::Skipped(reason) => return Ok(Observed::NotRun(reason)),
            Ending::TimedOut => Outcome::TimedOut { limit_ms: job.limits.time.as_millis() as u64 },
            Ending::Protocol(violation) => Outcome::Protocol { message: violation.to_string() },
            Ending::Unreadable(reason) => Outcome::Unreadable { reason },
            Ending::Exited => match (finished.status.code(), finished.status.signal()) {
                (Some(0), _) if self.conversation.ended() => Outcome::Completed,
                (Some(status), _) => Outcome::Exited { status },
                (None, signal) => Outcome::Signaled { signal: signal.unwrap_or(0) },
            },
        };
        let notes = std::mem::take(&mut self.conversation.notes);
        Ok(Observed::Sample(self.program.sample(finished, outcome, notes)))
    }

    /// Serves the worker until it exits, skips its case, violates the protocol or exceeds its time limit.
    fn serve(&mut self, job: &Job, interrupt: &Interrupt, observer: &mut dyn Observer) -> Result<Ending, RunnerError> {
        let limit = job.limits.time;
        let mut reported = false;
        loop {
            if interrupt.raised() {
                return Err(RunnerError::Interrupted);
            }
            let left = self.program.time_left(limit);
            if left.is_zero() {
                return Ok(Ending::TimedOut);
            }
            let exited = self.wait(left.min(POLL_INTERVAL))?;
            self.program.drain_output(|_| ());
            self.receive()?;
            if !reported && let Some(report) = self.inbox.take::<REPORT_BYTES>() {
                self.program.controls.extend(parse_report(&report));
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
                        match self.at_stage(pause, job, self.program.time_left(limit), observer)? {
                            AtStage::Continues => {}
                            AtStage::Exits => break,
                            AtStage::Ended(ending) => return Ok(ending),
                        }
                    }
                }
                // Messages that are costly to process must not extend the time limit.
                if self.program.time_left(limit).is_zero() {
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
        let is_baseline = stage == job.baseline_stage;
        match self.program.snapshot(&self.conversation.labels, is_baseline, &heap, &figures) {
            Ok(snapshot) => self.program.record(&stage, (wall_ns, cpu_ns), snapshot),
            // The worker may have been killed between its message and the snapshot.
            Err(error) => {
                let patience = if is_refusal(&error) { Duration::ZERO } else { EXIT_TIMEOUT.min(left) };
                return Ok(match self.program.exits_within(patience)? {
                    true => AtStage::Exits,
                    false => AtStage::Ended(Ending::Unreadable(unreadable(&error, self.program.id()))),
                });
            }
        }
        observer.at_stage(&stage, self.program.account.probe(), &self.conversation.labels);
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

    /// Waits until there is something to read or the process has exited. Returns whether it has exited.
    fn wait(&self, timeout: Duration) -> Result<bool, RunnerError> {
        // Once the worker has closed its end, poll would return immediately.
        let socket = self.socket_open.then(|| self.socket.as_fd());
        self.program.wait(socket.as_slice(), timeout)
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
}
