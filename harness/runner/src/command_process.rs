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

mod stops;
mod timeline;

use std::{
    collections::BTreeMap,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    time::Duration,
};

use highwater_model::{Control, ControlState, Outcome, Sample, Stage};
use highwater_worker::UnmodifiedProgram;

use super::{
    job::{Job, Observed, RunnerError, system},
    observer::Observer,
    output::OutputLines,
    output_stages::OutputStages,
    program_clock::ProgramClock,
    running_program::{POLL_INTERVAL, RunningProgram},
    signals::{ChildChanges, Interrupt},
};
use timeline::IntervalReadings;

/// The stage at which a program is killed that does not exit.
const STOPPED_STAGE: &str = "stopped";
/// How often a main thread is looked for that is no longer traced.
const LOST_INTERVAL: Duration = Duration::from_millis(5);

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
    /// What is read between the stages, if asked for.
    between: Option<IntervalReadings>,
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
            between: command.read_every.map(IntervalReadings::new),
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
        let timeline = self.between.take().map(|it| it.timeline);
        Ok(Observed::Sample(Sample { timeline, ..self.program.sample(finished, outcome, notes) }))
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
            let until_reading = self.until_reading();
            let patience =
                left.min(interval).min(until_stop.unwrap_or(interval)).min(until_reading.unwrap_or(interval));
            let exited = self.program.wait(&[self.changes.as_fd()], patience)?;
            self.changes.clear();
            self.read_output();
            let mut ending = None;
            while ending.is_none()
                && let Some(stop) = self.next_stop()?
            {
                ending = self.at_stop(stop, job, observer)?;
            }
            if ending.is_none() && (self.stages.are_due() || self.is_reading_due()) && !exited {
                ending = self.read_due(job, observer)?;
            }
            match ending {
                Some(ending) => return Ok(ending),
                None if exited => return Ok(Ending::Exited),
                None => {}
            }
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
