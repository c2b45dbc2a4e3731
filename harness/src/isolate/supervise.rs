//! One worker from spawn to exit: sends the job, reads the memory at every stage, keeps the limits,
//! and turns whatever happens into a sample.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::process::CommandExt, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_setfl},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{
    controls::{ChildSetup, Conditions, CpuPlan, REPORT_BYTES, parse_report},
    output::Tail,
    protocol::{MAX_LINE, Message, job_lines},
    sys,
};
use crate::{
    model::{Bytes, CaseId, Control, ControlState, Metric, Outcome, Reading, Sample, Scale, Snapshot, Stage},
    probe::{CgroupError, Labels, MemoryCgroup, OwnCgroup, Probe, ProbeError},
};

/// Descriptors that the child needs are moved to this number or above, out of the way of the worker's.
const HIGH_FD: i32 = 100;
/// How often the loop looks whether the user wants to stop.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a process that is being killed may take to give its memory back: 0.3 s for 4 GiB.
const DYING: Duration = Duration::from_secs(10);
/// Rust's message when an allocation is refused.
const ALLOCATION_REFUSED: &str = "memory allocation of";

/// Set when the user asks to stop (SIGINT, SIGTERM); a second time ends the process at once.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let flag = Arc::clone(&interrupt.0);
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag)?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Whether the user asked to stop.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a worker may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From spawn to exit, the parent's reading included.
    pub time: Duration,
    /// Memory, kept by a cgroup of the worker's own.
    pub memory: Option<Bytes>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), memory: None }
    }
}

/// What a worker executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// This executable again.
    Own,
    /// Another program that speaks the stage protocol.
    Other {
        /// Its path.
        path: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
}

/// What one worker is to do and under which conditions.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it executes.
    pub program: Program,
    /// The case it runs.
    pub case: CaseId,
    /// The scales to go through.
    pub ladder: Vec<Scale>,
    /// Bytes that each unit dirties on top.
    pub inject: Bytes,
    /// Files the case asked for.
    pub inputs: Vec<PathBuf>,
    /// The stage at which the peak is reset.
    pub reference: Stage,
    /// What it may use.
    pub limits: Limits,
    /// What is asked of the system.
    pub conditions: Conditions,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
}

/// What came of a worker.
#[derive(Clone, Debug)]
pub enum Observed {
    /// It ran, well or badly.
    Sample(Sample),
    /// The case cannot run here.
    NotRun(String),
}

/// The harness itself could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// A system call on the way to a worker failed.
    #[error("cannot {what} for a worker: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The worker's memory could not be read.
    #[error("cannot read the worker's memory: {0}")]
    Probe(#[from] ProbeError),
    /// The user asked to stop.
    #[error("stopped by the user")]
    Interrupted,
}

fn system(what: &'static str) -> impl Fn(io::Error) -> IsolateError {
    move |source| IsolateError::System { what, source }
}

/// Starts workers, one at a time.
#[derive(Debug)]
pub struct Supervisor {
    own: OwnedFd,
    plan: CpuPlan,
    folder: PathBuf,
    interrupt: Interrupt,
    group: Option<MemoryCgroup>,
}

impl Supervisor {
    /// Workers will have `folder` as their working directory.
    ///
    /// # Errors
    /// When this executable cannot be opened or the CPUs are not known.
    pub fn new(folder: &Path, plan: CpuPlan, interrupt: Interrupt) -> Result<Self, IsolateError> {
        let own = File::open("/proc/self/exe").map_err(system("open this executable"))?;
        let own = rustix::io::fcntl_dupfd_cloexec(own, HIGH_FD)
            .map_err(|error| system("keep this executable open")(error.into()))?;
        let group = MemoryCgroup::of(std::process::id()).ok();
        Ok(Self { own, plan, folder: folder.to_owned(), interrupt, group })
    }

    /// Runs one worker to its end, and says what the system granted it.
    ///
    /// # Errors
    /// When the harness fails or the user stops it; a worker that dies is no error.
    pub fn run(&self, job: &Job) -> Result<(Observed, BTreeMap<Control, ControlState>), IsolateError> {
        let own_group = match job.limits.memory.map(OwnCgroup::with_limit).transpose() {
            Ok(group) => group,
            Err(error) => return Ok((Observed::NotRun(no_cgroup(&error)), BTreeMap::new())),
        };
        let group = own_group.as_ref().map(OwnCgroup::figures).or(self.group.as_ref());
        let kills_before = group.and_then(|group| group.oom_kills().ok());

        let spawned = Instant::now();
        let mut life = self.spawn(job, own_group.as_ref(), spawned)?;
        life.group = own_group.as_ref().map(|own| own.figures().clone());
        let observed = life.supervise(job, &self.interrupt)?;
        let killed_for_memory = || {
            let kills = group.and_then(|group| group.oom_kills().ok());
            matches!((kills_before, kills), (Some(before), Some(after)) if after > before)
        };
        let observed = match observed {
            Observed::Sample(mut sample) => {
                let out_of_memory = match sample.outcome {
                    Outcome::Signaled { signal: libc::SIGKILL } => killed_for_memory(),
                    Outcome::Signaled { signal: libc::SIGABRT } => sample.output_tail.contains(ALLOCATION_REFUSED),
                    _ => false,
                };
                if out_of_memory {
                    sample.outcome = Outcome::OutOfMemory;
                }
                Observed::Sample(sample)
            }
            not_run => not_run,
        };
        Ok((observed, std::mem::take(&mut life.controls)))
    }

