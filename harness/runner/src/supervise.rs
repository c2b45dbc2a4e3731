//! Starts workers: creates the socket, the pipe and the cgroup, applies the controls between fork and exec, and
//! distinguishes out-of-memory kills from other failures.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use highwater_model::{Control, ControlState, MAX_STAGES, MAX_VALUE, Outcome, Sample};
use highwater_probe::{Before, MemoryCgroup, WorkerCgroup, adopt_orphans};
use highwater_store::one_line;
use highwater_worker::{Conditions, Layout, Program, UnmodifiedProgram, protocol::WORKER_ARGUMENT};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::{Resource, getrlimit},
};

use super::{
    account::{PADDING_VAR, worker_cgroup},
    child::KillOnDrop,
    command_process::CommandProcess,
    controls::{CgroupEntrance, ChildSetup, CpuPlan, parse_report, read_report, tracing_is_refused},
    guardian::Guardian,
    job::{Job, MIN_OPEN_FILES, Observed, RunnerError, system},
    observer::{Nobody, Observer},
    output_stages::OutputStages,
    program,
    running_program::RunningProgram,
    signals::Interrupt,
    sys,
    turn::Turn,
    worker_process::WorkerProcess,
};

/// Descriptors for the child are moved to at least this number, so that they do not collide with the worker's socket.
const MIN_CHILD_FD: i32 = 100;
/// Rust's message when an allocation fails.
const ALLOCATION_FAILED: &str = "memory allocation of";

/// Starts workers and runs each until it exits.
#[derive(Debug)]
pub struct Supervisor {
    /// The program of the bench's workers.
    own: OwnedFd,
    plan: CpuPlan,
    folder: PathBuf,
    interrupt: Interrupt,
    group: Option<MemoryCgroup>,
    /// `None` if there is no shell; workers then rely on the signal that the kernel sends.
    guardian: Option<Guardian>,
    turn: Turn,
}

impl Supervisor {
    /// Creates a supervisor. `program` is the program that workers with [`Program::Own`] execute; `folder` is
    /// the working directory of all workers.
    ///
    /// # Errors
    /// If the program cannot be opened, or this process may not open enough files.
    pub fn new(program: &Path, folder: &Path, plan: CpuPlan, interrupt: Interrupt) -> Result<Self, RunnerError> {
        match getrlimit(Resource::Nofile).current {
            Some(limit) if limit < MIN_OPEN_FILES => return Err(RunnerError::OpenFiles(limit)),
            _ => {}
        }
        let own = File::open(program).map_err(|source| RunnerError::Spawn { program: program.to_owned(), source })?;
        let own = rustix::io::fcntl_dupfd_cloexec(own, MIN_CHILD_FD)
            .map_err(|error| system("keep the worker program open")(error.into()))?;
        let group = MemoryCgroup::of(std::process::id()).ok();
        // If it is refused, daemons of a worker are still found by the worker's cgroup.
        let _ = adopt_orphans();
        let guardian = Guardian::start().ok();
        Ok(Self { own, plan, folder: folder.to_owned(), interrupt, group, guardian, turn: Turn::default() })
    }

    /// The same for a lane that shares its CPU with others.
    pub(super) fn with_turn(self, turn: Turn) -> Self {
        Self { turn, ..self }
    }

    /// The turns of its lane.
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Runs one worker with this layout until it exits. Also returns whether the system granted each control.
    ///
    /// # Errors
    /// If the harness fails or is interrupted. A failing worker is not an error.
    pub fn run(&self, job: &Job, layout: Layout) -> Result<(Observed, BTreeMap<Control, ControlState>), RunnerError> {
        self.run_observed(job, layout, &mut Nobody)
    }

