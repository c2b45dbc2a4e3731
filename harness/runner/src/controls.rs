//! What the harness asks of the system for a worker, and what the system granted: ASLR off,
//! transparent huge pages off, CPUs of its own, death with its parent, no core files.

use std::{collections::BTreeMap, fs::File, io, os::fd::OwnedFd};

use highwater_model::{Control, ControlState};
use highwater_worker::Conditions;
use rustix::{
    process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit},
    thread::{CpuSet, disable_transparent_huge_pages, sched_getaffinity, sched_setaffinity},
};

use super::sys;

/// Which CPUs the worker gets and which the parent keeps.
#[derive(Clone, Debug)]
pub struct CpuPlan {
    allowed: CpuSet,
    cpus: Vec<usize>,
}

impl CpuPlan {
    /// Plans with the CPUs that this process may use.
    ///
    /// # Errors
    /// When the system does not tell which these are.
    pub fn new() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        Ok(Self { allowed, cpus })
    }

    /// The last `count` CPUs; all where there are not more.
    fn worker(&self, count: usize) -> CpuSet {
        self.cpus.iter().rev().take(count.max(1)).fold(CpuSet::new(), |mut set, cpu| {
            set.set(*cpu);
            set
        })
    }

    /// Keeps the parent off the worker's CPUs until the guard is dropped.
    #[must_use]
    pub fn pin_parent(&self, count: usize) -> ParentPinned {
        let spare = self.cpus.len().saturating_sub(count.max(1));
        let state = if spare == 0 {
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

/// The parent stays off the worker's CPUs while this lives.
#[derive(Debug)]
pub struct ParentPinned {
    before: CpuSet,
    state: ControlState,
}

impl ParentPinned {
    /// Whether it worked.
    #[must_use]
    pub fn state(&self) -> &ControlState {
        &self.state
    }
}

impl Drop for ParentPinned {
    fn drop(&mut self) {
        // A parent that stays pinned is slower, not wrong: nothing to do about a refusal here.
        let _ = sched_setaffinity(None, &self.before);
    }
}

fn state(result: io::Result<()>) -> ControlState {
    match result {
        Ok(()) => ControlState::Granted,
        Err(error) => ControlState::Refused(error.to_string()),
    }
}

/// The controls that the child applies to itself, in the order of its report.
const IN_CHILD: [Control; 6] = [
    Control::AslrOff,
    Control::ThpOff,
    Control::ParentDeathSignal,
    Control::NoCoreFile,
    Control::PinnedCpu,
    Control::StackLimit,
];

/// The soft limit of a worker's stack, in bytes: the kernel's default. The kernel lays out a new program's mappings by
/// it (an unlimited one turns their order around), so that a `ulimit -s` in the user's shell would add mappings.
const STACK_LIMIT: u64 = 8 << 20;

/// Length of the child's report in bytes: one `errno` per control, native byte order.
pub(super) const REPORT_BYTES: usize = IN_CHILD.len() * 4;

/// `errno` value that says the control was not asked for.
const NOT_ASKED: i32 = -1;

/// All that the child needs between fork and exec, made ready before.
#[derive(Debug)]
pub(super) struct ChildSetup {
    pub(super) socket: OwnedFd,
    pub(super) cgroup_entrance: Option<File>,
    conditions: Conditions,
    cpus: CpuSet,
}

impl ChildSetup {
    pub(super) fn new(socket: OwnedFd, cgroup_entrance: Option<File>, conditions: Conditions, plan: &CpuPlan) -> Self {
        Self { socket, cgroup_entrance, conditions, cpus: plan.worker(conditions.cpus) }
    }

    /// Runs in the forked child: system calls only, no allocation. What is refused is reported on
    /// the socket and the child goes on; only entering the cgroup must work, since a worker outside
    /// of it would not have the limit that the case is about.
    pub(super) fn apply(&self) -> io::Result<()> {
        if let Some(entrance) = &self.cgroup_entrance {
            rustix::io::write(entrance, b"0")?;
        }
        let errno = |asked: bool, call: &dyn Fn() -> io::Result<()>| -> i32 {
            match asked.then(call) {
                None => NOT_ASKED,
                Some(Ok(())) => 0,
                Some(Err(error)) => error.raw_os_error().unwrap_or(i32::MAX),
            }
        };
        let report: [i32; IN_CHILD.len()] = [
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
                    Some(most) if most < STACK_LIMIT => Err(rustix::io::Errno::PERM.into()),
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
}

/// Reads the child's report.
pub(super) fn parse_report(bytes: &[u8; REPORT_BYTES]) -> BTreeMap<Control, ControlState> {
    let state = |errno: i32| match errno {
        0 => ControlState::Granted,
        NOT_ASKED => ControlState::NotAsked,
        errno => ControlState::Refused(io::Error::from_raw_os_error(errno).to_string()),
    };
    let errnos = bytes.chunks_exact(4).map(|slot| i32::from_ne_bytes([slot[0], slot[1], slot[2], slot[3]]));
    IN_CHILD.into_iter().zip(errnos.map(state)).collect()
}