    fn spawn(&self, job: &Job, cgroup: Option<&OwnCgroup>, spawned: Instant) -> Result<Life, IsolateError> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|error| system("make a socket")(error.into()))?;
        let high = |fd: OwnedFd| {
            rustix::io::fcntl_dupfd_cloexec(fd, HIGH_FD).map_err(|error| system("move a descriptor")(error.into()))
        };
        let entrance = cgroup
            .map(|cgroup| File::options().write(true).open(cgroup.entrance()))
            .transpose()
            .map_err(system("open a cgroup"))?;
        let entrance = entrance.map(|file| high(file.into())).transpose()?.map(File::from);
        let (output, output_end) =
            pipe_with(PipeFlags::CLOEXEC).map_err(|error| system("make a pipe")(error.into()))?;

        let (program, args) = match &job.program {
            // By descriptor, so that the length of the path, which the kernel puts on the stack, is
            // the same in every checkout.
            Program::Own => {
                use std::os::fd::AsRawFd;
                let path = PathBuf::from(format!("/proc/self/fd/{}", self.own.as_raw_fd()));
                (path, vec![OsString::from(crate::bench::WORKER_ARGUMENT)])
            }
            Program::Other { path, args } => (path.clone(), args.clone()),
        };
        let mut command = Command::new(&program);
        command
            .arg0("highwater-worker")
            .args(args)
            .env_clear()
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output_end.try_clone().map_err(system("share a pipe"))?)
            .stderr(output_end);
        sys::before_exec(&mut command, ChildSetup::new(high(theirs)?, entrance, job.conditions, &self.plan));
        let child = command.spawn().map_err(|source| IsolateError::Spawn { program, source })?;
        // From here on the child dies with `life`. Dropping the command closes our copies of its ends.
        drop(command);
        let pid = Pid::from_child(&child);
        let mut life = Life {
            child,
            exit: None,
            socket: ours,
            output,
            tail: Tail::default(),
            pending: Vec::new(),
            controls: BTreeMap::new(),
            labels: Labels::default(),
            probe: None,
            group: None,
            readings: Vec::new(),
            spawned,
        };
        life.exit =
            Some(pidfd_open(pid, PidfdFlags::empty()).map_err(|error| system("watch the process")(error.into()))?);
        for fd in [&life.socket, &life.output] {
            fcntl_setfl(fd, OFlags::NONBLOCK).map_err(|error| system("set up a socket")(error.into()))?;
        }
        Ok(life)
    }
}

fn no_cgroup(error: &CgroupError) -> String {
    format!("no memory cgroup can be made here: {error}")
}

/// A running worker; killed and reaped when dropped.
struct Life {
    child: Child,
    /// Readable once the process has exited.
    exit: Option<OwnedFd>,
    socket: OwnedFd,
    output: OwnedFd,
    tail: Tail,
    /// Bytes received that are no whole line yet.
    pending: Vec<u8>,
    controls: BTreeMap<Control, ControlState>,
    labels: Labels,
    probe: Option<Probe>,
    group: Option<MemoryCgroup>,
    readings: Vec<Reading>,
    spawned: Instant,
}

/// Why the loop ended.
enum Ending {
    Exited { ended: bool },
    Skipped(String),
    TimedOut,
    Protocol(String),
}

