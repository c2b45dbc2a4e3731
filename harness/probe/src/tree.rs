//! The descendants of a worker: finding them, and ending them with it.
//!
//! A descendant whose parent has exited (a daemon) is found by the worker's memory cgroup. Without a cgroup it becomes a
//! child of this process ([`adopt_orphans`]) and is recognised by the environment variable that every worker has.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};

use super::{MemoryCgroup, leftover::kill_at_once, process::ProcessFiles};

/// How long to wait for killed descendants. Releasing 4 GiB of memory takes 0.3 s.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before descendants are looked for again.
const END_PAUSE: Duration = Duration::from_millis(1);

/// The workers that this process has started and not yet ended, in any thread.
static WORKERS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn workers() -> MutexGuard<'static, BTreeSet<u32>> {
    // A set is valid at any time, so a panic of another thread does not matter.
    WORKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes descendants of this process whose parent exits children of this process instead of init.
///
/// # Errors
/// If the system refuses. Without a memory cgroup, daemons are then not found.
pub fn adopt_orphans() -> std::io::Result<()> {
    // Any pid sets the flag of the calling process (PR_SET_CHILD_SUBREAPER(2const)).
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// A worker and what it has started.
#[derive(Debug)]
pub(super) struct ProcessTree {
    worker: u32,
    group: Option<MemoryCgroup>,
    /// A variable in the environment of every worker.
    mark: &'static str,
}

impl ProcessTree {
    /// The tree of the process `worker`, which has the variable `mark` in its environment and is in `group`, if it has
    /// one. No other process may be in that group.
    pub(super) fn new(worker: u32, group: Option<MemoryCgroup>, mark: &'static str) -> Self {
        workers().insert(worker);
        Self { worker, group, mark }
    }

    /// The pid of the worker.
    pub(super) fn worker(&self) -> u32 {
        self.worker
    }

    /// The descendants, while the worker is running.
    pub(super) fn descendants(&self) -> BTreeSet<u32> {
        let mut found = self.orphans();
        let mut parents: Vec<u32> = found.iter().copied().chain([self.worker]).collect();
        while let Some(parent) = parents.pop() {
            let new = children(parent).into_iter().filter(|child| found.insert(*child));
            parents.extend(new.collect::<Vec<_>>());
        }
        found.remove(&self.worker);
        found
    }

    /// The processes of the group, or the marked children of this process.
    fn orphans(&self) -> BTreeSet<u32> {
        match &self.group {
            Some(group) => group.processes().map(BTreeSet::from_iter).unwrap_or_default(),
            None => own_children().into_iter().filter(|pid| self.is_marked(*pid)).collect(),
        }
    }

    fn is_marked(&self, pid: u32) -> bool {
        let prefix = format!("{}=", self.mark);
        let environment = || fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        !workers().contains(&pid)
            && environment().split(|byte| *byte == 0).any(|variable| variable.starts_with(prefix.as_bytes()))
    }

    /// Zombies of the group that became children of this process.
    fn zombies(&self) -> Vec<u32> {
        let Some(name) = self.group.as_ref().and_then(|group| group.folder().file_name()) else { return Vec::new() };
        let is_member = |pid: &u32| {
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            *pid != self.worker && groups.lines().any(|line| Path::new(line).file_name() == Some(name))
        };
        own_children().into_iter().filter(is_member).collect()
    }

    /// Kills and reaps everything that the worker has started, to be called after the worker was reaped. Returns the
    /// names of the processes that were still running, and of those among them that could not be ended in ten seconds.
    pub(super) fn end(&self) -> Ended {
        let deadline = Instant::now() + END_TIMEOUT;
        let mut ended = Ended::default();
        let mut unreaped: BTreeSet<u32> = BTreeSet::new();
        loop {
            // The pid of the worker may belong to another process by now, so its children are not looked for.
            let running = self.orphans();
            unreaped.extend(self.zombies().iter().chain(&running));
            if unreaped.is_empty() {
                return ended;
            }
            if Instant::now() >= deadline {
                ended.surviving = names(&running);
                return ended;
            }
            ended.running.extend(names(&running));
            if self.group.as_ref().is_none_or(|group| kill_at_once(group.folder()).is_err()) {
                self.kill_each(&running);
            }
            // Fails for the children of other descendants, which become children of this process later.
            let reap = |pid: &u32| as_pid(*pid).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG));
            unreaped.retain(|pid| matches!(reap(pid), Some(Ok(None))));
            std::thread::sleep(END_PAUSE);
        }
    }

    fn kill_each(&self, running: &BTreeSet<u32>) {
        let open = |pid: &u32| Some((*pid, pidfd_open(as_pid(*pid)?, PidfdFlags::empty()).ok()?));
        let handles: Vec<_> = running.iter().filter_map(open).collect();
        // A process that is still a member now was one when its descriptor was opened.
        let still = self.orphans();
        for (_, handle) in handles.iter().filter(|(pid, _)| still.contains(pid)) {
            // Fails if it has exited.
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        workers().remove(&self.worker);
    }
}

