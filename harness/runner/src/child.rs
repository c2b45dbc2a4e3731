//! The process of a worker, which does not outlive its owner.

use std::{
    os::fd::OwnedFd,
    process::{Child, ExitStatus},
};

use rustix::{
    io::retry_on_intr,
    process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid},
};

use super::{
    job::{RunnerError, system},
    ptrace,
};

/// A child process that is killed and reaped on drop.
pub(super) struct KillOnDrop {
    child: Child,
    /// Whether the present thread traces it. A traced process stops before it exits, also if it is killed.
    is_traced: bool,
}

impl KillOnDrop {
    pub(super) fn new(child: Child, is_traced: bool) -> Self {
        Self { child, is_traced }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// A descriptor that is readable once it has exited.
    pub(super) fn exit(&self) -> Result<OwnedFd, RunnerError> {
        pidfd_open(self.pid(), PidfdFlags::empty()).map_err(|error| system("watch the process")(error.into()))
    }

    /// Kills it.
    pub(super) fn kill(&mut self) -> Result<(), RunnerError> {
        self.child.kill().map_err(system("kill the process"))
    }

    /// Waits for the exit.
    pub(super) fn wait(&mut self) -> Result<ExitStatus, RunnerError> {
        self.pass_stops();
        self.child.wait().map_err(system("wait for the process"))
    }

    /// Resumes a traced process at every stop until it has exited. The standard library would take a stop for the exit.
    fn pass_stops(&self) {
        let any = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        while self.is_traced && retry_on_intr(|| waitid(WaitId::Pid(self.pid()), any)).is_ok_and(has_stopped) {
            // The stop is waited for, so that the next call does not report it again.
            let _ = ptrace::next_stop(self.id());
            let _ = ptrace::resume(self.id(), 0);
        }
    }

    fn is_running(&mut self) -> bool {
        if self.is_traced {
            let exited = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            return waitid(WaitId::Pid(self.pid()), exited).is_ok_and(|status| status.is_none());
        }
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Kills the processes of its group that are left after its exit. It fails if there are none.
    pub(super) fn kill_group(&self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }
}

/// Whether a process has stopped, as opposed to exited.
fn has_stopped(status: Option<rustix::process::WaitIdStatus>) -> bool {
    status.is_some_and(|status| status.trapped() || status.stopped())
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // A process that may not be killed is left to the end of this one, because waiting for it could take forever.
        if self.is_running() && self.child.kill().is_ok() {
            let _ = self.wait();
            self.kill_group();
        }
    }
}
