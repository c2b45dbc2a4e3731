//! Where the memory cgroups of workers can be created in version 2, and the removal of those that a killed run left.
//!
//! In version 2, a group has either processes or children with a controller, except the root of the hierarchy. So
//! workers cannot be below the group that the harness runs in:
//!
//! ```text
//!  beside: the group above delegates memory     within: the harness moves to a leaf of its own group
//!
//!  app.slice         memory enabled             container or scope      memory enabled
//!  ├── run-1.scope   the harness                ├── highwater-...-leaf  the harness
//!  └── highwater-... a worker                   └── highwater-...-0     a worker
//! ```
//!
//! See [Control Group v2](https://docs.kernel.org/admin-guide/cgroup-v2.html), "No Internal Process Constraint" and
//! "Delegation".

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

/// The prefix of the names of groups that this crate creates.
const PREFIX: &str = "highwater";
/// The name of the group that the harness moves itself to, after the prefix, the namespace and its pid.
const LEAF: &str = "leaf";

/// Why no group for a worker can be created in version 2.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DelegationError {
    /// The controller is not available to the group.
    #[error(
        "{group} has no {controller} controller (`cgroup.controllers`): start the run with `systemd-run --user --scope \
         -p Delegate=yes`, or with a container runtime that delegates cgroups"
    )]
    NotDelegated {
        /// The group of the harness.
        group: PathBuf,
        /// The controller.
        controller: String,
    },
    /// This user may not create groups.
    #[error(
        "this user may create groups neither in {group} nor beside it: start the run with `systemd-run --user --scope \
         -p Delegate=yes`, or as the owner of the group"
    )]
    NotPermitted {
        /// The group of the harness.
        group: PathBuf,
    },
    /// The group has processes that the harness does not move.
    #[error(
        "{group} has {others} other processes, so that it cannot have groups of workers: start the run in a group of \
         its own, for example with `systemd-run --scope -p Delegate=yes`"
    )]
    Shared {
        /// The group of the harness.
        group: PathBuf,
        /// The number of other processes.
        others: usize,
    },
    /// A file could not be read or written.
    #[error("{path}: {problem}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system error.
        problem: String,
    },
}

/// What decides whether workers' groups can be created below a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    folder: PathBuf,
    /// The controllers that it may enable for its children (`cgroup.controllers`).
    controllers: Vec<String>,
    /// The controllers that its children have (`cgroup.subtree_control`).
    enabled: Vec<String>,
    /// Its processes (`cgroup.procs`).
    processes: Vec<u32>,
    /// Whether it is the root of the hierarchy, and not only of a namespace: only there, `cgroup.type` does not exist.
    is_root: bool,
    /// Whether this process may create children, and move processes to them.
    may_create: bool,
}

impl Group {
    fn read(folder: &Path) -> Result<Self, DelegationError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|error| DelegationError::Io { path, problem: error.to_string() })
        };
        let may = |name: &str| access(folder.join(name), Access::WRITE_OK).is_ok();
        Ok(Self {
            folder: folder.to_owned(),
            controllers: words(&read("cgroup.controllers")?),
            enabled: words(&read("cgroup.subtree_control")?),
            processes: read("cgroup.procs")?.lines().filter_map(|line| line.parse().ok()).collect(),
            is_root: !folder.join("cgroup.type").exists(),
            may_create: may("") && may("cgroup.procs") && may("cgroup.subtree_control"),
        })
    }

    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }

    fn enables(&self, controller: &str) -> bool {
        self.enabled.iter().any(|name| name == controller)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Where the groups of workers go, and what has to be done first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Below this group, which has the controller enabled or may have processes.
    Below(PathBuf),
    /// Below the group of the harness, after the harness has moved to a leaf.
    AfterMove(PathBuf),
}

