//! A running program that knows nothing of the stage protocol, from the side of the parent. The thread that started it
//! traces its main thread: it stops at the first instruction and before the exit, where the stages `start` and `exit`
//! are read. At a line of output that begins a stage, the whole tree is stopped.
//!
//! ```text
//!   parent                                 program (its main thread is traced)
//!     spawn ---- controls, exec ----------> stops at its first instruction
//!     reads `start`, resumes -------------> runs
//!     <------------------------------------ a line that matches
//!     SIGSTOP to the tree, reads, SIGCONT -> runs
//!     <------------------------------------ PTRACE_EVENT_EXIT: stops with all its memory
//!     SIGSTOP to its descendants, reads `exit`, resumes -> exits
//! ```

use std::{
    collections::BTreeMap,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    time::{Duration, Instant},
};

use highwater_model::{Control, ControlState, Outcome, Stage};
use highwater_probe::Labels;
use highwater_worker::UnmodifiedProgram;
use rustix::process::{Pid, Signal, kill_process};

use super::{
    job::{Job, Observed, RunnerError, system},
    observer::Observer,
    output::OutputLines,
    output_stages::OutputStages,
    pause::{PAUSE_TIMEOUT, StoppedProcesses, has_one_thread},
    program_clock::ProgramClock,
    ptrace::{self, Stop},
    running_program::{EXIT_TIMEOUT, POLL_INTERVAL, RunningProgram, is_refusal, unreadable},
    signals::{ChildChanges, Interrupt},
};

/// The stage at the first instruction.
pub(super) const START_STAGE: &str = "start";
/// The stage just before the exit.
pub(super) const EXIT_STAGE: &str = "exit";
/// The stage at which a program is killed that does not exit.
pub(super) const STOPPED_STAGE: &str = "stopped";
/// How often a main thread is looked for that is no longer traced.
const LOST_INTERVAL: Duration = Duration::from_millis(5);
/// How long to wait for a stop of the main thread before the exit is looked for.
const STOP_INTERVAL: Duration = Duration::from_millis(1);

/// A running program.
pub(super) struct CommandProcess {
    program: RunningProgram,
    changes: ChildChanges,
    lines: OutputLines,
    stages: OutputStages,
    clock: ProgramClock,
    /// Whether the main thread has ended before other threads, so that it is no longer traced.
    is_lost: bool,
    stop_after: Option<Duration>,
    notes: Vec<(String, String)>,
}

/// Why the loop ended.
enum Ending {
    Exited,
    /// It was read after the time that it was given.
    Stopped,
    TimedOut,
    Unreadable(String),
}

/// What the main thread does after it was asked to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MainThread {
    Stopped,
    /// It stopped because it exits.
    Exiting,
    /// It waits in the kernel and does not stop.
    Running,
    Gone,
}

impl CommandProcess {
    pub(super) fn new(
        mut program: RunningProgram,
        command: &UnmodifiedProgram,
        stages: OutputStages,
    ) -> Result<Self, RunnerError> {
        program.account.probe().sum_tree();
        Ok(Self {
            program,
            changes: ChildChanges::watch().map_err(system("watch for SIGCHLD"))?,
            lines: OutputLines::default(),
            stages,
            clock: ProgramClock::default(),
            is_lost: false,
            stop_after: command.stop_after,
            notes: Vec::new(),
        })
    }

    /// Whether the system granted each control.
    pub(super) fn controls(self) -> BTreeMap<Control, ControlState> {
        self.program.controls
    }

    /// Supervises the program until it exits, or as long as it may run.
    pub(super) fn supervise(
        &mut self,
        job: &Job,
        interrupt: &Interrupt,
        observer: &mut dyn Observer,
    ) -> Result<Observed, RunnerError> {
        let ending = self.serve(job, interrupt, observer)?;
        let mut finished = self.program.finish(matches!(ending, Ending::Exited))?;
        let missing = self.stages.missing().next().is_some();
        let outcome = match (ending, self.stop_after) {
            (Ending::TimedOut, _) => Outcome::TimedOut { limit_ms: job.limits.time.as_millis() as u64 },
            (Ending::Unreadable(reason), _) => Outcome::Unreadable { reason },
            (Ending::Stopped, Some(time)) if missing => Outcome::TimedOut { limit_ms: time.as_millis() as u64 },
            (Ending::Stopped, _) => {
                // They were to run until now.
                finished.notes.clear();
                Outcome::Completed
            }
            (Ending::Exited, _) => match (finished.status.code(), finished.status.signal()) {
                (Some(0), _) if !missing => Outcome::Completed,
                (Some(status), _) => Outcome::Exited { status },
                (None, signal) => Outcome::Signaled { signal: signal.unwrap_or(0) },
            },
        };
        if self.is_lost {
            self.note("not_read_at_exit", "its main thread ended before its other threads");
        }
        let mut notes = std::mem::take(&mut self.notes);
        notes.extend(self.stages.missing().map(|stage| ("no_line_matched_stage".to_owned(), stage.to_string())));
        Ok(Observed::Sample(self.program.sample(finished, outcome, notes)))
    }