impl Life {
    fn supervise(&mut self, job: &Job, interrupt: &Interrupt) -> Result<Observed, IsolateError> {
        let inputs: Vec<String> = job.inputs.iter().map(|path| path.display().to_string()).collect();
        self.send(job_lines(&job.case, &job.ladder, job.inject.0, &inputs).as_bytes())?;
        let ending = self.converse(job, interrupt)?;
        if !matches!(ending, Ending::Exited { .. }) {
            self.child.kill().map_err(system("end the process"))?;
        }
        let status = self.child.wait().map_err(system("wait for the process"))?;
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
            output_tail: self.tail.text(),
        }))
    }

    /// Serves the worker until it exits, skips, breaks the protocol or runs out of time.
    fn converse(&mut self, job: &Job, interrupt: &Interrupt) -> Result<Ending, IsolateError> {
        let mut report: Option<[u8; REPORT_BYTES]> = None;
        let mut ended = false;
        loop {
            if interrupt.raised() {
                return Err(IsolateError::Interrupted);
            }
            let left = job.limits.time.saturating_sub(self.spawned.elapsed());
            if left.is_zero() {
                return Ok(Ending::TimedOut);
            }
            let exited = self.wait(left.min(GLANCE))?;
            self.drain_output();
            self.receive()?;
            if report.is_none() && self.pending.len() >= REPORT_BYTES {
                let mut bytes = [0; REPORT_BYTES];
                bytes.copy_from_slice(&self.pending[..REPORT_BYTES]);
                self.pending.drain(..REPORT_BYTES);
                self.controls.extend(parse_report(&bytes));
                report = Some(bytes);
            }
            while let Some(line) = self.next_line().filter(|_| report.is_some()) {
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
                    Ok(Message::Reached { stage, wall_ns, cpu_ns, heap }) => {
                        match self.look(&stage, &job.reference, &heap) {
                            Ok(snapshot) => self.readings.push(Reading { stage, wall_ns, cpu_ns, snapshot }),
                            // It may have been killed between its message and our reading.
                            Err(_) if self.exits_within(DYING)? => break,
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

    /// One look at the paused worker.
    fn look(&mut self, stage: &Stage, reference: &Stage, heap: &[(Metric, u64)]) -> Result<Snapshot, ProbeError> {
        if self.probe.is_none() {
            self.probe = Some(Probe::of(self.child.id())?);
        }
        let Some(probe) = &self.probe else { unreachable!("just set") };
        if stage == reference {
            let state = match probe.reset_peak() {
                Ok(()) => ControlState::Granted,
                Err(error) => ControlState::Refused(error.to_string()),
            };
            self.controls.insert(Control::PeakReset, state);
        }
        let mut snapshot = probe.snapshot(&self.labels)?;
        for (metric, value) in heap {
            snapshot.add(*metric, *value);
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

    /// Waits until there is something to read or the process has exited; tells the latter.
    fn wait(&self, timeout: Duration) -> Result<bool, IsolateError> {
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&self.output, PollFlags::IN)]
            .into_iter()
            .chain(self.exit.as_ref().map(|exit| PollFd::new(exit, PollFlags::IN)))
            .collect::<Vec<_>>();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(system("wait")(error.into())),
        }
        Ok(fds.get(2).is_some_and(|exit| !exit.revents().is_empty()))
    }

    /// Waits for the exit alone: a dying process loses its memory and its socket a moment before it
    /// counts as exited, and the signal that ended it may interrupt the parent as well.
    fn exits_within(&self, timeout: Duration) -> Result<bool, IsolateError> {
        let Some(exit) = &self.exit else { return Ok(false) };
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        let ready = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(exit, PollFlags::IN)], Some(&timeout)));
        Ok(ready.map_err(|error| system("wait")(error.into()))? > 0)
    }

    fn receive(&mut self) -> Result<(), IsolateError> {
        let mut chunk = [0; MAX_LINE];
        loop {
            match rustix::io::read(&self.socket, &mut chunk) {
                Ok(0) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::CONNRESET) => return Ok(()),
                Ok(count) => self.pending.extend_from_slice(&chunk[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(system("listen")(error.into())),
            }
        }
    }

    fn next_line(&mut self) -> Option<Result<String, String>> {
        match self.pending.iter().position(|byte| *byte == b'\n') {
            Some(end) if end < MAX_LINE => {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                Some(String::from_utf8(line[..end].to_vec()).map_err(|_| "a line is not text".to_owned()))
            }
            None if self.pending.len() < MAX_LINE => None,
            _ => Some(Err(format!("a line is longer than {MAX_LINE} bytes"))),
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), IsolateError> {
        // The job and the replies are far smaller than a socket's buffer: one write takes it whole.
        match rustix::io::write(&self.socket, bytes) {
            Ok(count) if count == bytes.len() => Ok(()),
            // A worker that is gone is noticed by its exit.
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => Ok(()),
            Ok(_) => Err(system("send the job")(io::ErrorKind::WriteZero.into())),
            Err(error) => Err(system("send the job")(error.into())),
        }
    }

    fn drain_output(&mut self) {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = rustix::io::read(&self.output, &mut chunk) {
            self.tail.push(&chunk[..count]);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Both fail when it has been waited for already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
