//! The controls that the harness requests from the system for a worker, and whether the system granted them: no ASLR,
//! no transparent huge pages, exclusive CPUs, termination with the parent, no core files.

use std::{collections::BTreeMap, fs::File, io, num::NonZeroUsize, os::fd::OwnedFd};

use highwater_model::{Control, ControlState};
use highwater_worker::Conditions;
use rustix::{
    io::retry_on_intr,
    process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit},
    thread::{CpuSet, disable_transparent_huge_pages, sched_getaffinity, sched_setaffinity},
};

use super::{ptrace, sys};

/// The assignment of CPUs to the worker and the parent.
#[derive(Clone, Debug)]
pub struct CpuPlan {
    allowed: CpuSet,
    cpus: Vec<usize>,
    /// The number of lanes if this is the plan of one of several, which has one CPU.
    lanes: Option<usize>,
}

impl CpuPlan {
    /// Creates a plan for the CPUs that this process may use.
    ///
    /// # Errors
    /// If the system does not report them.
    pub fn new() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        Ok(Self { allowed, cpus, lanes: None })
    }

    /// A plan for each of at most `jobs` lanes, and not more than there are CPUs: the CPU that a worker and the thread
    /// of its parent share. This plan itself if it is one lane.
    #[must_use]
    pub fn lanes(&self, jobs: NonZeroUsize) -> Vec<Self> {
        match jobs.get().min(self.cpus.len()) {
            0 | 1 => vec![self.clone()],
            count => {
                let last = self.cpus.iter().rev().take(count);
                last.map(|cpu| Self { cpus: vec![*cpu], lanes: Some(count), ..self.clone() }).collect()
            }
        }
    }

    /// The last `count` CPUs, or all if there are fewer.
    fn worker(&self, count: usize) -> CpuSet {
        self.cpus.iter().rev().take(count.max(1)).fold(CpuSet::new(), |mut set, cpu| {
            set.set(*cpu);
            set
        })
    }

    /// Restricts the parent to the other CPUs until the guard is dropped.
    #[must_use]
    pub fn pin_parent(&self, count: usize) -> ParentPinned {
        let spare = self.cpus.len().saturating_sub(count.max(1));
        let state = if let Some(lanes) = self.lanes {
            // It only works while its worker is paused, and so takes no time from those of other lanes.
            let _ = sched_setaffinity(None, &self.worker(1));
            ControlState::Refused(format!("{lanes} cases were measured at a time (`--jobs`)"))
        } else if spare == 0 {
            ControlState::Refused(format!("the worker needs all {} CPUs", self.cpus.len()))
        } else {
            let set = self.cpus.iter().take(spare).fold(CpuSet::new(), |mut set, cpu| {
                set.set(*cpu);
                set
            });
            state(sched_setaffinity(None, &set).map_err(io::Error::from))
        };
        ParentPinned { before: self.allowed, state }
    }
}

/// A guard that restores the CPUs of the parent on drop.
#[derive(Debug)]
pub struct ParentPinned {
    before: CpuSet,
    state: ControlState,
}

impl ParentPinned {
    /// Whether the system granted it.
    #[must_use]
    pub fn state(&self) -> &ControlState {
        &self.state
    }
}

impl Drop for ParentPinned {
    fn drop(&mut self) {
        // If this fails, the parent stays pinned, which makes it slower but does no harm.
        let _ = sched_setaffinity(None, &self.before);
    }
}

fn state(result: io::Result<()>) -> ControlState {
    match result {
        Ok(()) => ControlState::Granted,
        Err(error) => ControlState::Refused(error.to_string()),
    }
}

/// The controls that the child applies to itself, in the order of the report.
const IN_CHILD: [Control; 7] = [
    Control::MemoryCgroup,
    Control::AslrOff,
    Control::ThpOff,
    Control::ParentDeathSignal,
    Control::NoCoreFile,
    Control::PinnedCpu,
    Control::StackLimit,
];

/// The soft limit of a worker's stack in bytes, the kernel's default. The kernel places the mappings of a new program
/// according to it (an unlimited stack reverses their order), so `ulimit -s` in the user's shell would change mappings.
const STACK_LIMIT: u64 = 8 << 20;

/// The length of the report in bytes: one `errno` per control in native byte order.
pub(super) const REPORT_BYTES: usize = IN_CHILD.len() * 4;
/// The length of the report of a child that is traced: `errno` of the request for it follows.
const TRACED_REPORT_BYTES: usize = REPORT_BYTES + 4;

/// The value in place of `errno` for a control that was not requested.
const NOT_REQUESTED: i32 = -1;

