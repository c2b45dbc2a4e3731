//! Cgroups that a killed run has left: which they are, and how they are removed with their processes.

use std::{fs, io, io::Write, path::Path, thread::sleep, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    delegation::{LEAF, owner, pid_namespace, processes},
    subtree::{remove, subtree},
};

/// How often the processes of a group are killed before it is given up: a process may fork in between.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// Removes the groups below `parent` whose creator has ended, and kills the processes of workers that are left in them.
/// A leaf has what started the creator, such as a shell, and stays until these have ended.
pub(super) fn sweep(parent: &Path) {
    let namespace = pid_namespace();
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((pid, suffix)) = name.to_str().and_then(|name| owner(name, namespace)) else { continue };
        if Path::new(&format!("/proc/{pid}")).exists() {
            continue;
        }
        if suffix == LEAF {
            // Fails while it has processes.
            let _ = fs::remove_dir(entry.path());
        } else {
            end(&entry.path());
        }
    }
}

/// Kills all processes of a group and of those below it at once, so that none can fork meanwhile.
///
/// # Errors
/// If the kernel cannot: only version 2 can, since Linux 5.14.
pub(super) fn kill_at_once(folder: &Path) -> io::Result<()> {
    fs::File::options().write(true).open(folder.join("cgroup.kill"))?.write_all(b"1")
}

/// Kills all processes of a group and of those below it, and removes them.
pub(super) fn end(folder: &Path) {
    for _ in 0..ATTEMPTS {
        let groups = subtree(folder);
        if kill_at_once(folder).is_err() {
            for group in &groups {
                let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                for pid in processes(&text).into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
                    // It may have ended by itself.
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
        }
        match remove(&groups) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => sleep(PAUSE),
            _ => return,
        }
    }
}
