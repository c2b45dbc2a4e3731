//! A process that ends the current worker if this process is killed.
//!
//! The kernel kills a worker with its parent (`PR_SET_PDEATHSIG`), but forgets that when the worker changes its user or
//! executes a privileged program, and never applies it to the processes that the worker starts. So a shell waits for the
//! end of a pipe that only this process writes to: the kernel closes it however this process ends. The shell is in a
//! process group of its own, and does not receive the signals that a terminal or a CI system sends to that of the run.
//!
//! It kills the processes of the worker's cgroup, if it has one, and those of its session and its process group, which
//! begin with the worker. A process that leaves all of them, a daemon of a worker without a cgroup, stays.

use std::{
    io::{self, Write},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// The shell. POSIX requires it, and it starts in a millisecond.
const SHELL: &str = "/bin/sh";

/// Reads lines `PID CGROUP` until the pipe is closed, and ends the worker of the last line. A pid of 0 means that no
/// worker is running. Processes can fork while they are killed, so it repeats until none is found, at most 100 times.
const SCRIPT: &str = r#"
worker=0
while read -r pid folder; do worker=$pid cgroup=$folder; done
[ "$worker" -gt 0 ] || exit 0
tries=0
while [ "$tries" -lt 100 ]; do
    tries=$((tries + 1)) found=
    if [ -n "$cgroup" ] && [ -d "$cgroup" ]; then
        [ ! -f "$cgroup/cgroup.kill" ] || echo 1 >"$cgroup/cgroup.kill"
        while read -r pid; do kill -KILL "$pid" && found=1; done <"$cgroup/cgroup.procs"
    fi
    for stat in /proc/[0-9]*/stat; do
        line= && read -r line <"$stat" || continue
        pid=${line%% *}
        set -- ${line##*) }
        # state, parent, process group, session
        [ "$1" != Z ] && { [ "$pid" = "$worker" ] || [ "$2" = "$worker" ] ||
            [ "$3" = "$worker" ] || [ "$4" = "$worker" ]; } || continue
        kill -KILL "$pid" && found=1
    done
    [ -n "$found" ] || break
    sleep 0.02
done
[ -z "$cgroup" ] || rmdir "$cgroup"
"#;

/// The guardian of this process.
#[derive(Debug)]
pub(super) struct Guardian {
    child: Child,
    /// Closed first on drop, so that the shell ends.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no shell, or no process can be started.
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new(SHELL);
        command.arg0("highwater-guardian").args(["-c", SCRIPT]).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Names the worker, until the result is dropped.
    pub(super) fn watch(&self, worker: u32, cgroup: Option<&Path>) -> Watch<'_> {
        let folder = cgroup.map(|path| path.as_os_str().as_bytes()).filter(|path| !path.contains(&b'\n'));
        self.send(worker, folder.unwrap_or_default());
        Watch(self)
    }

    fn send(&self, worker: u32, folder: &[u8]) {
        let line = [worker.to_string().as_bytes(), b" ", folder, b"\n"].concat();
        // If the shell was killed, nothing replaces it. The next run removes the cgroups that are left.
        let _ = self.pipe.as_ref().map(|mut pipe| pipe.write_all(&line));
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It fails only if the shell has been reaped already.
        let _ = self.child.wait();
    }
}

/// A worker that the guardian knows.
#[derive(Debug)]
#[must_use]
pub(super) struct Watch<'a>(&'a Guardian);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.send(0, b"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// A shell in its own process group that starts another process in the background.
    fn worker() -> Child {
        let mut command = Command::new(SHELL);
        command.args(["-c", "sleep 60 & sleep 60"]).process_group(0).stdin(Stdio::null());
        command.spawn().expect("started")
    }

    /// The live processes whose parent or process group is `pid`.
    fn related(pid: u32) -> usize {
        let stats = std::fs::read_dir("/proc").expect("a folder").flatten().filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (_, rest) = stat.rsplit_once(") ")?;
            let fields: Vec<String> = rest.split(' ').map(str::to_owned).collect();
            Some(fields)
        });
        let id = pid.to_string();
        stats.filter(|fields| fields[0] != "Z" && fields[2] == id).count()
    }

    #[test]
    fn the_worker_and_its_child_end_with_the_pipe() {
        let guardian = Guardian::start().expect("a shell");
        let mut worker = worker();
        let watch = guardian.watch(worker.id(), None);
        while related(worker.id()) < 3 {
            std::thread::sleep(Duration::from_millis(5));
        }
        // As if this process had been killed: the shell does not learn that the worker has ended.
        std::mem::forget(watch);
        let started = Instant::now();
        drop(guardian);
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(!worker.wait().expect("ended").success());
        assert_eq!(related(worker.id()), 0);
    }

    #[test]
    fn a_worker_that_was_released_is_left_alone() {
        let guardian = Guardian::start().expect("a shell");
        let mut bystander = worker();
        drop(guardian.watch(bystander.id(), None));
        drop(guardian);
        assert!(bystander.try_wait().expect("a child").is_none(), "still running");
        for pid in [bystander.id() as i32].into_iter().filter_map(rustix::process::Pid::from_raw) {
            rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).expect("ended");
        }
        bystander.wait().expect("ended");
    }
}