    fn serve(&mut self, job: &Job, interrupt: &Interrupt, observer: &mut dyn Observer) -> Result<Ending, RunnerError> {
        loop {
            if interrupt.raised() {
                return Err(RunnerError::Interrupted);
            }
            let left = self.program.time_left(job.limits.time);
            if left.is_zero() {
                return Ok(Ending::TimedOut);
            }
            let until_stop = self.stop_after.map(|time| time.saturating_sub(self.clock.active()));
            if until_stop.is_some_and(|time| time.is_zero()) {
                self.stages.add_due(stage(STOPPED_STAGE));
                return Ok(self.read_due(job, observer)?.unwrap_or(Ending::Stopped));
            }
            self.find_again();
            let interval = if self.is_lost { LOST_INTERVAL } else { POLL_INTERVAL };
            let patience = left.min(interval).min(until_stop.unwrap_or(interval));
            let exited = self.program.wait(&[self.changes.as_fd()], patience)?;
            self.changes.clear();
            self.read_output();
            let mut ending = None;
            while ending.is_none()
                && let Some(stop) = self.next_stop()?
            {
                ending = self.at_stop(stop, job, observer)?;
            }
            if ending.is_none() && self.stages.are_due() && !exited {
                ending = self.read_due(job, observer)?;
            }
            match ending {
                Some(ending) => return Ok(ending),
                None if exited => return Ok(Ending::Exited),
                None => {}
            }
        }
    }

    fn next_stop(&self) -> Result<Option<Stop>, RunnerError> {
        ptrace::next_stop(self.program.id()).map_err(system("wait for a stop"))
    }

    /// Resumes the main thread. It fails if the process is being killed, which is noticed later.
    fn resume(&self, signal: i32) {
        let _ = ptrace::resume(self.program.id(), signal);
    }

    fn send(&self, signal: Signal) {
        // Fails if it has exited.
        let _ = Pid::from_raw(self.program.id().cast_signed()).map(|pid| kill_process(pid, signal));
    }

    fn read_output(&mut self) {
        let Self { program, lines, stages, .. } = self;
        program.drain_output(|bytes| lines.push(bytes, |line| stages.see(line)));
    }

    fn at_stop(&mut self, stop: Stop, job: &Job, observer: &mut dyn Observer) -> Result<Option<Ending>, RunnerError> {
        match stop {
            Stop::Signal(libc::SIGTRAP) if !self.clock.has_started() => return self.at_start(job, observer),
            Stop::Signal(signal) => self.resume(signal),
            // It was stopped by a signal. A program that waits to be continued would wait for ever.
            Stop::Group => {
                self.send(Signal::CONT);
                self.resume(0);
            }
            Stop::Exec => self.at_exec(),
            Stop::Exit => return self.at_exit(Instant::now(), job, observer),
        }
        Ok(None)
    }

    /// Reads the program at its first instruction.
    fn at_start(&mut self, job: &Job, observer: &mut dyn Observer) -> Result<Option<Ending>, RunnerError> {
        ptrace::set_options(self.program.id()).map_err(system("trace the process"))?;
        observer.started(self.program.id());
        self.clock.start();
        self.stages.add_due(stage(START_STAGE));
        let ending = self.read_each(Instant::now(), job, observer)?;
        self.clock.start();
        self.resume(0);
        Ok(ending)
    }

    fn at_exec(&mut self) {
        self.program.account.probe().program_has_changed();
        self.resume(0);
    }

    /// Traces the main thread again if another thread has executed a program: that thread takes its place.
    fn find_again(&mut self) {
        if self.is_lost && ptrace::seize(self.program.id()).is_ok() {
            self.is_lost = false;
            self.program.account.probe().program_has_changed();
        }
    }