/// The descendants that outlived their worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The names of all of them.
    pub running: BTreeSet<String>,
    /// The names of those that could not be ended.
    pub surviving: BTreeSet<String>,
}

fn names(pids: &BTreeSet<u32>) -> BTreeSet<String> {
    pids.iter().filter_map(|pid| ProcessFiles::of(*pid).name()).collect()
}

fn own_children() -> Vec<u32> {
    children(std::process::id())
}

/// The children of all threads of a process, zombies included; none if the kernel was built without
/// `CONFIG_PROC_CHILDREN`.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Whether the kernel lists the children of a process.
#[must_use]
pub fn children_are_listed() -> bool {
    Path::new("/proc/thread-self/children").exists()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::WorkerCgroup;

    const MARK: &str = "HIGHWATER_PROBE_TEST";

    /// A shell that starts `command` and then waits.
    fn shell(command: &str) -> Child {
        let script = format!("{command}\necho ready\nread -r _");
        let mut child = Command::new("/bin/sh")
            .args(["-c", &script])
            .env(MARK, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut output, &mut line).expect("it prints a line");
        child
    }

    fn named(pids: &BTreeSet<u32>) -> Vec<String> {
        names(pids).into_iter().collect()
    }

    /// All of it in one test, because adopted processes belong to the whole process.
    #[test]
    fn descendants_are_found_and_ended_however_they_were_started() {
        adopt_orphans().expect("granted");
        for command in [
            "sleep 1000 >/dev/null &",
            "(setsid sleep 1000 >/dev/null 2>&1 &)",
            "(trap '' TERM INT HUP; exec sleep 1000 >/dev/null) &",
            "sleep 1000 >/dev/null & until grep -q sleep /proc/$!/comm; do :; done; kill -STOP $!",
            "(sh -c 'sleep 1000 & wait' >/dev/null &)",
        ] {
            let mut child = shell(command);
            let tree = ProcessTree::new(child.id(), None, MARK);
            // `exec` and the second fork may still be on their way.
            let deadline = Instant::now() + Duration::from_secs(10);
            while !named(&tree.descendants()).contains(&"sleep".to_owned()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            let found = tree.descendants();
            assert!(named(&found).contains(&"sleep".to_owned()), "{command}: {:?}", named(&found));
            child.kill().expect("running");
            child.wait().expect("reaped");
            let ended = tree.end();
            assert!(ended.running.contains("sleep") && ended.surviving.is_empty(), "{command}: {ended:?}");
            for pid in found {
                assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{command}: {pid} is still there");
            }
        }
    }

    /// Each process starts the next one and exits, so that none is there long enough to be killed by its pid. Version 2
    /// can kill the group.
    #[test]
    fn a_relay_of_processes_is_ended_with_its_group() {
        let Ok(own) = WorkerCgroup::create() else { return };
        if !own.group().folder().join("cgroup.kill").exists() {
            return;
        }
        let join = format!("echo $$ >{}", own.procs_file().display());
        let mut child = shell(&format!("{join}; relay() {{ relay & }}; relay >/dev/null"));
        let tree = ProcessTree::new(child.id(), Some(own.group().clone()), MARK);
        child.kill().expect("running");
        child.wait().expect("reaped");
        let started = Instant::now();
        let ended = tree.end();
        assert!(ended.surviving.is_empty() && started.elapsed() < END_TIMEOUT, "{ended:?}");
        own.remove().expect("no process is left");
    }

    #[test]
    fn a_process_of_its_own_memory_is_not_shared() {
        let mut child = shell("true");
        assert!(!crate::sys::share_memory(std::process::id(), child.id()));
        assert!(crate::sys::share_memory(child.id(), child.id()));
        child.kill().expect("running");
        child.wait().expect("reaped");
    }
}
