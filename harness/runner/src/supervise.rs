//! Starts workers: makes the socket, the pipe and the cgroup, has the controls applied between fork
//! and exec, and tells an out-of-memory kill from other deaths.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use highwater_model::{Control, ControlState, Outcome};
use highwater_probe::{MemoryCgroup, OwnCgroup};
use highwater_worker::{Layout, Program, protocol::WORKER_ARGUMENT};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
};

use super::{
    controls::{ChildSetup, CpuPlan},
    job::{Interrupt, IsolateError, Job, Observed, system},
    life::{Life, Reaped},
    sys,
};

/// Descriptors that the child needs are moved to this number or above, out of the way of the worker's.
const HIGH_FD: i32 = 100;
/// The variable that makes a worker's environment as long as its layout wants it.
const PADDING: &str = "HIGHWATER_PADDING";
/// Rust's message when an allocation is refused.
const ALLOCATION_REFUSED: &str = "memory allocation of";

/// Starts workers, one at a time.
#[derive(Debug)]
pub struct Supervisor {
    /// The bench binary.
    own: OwnedFd,
    plan: CpuPlan,
    folder: PathBuf,
    interrupt: Interrupt,
    group: Option<MemoryCgroup>,
}

impl Supervisor {
    /// Workers will have `folder` as their working directory, and be `program` where they are
    /// [`Program::Own`]: the bench binary.
    ///
    /// # Errors
    /// When the program cannot be opened.
    pub fn new(program: &Path, folder: &Path, plan: CpuPlan, interrupt: Interrupt) -> Result<Self, IsolateError> {
        let own = File::open(program).map_err(|source| IsolateError::Spawn { program: program.to_owned(), source })?;
        let own = rustix::io::fcntl_dupfd_cloexec(own, HIGH_FD)
            .map_err(|error| system("keep the bench binary open")(error.into()))?;
        let group = MemoryCgroup::of(std::process::id()).ok();
        Ok(Self { own, plan, folder: folder.to_owned(), interrupt, group })
    }

    /// Runs one worker to its end in this layout, and says what the system granted it.
    ///
    /// # Errors
    /// When the harness fails or the user stops it; a worker that dies is no error.
    pub fn run(&self, job: &Job, layout: Layout) -> Result<(Observed, BTreeMap<Control, ControlState>), IsolateError> {
        let own_group = match job.limits.memory.map(OwnCgroup::with_limit).transpose() {
            Ok(group) => group,
            Err(error) => {
                return Ok((Observed::NotRun(format!("no memory cgroup can be made here: {error}")), BTreeMap::new()));
            }
        };
        let group = own_group.as_ref().map(OwnCgroup::figures).or(self.group.as_ref());
        let kills_before = group.and_then(|group| group.oom_kills().ok());

        let spawned = Instant::now();
        let mut life = self.spawn(job, layout, own_group.as_ref(), spawned)?;
        let observed = life.supervise(job, layout, &self.interrupt)?;
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
        Ok((observed, life.controls()))
    }

    fn spawn(
        &self,
        job: &Job,
        layout: Layout,
        cgroup: Option<&OwnCgroup>,
        spawned: Instant,
    ) -> Result<Life, IsolateError> {
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
                let path = PathBuf::from(format!("/proc/self/fd/{}", self.own.as_raw_fd()));
                (path, vec![OsString::from(WORKER_ARGUMENT)])
            }
            Program::Other { path, args } => (path.clone(), args.clone()),
        };
        let mut command = Command::new(&program);
        command
            .arg0("highwater-worker")
            .args(args)
            .env_clear()
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .env(PADDING, "-".repeat(layout.environment()))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output_end.try_clone().map_err(system("share a pipe"))?)
            .stderr(output_end);
        sys::before_exec(&mut command, ChildSetup::new(high(theirs)?, entrance, job.conditions, &self.plan));
        let child = Reaped::new(command.spawn().map_err(|source| IsolateError::Spawn { program, source })?);
        // Closes our copies of the child's ends.
        drop(command);
        for fd in [&ours, &output] {
            fcntl_setfl(fd, OFlags::NONBLOCK).map_err(|error| system("set up a socket")(error.into()))?;
        }
        Life::new(child, ours, output, cgroup.map(|own| own.figures().clone()), spawned)
    }
}