/// Chooses the place. `own` is the group of the process `pid`, and `above` the visible group above it.
fn place(own: &Group, above: Option<&Group>, controller: &str, pid: u32) -> Result<Place, DelegationError> {
    let group = || own.folder.clone();
    if let Some(above) = above.filter(|above| above.may_create && above.enables(controller)) {
        return Ok(Place::Below(above.folder.clone()));
    }
    if !own.has(controller) {
        return Err(DelegationError::NotDelegated { group: group(), controller: controller.to_owned() });
    }
    if !own.may_create {
        return Err(DelegationError::NotPermitted { group: group() });
    }
    if own.is_root || own.enables(controller) {
        return Ok(Place::Below(group()));
    }
    match own.processes.iter().filter(|process| **process != pid).count() {
        0 => Ok(Place::AfterMove(group())),
        others => Err(DelegationError::Shared { group: group(), others }),
    }
}

/// The group below which those of this process's workers can be created in version 2. `own` is the group of this
/// process. Moves this process to a leaf if this is necessary and permitted.
///
/// # Errors
/// A [`DelegationError`], which says what is missing.
pub(super) fn for_workers(own: &Path) -> Result<PathBuf, DelegationError> {
    let root = own.ancestors().take_while(|folder| folder.join("cgroup.procs").exists()).last().unwrap_or(own);
    prepare(own, root, "memory", std::process::id())
}

/// The group below which those of workers can be created, with `controller` enabled for them. Moves the process `pid`,
/// the harness, to a leaf if this is necessary and permitted. `own` is its group, `root` the mount point.
///
/// # Errors
/// A [`DelegationError`], which says what is missing.
fn prepare(own: &Path, root: &Path, controller: &str, pid: u32) -> Result<PathBuf, DelegationError> {
    let above = own.parent().filter(|above| own != root && above.starts_with(root));
    let own = Group::read(own)?;
    let above = above.and_then(|above| Group::read(above).ok());
    let write = |path: PathBuf, text: &str| {
        fs::write(&path, text).map_err(|error| DelegationError::Io { path, problem: error.to_string() })
    };
    let folder = match place(&own, above.as_ref(), controller, pid)? {
        Place::Below(folder) => folder,
        Place::AfterMove(folder) => {
            let leaf = folder.join(name(pid, LEAF));
            fs::create_dir(&leaf)
                .map_err(|error| DelegationError::Io { path: leaf.clone(), problem: error.to_string() })?;
            write(leaf.join("cgroup.procs"), &pid.to_string())?;
            folder
        }
    };
    if !Group::read(&folder)?.enables(controller) {
        write(folder.join("cgroup.subtree_control"), &format!("+{controller}"))?;
    }
    Ok(folder)
}

/// The name of a group of the process `pid`: its pid namespace, its pid, and a suffix. In another namespace, the pid
/// would belong to another process. The pid has a fixed width, because programs read the path of their group and keep it
/// on their heap.
pub(super) fn name(pid: u32, suffix: impl std::fmt::Display) -> String {
    format!("{PREFIX}-{}-{pid:07}-{suffix}", pid_namespace())
}

/// The inode of the pid namespace of this process.
fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino())
}

/// The process that created a group, if it is of this pid namespace.
fn owner(name: &str, namespace: u64) -> Option<u32> {
    let (prefix, rest) = name.split_once('-')?;
    let mut parts = rest.splitn(3, '-');
    let (of, pid, _suffix) = (parts.next()?, parts.next()?, parts.next()?);
    (prefix == PREFIX && of.parse() == Ok(namespace)).then(|| pid.parse().ok())?
}

/// Removes the groups below `parent` whose creator was killed, and kills the processes that are left in them.
pub(super) fn sweep(parent: &Path) {
    let namespace = pid_namespace();
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let owner = entry.file_name().to_str().and_then(|name| owner(name, namespace));
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            end(&entry.path());
        }
    }
}

/// How often the processes of a group are killed before it is given up: a process may fork in between.
const ATTEMPTS: u32 = 50;

/// Kills all processes of a group and removes it.
fn end(folder: &Path) {
    for _ in 0..ATTEMPTS {
        // Only version 2 has this file, since Linux 5.14.
        let kill = fs::File::options().write(true).open(folder.join("cgroup.kill"));
        if kill.and_then(|mut file| file.write_all(b"1")).is_err() {
            let processes = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            for pid in processes.lines().filter_map(|line| rustix::process::Pid::from_raw(line.parse().ok()?)) {
                // It may have ended by itself.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        match fs::remove_dir(folder) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
}

#[cfg(test)]
mod tests;