/// The file to which the child writes to join its cgroup.
#[derive(Debug)]
pub(super) struct CgroupEntrance {
    pub(super) procs: File,
    /// Whether the worker must not run outside of the group.
    pub(super) is_required: bool,
}

/// Everything that the child needs between fork and exec, prepared before the fork.
#[derive(Debug)]
pub(super) struct ChildSetup {
    pub(super) socket: OwnedFd,
    cgroup: Option<CgroupEntrance>,
    conditions: Conditions,
    cpus: CpuSet,
}

impl ChildSetup {
    pub(super) fn new(socket: OwnedFd, cgroup: Option<CgroupEntrance>, conditions: Conditions, plan: &CpuPlan) -> Self {
        Self { socket, cgroup, conditions, cpus: plan.worker(conditions.cpus) }
    }

    /// Applies the controls in the forked child, with system calls only and without allocating. Refused controls are
    /// reported on the socket. Only a failure to join a cgroup with a limit is an error, because the worker would run
    /// without the memory limit of the case.
    pub(super) fn apply(&self) -> io::Result<()> {
        let joined = self.cgroup.as_ref().map_or(Ok(0), |group| rustix::io::write(&group.procs, b"0"));
        if self.cgroup.as_ref().is_some_and(|group| group.is_required) {
            joined?;
        }
        // A session of its own, so that its processes can be found if this one is killed. It fails only for the leader
        // of a process group, which a forked child is not.
        let _ = rustix::process::setsid();
        let errno = |requested: bool, call: &dyn Fn() -> io::Result<()>| -> i32 {
            match requested.then(call) {
                None => NOT_REQUESTED,
                Some(Ok(())) => 0,
                Some(Err(error)) => error.raw_os_error().unwrap_or(i32::MAX),
            }
        };
        let report: [i32; IN_CHILD.len()] = [
            errno(self.cgroup.is_some(), &|| Ok(joined.map(drop)?)),
            errno(self.conditions.aslr_off, &sys::disable_aslr),
            errno(self.conditions.thp_off, &|| Ok(disable_transparent_huge_pages(true)?)),
            errno(true, &|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)),
            errno(true, &|| {
                let limit = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
                Ok(setrlimit(Resource::Core, limit)?)
            }),
            errno(true, &|| Ok(sched_setaffinity(None, &self.cpus)?)),
            errno(true, &|| {
                let maximum = getrlimit(Resource::Stack).maximum;
                match maximum {
                    Some(max) if max < STACK_LIMIT => Err(rustix::io::Errno::PERM.into()),
                    _ => Ok(setrlimit(Resource::Stack, Rlimit { current: Some(STACK_LIMIT), maximum })?),
                }
            }),
        ];
        let mut bytes = [0; REPORT_BYTES];
        for (slot, errno) in bytes.chunks_exact_mut(4).zip(report) {
            slot.copy_from_slice(&errno.to_ne_bytes());
        }
        rustix::io::write(&self.socket, &bytes)?;
        Ok(())
    }

    /// The same for a child that the calling thread of the parent traces. It is an error if the system refuses that.
    pub(super) fn apply_traced(&self) -> io::Result<()> {
        self.apply()?;
        let traced = ptrace::trace_me();
        let errno = traced.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(i32::MAX));
        rustix::io::write(&self.socket, &errno.to_ne_bytes())?;
        traced
    }
}

/// The report of a child that has executed its program, or failed to. Its end of the socket is closed, unless its program
/// speaks the protocol.
pub(super) fn read_report(socket: &OwnedFd) -> Vec<u8> {
    let mut report = Vec::new();
    let mut chunk = [0; TRACED_REPORT_BYTES];
    while report.len() < TRACED_REPORT_BYTES
        && let Ok(count @ 1..) = retry_on_intr(|| rustix::io::read(socket, &mut chunk))
    {
        report.extend_from_slice(&chunk[..count]);
    }
    report
}

/// Whether a complete report of a child that is traced says that the system refuses that.
pub(super) fn tracing_is_refused(report: &[u8]) -> bool {
    report.len() == TRACED_REPORT_BYTES && report[REPORT_BYTES..] != [0; 4]
}

/// Parses the report of the child.
pub(super) fn parse_report(bytes: &[u8; REPORT_BYTES]) -> BTreeMap<Control, ControlState> {
    let state = |errno: i32| match errno {
        0 => ControlState::Granted,
        NOT_REQUESTED => ControlState::NotAsked,
        errno => ControlState::Refused(io::Error::from_raw_os_error(errno).to_string()),
    };
    let errnos = bytes.chunks_exact(4).map(|slot| i32::from_ne_bytes([slot[0], slot[1], slot[2], slot[3]]));
    IN_CHILD.into_iter().zip(errnos.map(state)).collect()
}
