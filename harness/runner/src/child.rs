//! The process of a worker, which does not outlive its owner.

use std::{
    os::fd::OwnedFd,
    process::{Child, ExitStatus},
};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::job::{RunnerError, system};

/// A child process that is killed and reaped on drop.
pub(super) struct KillOnDrop(Child);

impl KillOnDrop {
    pub(super) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// A descriptor that is readable once it has exited.
    pub(super) fn exit(&self) -> Result<OwnedFd, RunnerError> {
        pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty())
            .map_err(|error| system("watch the process")(error.into()))
    }

    /// Kills it.
    pub(super) fn kill(&mut self) -> Result<(), RunnerError> {
        self.0.kill().map_err(system("kill the process"))
    }

    /// Waits for the exit.
    pub(super) fn wait(&mut self) -> Result<ExitStatus, RunnerError> {
        self.0.wait().map_err(system("wait for the process"))
    }

    /// Kills the processes of its group that are left after its exit. It fails if there are none.
    pub(super) fn kill_group(&self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // A process that may not be killed is left to the end of this one, because waiting for it could take forever.
        if self.0.try_wait().is_ok_and(|status| status.is_none()) && self.0.kill().is_ok() {
            let _ = self.0.wait();
            self.kill_group();
        }
    }
}
