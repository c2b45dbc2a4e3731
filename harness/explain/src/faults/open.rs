//! Opens the events of a worker on every CPU, as far as this user may.

use std::{fs, io, thread};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity},
};

use super::{calls::tracepoints, sys::FaultEvents};

/// The bytes of all rings together on the CPUs that the worker may run on, of which the first that is permitted is taken:
/// how much that is depends on the user (`perf_event_mlock_kb`, `ulimit -l`). On the other CPUs, where a worker can move
/// only by itself, rings have the smallest size.
const RINGS: [usize; 5] = [64 << 20, 16 << 20, 4 << 20, 1 << 20, SMALLEST_RING];
const SMALLEST_RING: usize = 256 << 10;

/// Which pages of a worker this process may record the stacks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPermission {
    /// All of them, those that the kernel fills without a fault too (`MADV_POPULATE_WRITE`, `MAP_POPULATE`, `mlock`).
    All,
    /// Those with a page fault.
    OfFaults,
    /// Those with a page fault outside of system calls.
    OfUserCode,
}

/// Which pages of a worker this process may record the stacks of.
///
/// # Errors
/// If it may record none.
pub fn fault_permission() -> io::Result<FaultPermission> {
    Ok(open_all(std::process::id())?.1)
}

/// Opens the events on every CPU, with those of system calls if that is permitted.
pub(super) fn open_all(pid: u32) -> io::Result<(Vec<FaultEvents>, FaultPermission)> {
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    let allowed = allowed(pid);
    for in_kernel in [true, false] {
        for bytes in RINGS {
            let open = |cpu| FaultEvents::open(pid, cpu, in_kernel, ring(bytes, cpu, &allowed));
            let opened: io::Result<Vec<FaultEvents>> = cpus().into_iter().map(open).collect();
            match opened {
                Ok(events) if !in_kernel => return Ok((events, FaultPermission::OfUserCode)),
                Ok(mut events) => {
                    let added = add_calls(&mut events);
                    return Ok((events, added.map_or(FaultPermission::OfFaults, |()| FaultPermission::All)));
                }
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

/// Adds the system calls that fill pages without a fault.
fn add_calls(events: &mut [FaultEvents]) -> io::Result<()> {
    let tracepoints = tracepoints()?;
    events
        .iter_mut()
        .try_for_each(|events| tracepoints.iter().try_for_each(|(call, number)| events.add(*call, *number)))
}

/// The size of the ring of a CPU, a power of two.
fn ring(all: usize, cpu: usize, allowed: &[usize]) -> usize {
    match allowed.contains(&cpu) || allowed.is_empty() {
        true => (all / allowed.len().max(1).next_power_of_two()).max(SMALLEST_RING),
        false => SMALLEST_RING,
    }
}

/// The CPUs that a process may run on.
fn allowed(pid: u32) -> Vec<usize> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(set) = pid.and_then(|pid| sched_getaffinity(Some(pid)).ok()) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// The CPUs that are online. A worker may run on any of them.
fn cpus() -> Vec<usize> {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    match listed(online.trim()) {
        Some(cpus) if !cpus.is_empty() => cpus,
        _ => (0..thread::available_parallelism().map_or(1, usize::from)).collect(),
    }
}

/// The numbers of a list such as `0-3,8`.
fn listed(list: &str) -> Option<Vec<usize>> {
    let ranges = list.split(',').map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    Some(ranges.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpus_of_a_worker_share_the_space() {
        let sizes = |allowed: &[usize]| [0, 1, 2].map(|cpu| ring(64 << 20, cpu, allowed));
        assert_eq!(sizes(&[1]), [SMALLEST_RING, 64 << 20, SMALLEST_RING]);
        assert_eq!(sizes(&[0, 1, 2]), [16 << 20; 3]);
        assert_eq!(ring(SMALLEST_RING, 0, &[0, 1]), SMALLEST_RING);
        assert!(!allowed(std::process::id()).is_empty());
    }

    #[test]
    fn lists_of_cpus_are_read() {
        assert_eq!(listed("0-2,5,8-9"), Some(vec![0, 1, 2, 5, 8, 9]));
        assert_eq!(listed("7"), Some(vec![7]));
        assert_eq!(listed(""), None);
    }
}
