//! Stops the descendants of a program, and lets them continue: SIGSTOP to each process until no new one appears and no
//! thread runs any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::fd::OwnedFd,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long to wait until all threads have stopped. A thread stops at its next return to user code, unless it waits in
/// the kernel without being interruptible.
pub(super) const PAUSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait before the threads are looked at again.
const PAUSE_INTERVAL: Duration = Duration::from_micros(200);

/// Descendants that were stopped. They continue on drop.
#[derive(Debug)]
pub(super) struct StoppedProcesses {
    /// Without those that had stopped before.
    stopped: BTreeMap<u32, OwnedFd>,
    /// The number of processes that did not stop in time.
    pub(super) running: usize,
}

impl StoppedProcesses {
    /// Stops all processes that `find` finds, and waits until they and `also` have stopped, at most until `deadline`.
    pub(super) fn stop(find: impl Fn() -> BTreeSet<u32>, also: Option<u32>, deadline: Instant) -> Self {
        let mut known = BTreeSet::new();
        let mut stopped = BTreeMap::new();
        loop {
            let found = find();
            let new: Vec<u32> = found.difference(&known).copied().filter(|pid| !has_stopped(*pid)).collect();
            let open = |pid: u32| Some((pid, pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()?));
            let handles: Vec<_> = new.iter().filter_map(|pid| open(*pid)).collect();
            // A process that is still found was a descendant when its descriptor was opened.
            let still = if handles.is_empty() { BTreeSet::new() } else { find() };
            for (pid, handle) in handles.into_iter().filter(|(pid, _)| still.contains(pid)) {
                if pidfd_send_signal(&handle, Signal::STOP).is_ok() {
                    stopped.insert(pid, handle);
                }
            }
            known.extend(&found);
            let running = found.iter().copied().chain(also).filter(|pid| !has_stopped(*pid)).count();
            // Processes that have stopped start no others, so that nothing new is found after this.
            if running == 0 && new.is_empty() || Instant::now() >= deadline {
                return Self { stopped, running };
            }
            if running > 0 {
                thread::sleep(PAUSE_INTERVAL);
            }
        }
    }
}

impl Drop for StoppedProcesses {
    fn drop(&mut self) {
        for handle in self.stopped.values() {
            // Fails if it was killed.
            let _ = pidfd_send_signal(handle, Signal::CONT);
        }
    }
}

/// The states of the threads of a process: the letter of `stat`. Empty if it is gone.
fn thread_states(pid: u32) -> Vec<u8> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| state(&thread.path().join("stat"))).collect()
}

/// The state in a file `stat` of a process or thread; `None` if it is gone.
pub(super) fn state(stat: &Path) -> Option<u8> {
    let stat = fs::read(stat).ok()?;
    // The state follows the name, which may contain anything, in parentheses.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(end + 2).copied()
}

/// Whether no thread of a process runs: stopped, traced, a zombie or dead.
pub(super) fn has_stopped(pid: u32) -> bool {
    thread_states(pid).iter().all(|state| b"TtZX".contains(state))
}

/// Waits until a process has one thread, the main thread, at most until `deadline`. Returns whether it has.
pub(super) fn has_one_thread(pid: u32, deadline: Instant) -> bool {
    loop {
        match thread_states(pid).len() {
            0 | 1 => return true,
            _ if Instant::now() >= deadline => return false,
            _ => thread::sleep(PAUSE_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn sleeper() -> Child {
        Command::new("/bin/sleep").arg("60").stdin(Stdio::null()).spawn().expect("started")
    }

    #[test]
    fn processes_stop_and_continue_and_those_that_had_stopped_stay_so() {
        let mut sleepers = [sleeper(), sleeper()];
        let ids = sleepers.each_ref().map(Child::id);
        let pid = Pid::from_child(&sleepers[1]);
        rustix::process::kill_process(pid, Signal::STOP).expect("sent");
        while !has_stopped(ids[1]) {
            thread::sleep(PAUSE_INTERVAL);
        }
        let stopped = StoppedProcesses::stop(|| ids.into(), None, Instant::now() + PAUSE_TIMEOUT);
        assert!(stopped.running == 0 && ids.into_iter().all(has_stopped));
        drop(stopped);
        let deadline = Instant::now() + Duration::from_secs(10);
        while has_stopped(ids[0]) && Instant::now() < deadline {
            thread::sleep(PAUSE_INTERVAL);
        }
        assert_eq!(ids.map(has_stopped), [false, true]);
        for sleeper in &mut sleepers {
            sleeper.kill().and_then(|()| sleeper.wait()).expect("ended");
        }
    }

    #[test]
    fn a_process_that_does_not_stop_in_time_is_counted() {
        let own = std::process::id();
        let stopped = StoppedProcesses::stop(BTreeSet::new, Some(own), Instant::now());
        assert_eq!(stopped.running, 1);
        assert!(!has_one_thread(own, Instant::now()), "a test has a thread of its own");
    }
}