    /// Reads the program before it exits.
    fn at_exit(
        &mut self,
        since: Instant,
        job: &Job,
        observer: &mut dyn Observer,
    ) -> Result<Option<Ending>, RunnerError> {
        // What it has written before it exited.
        self.read_output();
        let deadline = since + PAUSE_TIMEOUT;
        if !has_one_thread(self.program.id(), deadline) {
            self.is_lost = true;
            self.clock.add_pause(since.elapsed());
            self.resume(0);
            return Ok(None);
        }
        let others = StoppedProcesses::stop(|| self.program.account.descendants(), None, deadline);
        self.note_running(others.running);
        self.stages.add_due(stage(EXIT_STAGE));
        let ending = self.read_each(since, job, observer)?;
        drop(others);
        self.clock.add_pause(since.elapsed());
        self.resume(0);
        Ok(ending)
    }

    /// Stops the tree, reads the stages that are due, and lets it continue.
    fn read_due(&mut self, job: &Job, observer: &mut dyn Observer) -> Result<Option<Ending>, RunnerError> {
        let since = Instant::now();
        let deadline = since + PAUSE_TIMEOUT;
        let main = self.stop_main_thread(deadline)?;
        match main {
            MainThread::Gone => return Ok(Some(Ending::Exited)),
            MainThread::Exiting => return self.at_exit(since, job, observer),
            MainThread::Stopped | MainThread::Running => {}
        }
        let own = Some(self.program.id());
        let others = StoppedProcesses::stop(|| self.program.account.descendants(), own, deadline);
        self.note_running(others.running);
        let ending = self.read_each(since, job, observer)?;
        drop(others);
        self.send(Signal::CONT);
        if main == MainThread::Stopped {
            self.resume(0);
        }
        self.clock.add_pause(since.elapsed());
        Ok(ending)
    }

    /// Stops all threads of the process.
    fn stop_main_thread(&mut self, deadline: Instant) -> Result<MainThread, RunnerError> {
        self.send(Signal::STOP);
        loop {
            match self.next_stop()? {
                Some(Stop::Group) => return Ok(MainThread::Stopped),
                Some(Stop::Exit) => return Ok(MainThread::Exiting),
                // With the SIGSTOP from above, all threads of the process stop.
                Some(Stop::Signal(signal)) => self.resume(signal),
                Some(Stop::Exec) => self.at_exec(),
                None if self.program.exits_within(STOP_INTERVAL)? => return Ok(MainThread::Gone),
                None if Instant::now() >= deadline => return Ok(MainThread::Running),
                None => {}
            }
        }
    }

    /// Reads each stage that is due from the tree, which has been stopped since `since`.
    fn read_each(
        &mut self,
        since: Instant,
        job: &Job,
        observer: &mut dyn Observer,
    ) -> Result<Option<Ending>, RunnerError> {
        while let Some(stage) = self.stages.next_due() {
            let lap = self.clock.lap(self.program.id(), since);
            match self.program.snapshot(&Labels::default(), stage == job.baseline_stage, &[], &[]) {
                Ok(snapshot) => self.program.record(&stage, lap, snapshot),
                Err(error) => {
                    // It may have been killed before the snapshot.
                    let reason = unreadable(&error, self.program.id());
                    return Ok(Some(match !is_refusal(&error) && self.exits()? {
                        true => Ending::Exited,
                        false => Ending::Unreadable(reason),
                    }));
                }
            }
            observer.at_stage(&stage, self.program.account.probe(), &Labels::default());
        }
        Ok(None)
    }

    /// Whether the process is being killed. It stops once more before it exits.
    fn exits(&self) -> Result<bool, RunnerError> {
        let deadline = Instant::now() + EXIT_TIMEOUT;
        while Instant::now() < deadline {
            if self.next_stop()?.is_some() {
                self.resume(0);
            }
            if self.program.exits_within(STOP_INTERVAL)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn note_running(&mut self, running: usize) {
        if running > 0 {
            self.note("not_stopped", "a process did not stop while the program was read");
        }
    }

    fn note(&mut self, name: &str, text: &str) {
        self.notes.push((name.to_owned(), text.to_owned()));
    }
}

/// A stage of this file.
fn stage(name: &str) -> Stage {
    name.parse().unwrap_or_else(|error| panic!("a constant of this file: {error}"))
}
