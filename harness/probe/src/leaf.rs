//! Moves the processes of a cgroup to a leaf below it, so that the group can enable a controller for its children. The
//! entry points of container runtimes do the same.

use std::{
    fs, io,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use super::delegation::{DelegationError, processes};

/// How long to follow processes that fork while they are moved. A pass takes less than a millisecond.
const TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

/// Moves all processes of `group` to the group `leaf` below it, and enables `controller` for the children of `group`.
///
/// # Errors
/// If the kernel refuses. The processes are then moved back.
pub(super) fn move_processes(group: &Path, leaf: &str, controller: &str) -> Result<(), DelegationError> {
    let leaf = group.join(leaf);
    match fs::create_dir(&leaf) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(DelegationError::io(&leaf, &error)),
        _ => {}
    }
    move_and_enable(group, &leaf, controller).inspect_err(|_| move_back(group, &leaf))
}

fn move_and_enable(group: &Path, leaf: &Path, controller: &str) -> Result<(), DelegationError> {
    let control = group.join("cgroup.subtree_control");
    let deadline = Instant::now() + TIMEOUT;
    loop {
        move_all(group, leaf)?;
        match fs::write(&control, format!("+{controller}")) {
            Ok(()) => return Ok(()),
            // A process has forked meanwhile.
            Err(error) if is(&error, Errno::BUSY) && Instant::now() < deadline => sleep(PAUSE),
            Err(error) => return Err(DelegationError::io(&control, &error)),
        }
    }
}

/// A process that cannot be moved back stays in the leaf, where it has the same limits.
fn move_back(group: &Path, leaf: &Path) {
    let deadline = Instant::now() + TIMEOUT;
    while move_all(leaf, group).is_ok() && fs::remove_dir(leaf).is_err() && Instant::now() < deadline {
        sleep(PAUSE);
    }
}

/// Moves the processes that a group has now.
fn move_all(from: &Path, to: &Path) -> Result<(), DelegationError> {
    let (from, to) = (from.join("cgroup.procs"), to.join("cgroup.procs"));
    let text = fs::read_to_string(&from).map_err(|error| DelegationError::io(&from, &error))?;
    for pid in processes(&text) {
        match fs::write(&to, pid.to_string()) {
            // It has exited.
            Err(error) if is(&error, Errno::SRCH) => {}
            Err(error) => return Err(DelegationError::io(&to, &error)),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}