    /// The same, with an observer of each stage.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub(super) fn run_observed(
        &self,
        job: &Job,
        layout: Layout,
        observer: &mut dyn Observer,
    ) -> Result<(Observed, BTreeMap<Control, ControlState>), RunnerError> {
        let (own_group, group_state) = match worker_cgroup(job.limits.memory) {
            Ok(own) => own,
            Err(error) => {
                return Ok((Observed::NotRun(format!("no memory cgroup can be made here: {error}")), BTreeMap::new()));
            }
        };
        let group = own_group.as_ref().map(WorkerCgroup::group).or(self.group.as_ref());
        let kills_before = group.and_then(|group| group.oom_kills().ok());

        let spawned = Instant::now();
        let Started { program, socket } = match self.spawn(job, layout, own_group.as_ref(), spawned)? {
            Ok(started) => started,
            Err(observed) => return Ok((observed, BTreeMap::new())),
        };
        let cgroup = own_group.as_ref().map(|own| own.group().folder());
        let _watch = self.guardian.as_ref().map(|guardian| guardian.watch(program.id(), cgroup));
        let (observed, mut controls) = match &job.program {
            Program::Unmodified(command) => {
                let stages = OutputStages::new(&command.stages).unwrap_or_default();
                let mut process = CommandProcess::new(program, command, stages)?;
                (process.supervise(job, &self.interrupt, observer)?, process.controls())
            }
            Program::Own | Program::Other { .. } => {
                let mut process = WorkerProcess::new(program, socket);
                (process.supervise(job, layout, &self.interrupt, observer)?, process.controls())
            }
        };
        let oom_killed = || {
            let kills = group.and_then(|group| group.oom_kills().ok());
            matches!((kills_before, kills), (Some(before), Some(after)) if after > before)
        };
        let observed = match observed {
            Observed::Sample(mut sample) => {
                let out_of_memory = match sample.outcome {
                    Outcome::Signaled { signal: libc::SIGKILL } => oom_killed(),
                    Outcome::Signaled { signal: libc::SIGABRT } => sample.output_tail.contains(ALLOCATION_FAILED),
                    _ => false,
                };
                if out_of_memory {
                    sample.outcome = Outcome::OutOfMemory;
                }
                Observed::Sample(sample)
            }
            not_run => not_run,
        };
        if !group_state.is_granted() {
            controls.insert(Control::MemoryCgroup, group_state);
        }
        let observed = match own_group.map(WorkerCgroup::remove) {
            Some(Err(error)) => with_note(observed, "cgroup_not_removed", error.to_string()),
            _ => observed,
        };
        let observed = match unusual_conditions(job.conditions) {
            Some(conditions) => with_note(observed, "conditions", conditions),
            None => observed,
        };
        Ok((observed, controls))
    }

    /// Starts a worker. The inner error is a program that cannot be started, which is a result of that worker.
    fn spawn(
        &self,
        job: &Job,
        layout: Layout,
        cgroup: Option<&WorkerCgroup>,
        spawned: Instant,
    ) -> Result<Result<Started, Observed>, RunnerError> {
        let not_started =
            |reason: String| Ok(Err(Observed::Sample(failed_before_start(Outcome::NotStarted { reason }, spawned))));
        if let Some(problem) = job_problem(job) {
            return not_started(problem);
        }
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|error| system("make a socket")(error.into()))?;
        let renumber = |fd: OwnedFd| {
            rustix::io::fcntl_dupfd_cloexec(fd, MIN_CHILD_FD).map_err(|error| system("move a descriptor")(error.into()))
        };
        let procs = cgroup
            .map(|cgroup| File::options().write(true).open(cgroup.procs_file()))
            .transpose()
            .map_err(system("open a cgroup"))?;
        let procs = procs.map(|file| renumber(file.into())).transpose()?.map(File::from);
        let is_required = job.limits.memory.is_some();
        let entrance = procs.map(|procs| CgroupEntrance { procs, is_required });
        let (output, output_end) =
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| system("make a pipe")(error.into()))?;

        let is_traced = matches!(job.program, Program::Unmodified(_));
        let own_name = || OsString::from("highwater-worker");
        let (program, name, args, folder) = match &job.program {
            // Executed by descriptor: the kernel puts the path on the stack, so its length must be the same in all
            // checkouts.
            Program::Own => {
                let path = PathBuf::from(format!("/proc/self/fd/{}", self.own.as_raw_fd()));
                (path, own_name(), vec![OsString::from(WORKER_ARGUMENT)], self.folder.clone())
            }
            Program::Other { path, args } => match program::check(path) {
                Ok(()) => (path.clone(), own_name(), args.clone(), self.folder.clone()),
                Err(error) => return not_started(error.to_string()),
            },
            Program::Unmodified(UnmodifiedProgram { path, name, args, folder, .. }) => {
                match program::check(Path::new(path)) {
                    Ok(()) => (path.into(), name.clone(), args.clone(), folder.into()),
                    Err(error) => return not_started(error.to_string()),
                }
            }
        };
        let mut command = Command::new(&program);
        command
            .arg0(name)
            .args(args)
            .env_clear()
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .env(PADDING_VAR, "-".repeat(layout.environment()))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output_end.try_clone().map_err(system("share a pipe"))?)
            .stderr(output_end);
        let setup = ChildSetup::new(renumber(theirs)?, entrance, job.conditions, &self.plan);
        if is_traced {
            // The program must not have the socket, which is closed when it is executed.
            sys::before_exec(&mut command, None, move || setup.apply_traced());
        } else {
            sys::before_exec(&mut command, Some(setup.socket.as_raw_fd()), move || setup.apply());
        }
        let before = Before::start();
        let child = command.spawn();
        // Close this process's copies of the child's ends.
        drop(command);
        let child = match child {
            Ok(child) => KillOnDrop::new(child, is_traced),
            Err(source) if job.program == Program::Own || is_shortage(&source) => {
                return Err(RunnerError::Spawn { program, source });
            }
            Err(source) => {
                let report = read_report(&ours);
                return match report.as_slice() {
                    // The child reports its controls after it has joined the cgroup.
                    [] => Ok(Err(Observed::NotRun(format!("its worker cannot join a memory cgroup here: {source}")))),
                    report if tracing_is_refused(report) => {
                        Ok(Err(Observed::NotRun(format!("the system does not permit tracing it (ptrace): {source}"))))
                    }
                    _ => not_started(source.to_string()),
                };
            }
        };
        for fd in [&ours, &output] {
            fcntl_setfl(fd, OFlags::NONBLOCK).map_err(|error| system("set up a socket")(error.into()))?;
        }
        let group = cgroup.map(|own| own.group().clone());
        let mut program = RunningProgram::new(child, output, (before, group), spawned, &self.turn)?;
        if is_traced && let Some(report) = read_report(&ours).first_chunk() {
            program.controls.extend(parse_report(report));
        }
        Ok(Ok(Started { program, socket: ours }))
    }
}

