//! The stops of an unmodified program: what the parent does at each, and the readings.

use std::time::{Duration, Instant};

use highwater_probe::{Labels, ProbeError};
use rustix::process::{Pid, Signal, kill_process};

use super::{CommandProcess, Ending, STOPPED_STAGE, stage};
use crate::{
    job::{Job, RunnerError, system},
    observer::Observer,
    pause::{PAUSE_TIMEOUT, StoppedProcesses, has_one_thread},
    ptrace::{self, Stop},
    running_program::{EXIT_TIMEOUT, is_refusal, unreadable},
};

/// The stage at the first instruction.
const START_STAGE: &str = "start";
/// The stage just before the exit.
const EXIT_STAGE: &str = "exit";
/// How long to wait for a stop of the main thread before the exit is looked for.
const STOP_INTERVAL: Duration = Duration::from_millis(1);

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
    pub(super) fn next_stop(&self) -> Result<Option<Stop>, RunnerError> {
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

    pub(super) fn read_output(&mut self) {
        let Self { program, lines, stages, .. } = self;
        program.drain_output(|bytes| lines.push(bytes, |line| stages.see(line)));
    }

    pub(super) fn at_stop(
        &mut self,
        stop: Stop,
        job: &Job,
        observer: &mut dyn Observer,
    ) -> Result<Option<Ending>, RunnerError> {
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
        match ptrace::set_options(self.program.id()) {
            // It was killed, and will exit.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            result => result.map_err(system("trace the process"))?,
        }
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
    pub(super) fn find_again(&mut self) {
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

    /// Stops the tree, reads the stages that are due, or its total if there are none, and lets it continue.
    pub(super) fn read_due(&mut self, job: &Job, observer: &mut dyn Observer) -> Result<Option<Ending>, RunnerError> {
        let since = Instant::now();
        let deadline = since + PAUSE_TIMEOUT;
        let main = self.stop_main_thread(deadline)?;
        match main {
            MainThread::Gone => return Ok(Some(Ending::Exited)),
            MainThread::Exiting => {
                // A program that exits at the time at which it would be killed has exited.
                let has_ended = self.stages.cancel_due(&stage(STOPPED_STAGE)).then_some(Ending::Exited);
                return Ok(self.at_exit(since, job, observer)?.or(has_ended));
            }
            MainThread::Stopped | MainThread::Running => {}
        }
        let own = Some(self.program.id());
        let others = StoppedProcesses::stop(|| self.program.account.descendants(), own, deadline);
        self.note_running(others.running);
        let ending = match self.stages.are_due() {
            true => self.read_each(since, job, observer)?,
            false => self.read_between(since)?,
        };
        self.begin_interval(since);
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
                Err(error) => return self.not_read(&error).map(Some),
            }
            observer.at_stage(&stage, self.program.account.probe(), &Labels::default());
        }
        Ok(None)
    }

    /// Why a reading failed.
    pub(super) fn not_read(&self, error: &ProbeError) -> Result<Ending, RunnerError> {
        // It may have been killed before the snapshot.
        let reason = unreadable(error, self.program.id());
        Ok(match !is_refusal(error) && self.exits()? {
            true => Ending::Exited,
            false => Ending::Unreadable(reason),
        })
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
}