/// A program that was started, and the parent's end of its socket.
struct Started {
    program: RunningProgram,
    socket: OwnedFd,
}

fn with_note(mut observed: Observed, name: &str, text: String) -> Observed {
    if let Observed::Sample(sample) = &mut observed {
        sample.notes.push((name.to_owned(), text));
    }
    observed
}

/// The result of a worker that does not exist.
pub(super) fn failed_before_start(outcome: Outcome, since: Instant) -> Sample {
    Sample {
        readings: Vec::new(),
        timeline: None,
        outcome,
        lifetime_ns: u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX).min(MAX_VALUE),
        notes: Vec::new(),
        output_tail: String::new(),
    }
}

/// Why a job cannot be sent to a worker, if so.
fn job_problem(job: &Job) -> Option<String> {
    if let Program::Unmodified(command) = &job.program
        && let Err(error) = OutputStages::new(&command.stages)
    {
        return Some(one_line(&error.to_string()));
    }
    (job.ladder.len() > MAX_STAGES)
        .then(|| format!("its ladder has {} rungs, more than {MAX_STAGES}", job.ladder.len()))
}

/// Whether starting failed because this process or the system has too few resources, as opposed to the program.
fn is_shortage(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::AGAIN | Errno::NOMEM))
}
/// How a case asked to be measured, if it differs from the default in more than its addresses, which the controls of the
/// record state.
fn unusual_conditions(conditions: Conditions) -> Option<String> {
    let cpus = (conditions.cpus > 1).then(|| format!("{} CPUs", conditions.cpus));
    let thp = (!conditions.thp_off).then(|| "transparent huge pages as the system has them".to_owned());
    let parts: Vec<String> = cpus.into_iter().chain(thp).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_a_default_would_hide_are_stated() {
        let of = |thp_off, cpus| unusual_conditions(Conditions { thp_off, cpus, ..Conditions::default() });
        assert_eq!(of(true, 1), None);
        assert_eq!(of(true, 2).as_deref(), Some("2 CPUs"));
        assert_eq!(of(false, 2).as_deref(), Some("2 CPUs, transparent huge pages as the system has them"));
    }
}
