//! Where the memory cgroups of workers can be created in version 2.
//!
//! In version 2, a group has either processes or children with a controller, except the root of the hierarchy. So
//! workers cannot be below the group that the harness runs in:
//!
//! ```text
//!  beside: the group above delegates memory     within: all processes of the harness's group move to a leaf
//!
//!  app.slice         memory enabled             container or service    memory enabled
//!  ├── run-1.scope   the harness                ├── highwater-...-leaf  the harness, cargo, the shell
//!  └── highwater-... a worker                   └── highwater-...-0     a worker
//! ```
//!
//! See [Control Group v2](https://docs.kernel.org/admin-guide/cgroup-v2.html), "No Internal Process Constraint" and
//! "Delegation".

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, FlockOperation, access, flock},
    io::Errno,
};

use super::leaf;

/// The prefix of the names of groups that this crate creates.
const PREFIX: &str = "highwater";
/// The suffix of the name of a group to which the harness moves the processes of its own group.
pub(super) const LEAF: &str = "leaf";

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
    /// The cgroups are mounted read-only.
    #[error(
        "{group} is mounted read-only: start the container with `docker run --security-opt writable-cgroups=true` or \
         `podman run --security-opt unmask=/sys/fs/cgroup`"
    )]
    ReadOnly {
        /// The group of the harness.
        group: PathBuf,
    },
    /// The group has processes of another pid namespace, which this one cannot name.
    #[error(
        "{group} has {others} processes that are not visible here, so that they cannot be moved to a group below it: \
         start the run in a group of its own, for example with `systemd-run --scope -p Delegate=yes`"
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

impl DelegationError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io { path: path.to_owned(), problem: error.to_string() }
    }

    /// The cause without the group, which differs between runs.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::NotDelegated { controller, .. } => format!("no {controller} controller is delegated"),
            Self::NotPermitted { .. } => "this user may not create cgroups".to_owned(),
            Self::ReadOnly { .. } => "cgroups are mounted read-only".to_owned(),
            Self::Shared { .. } => "the cgroup has processes of another pid namespace".to_owned(),
            Self::Io { problem, .. } => problem.clone(),
        }
    }
}

/// What decides whether workers' groups can be created below a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    folder: PathBuf,
    /// The controllers that it may enable for its children (`cgroup.controllers`).
    controllers: Vec<String>,
    /// The controllers that its children have (`cgroup.subtree_control`).
    enabled: Vec<String>,
    /// Its processes (`cgroup.procs`); 0 is one of another pid namespace.
    processes: Vec<u32>,
    /// Whether it is the root of the hierarchy, and not only of a namespace: only there, `cgroup.type` does not exist.
    is_root: bool,
    /// Whether this process may create children, and move processes to them.
    may_create: bool,
    /// Whether it is mounted read-only, as in most containers.
    is_read_only: bool,
}

impl Group {
    fn read(folder: &Path) -> Result<Self, DelegationError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|error| DelegationError::io(&path, &error))
        };
        let may =
            ["", "cgroup.procs", "cgroup.subtree_control"].map(|name| access(folder.join(name), Access::WRITE_OK));
        Ok(Self {
            folder: folder.to_owned(),
            controllers: words(&read("cgroup.controllers")?),
            enabled: words(&read("cgroup.subtree_control")?),
            processes: processes(&read("cgroup.procs")?),
            is_root: !folder.join("cgroup.type").exists(),
            may_create: may.iter().all(Result::is_ok),
            is_read_only: may.contains(&Err(Errno::ROFS)),
        })
    }

    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }

    fn enables(&self, controller: &str) -> bool {
        self.enabled.iter().any(|name| name == controller)
    }
}

/// The pids in the text of `cgroup.procs`.
pub(super) fn processes(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Where the groups of workers go, and what has to be done first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Below this group, which has the controller enabled or may have processes.
    Below(PathBuf),
    /// Below the group of the harness, after its processes have moved to a leaf.
    AfterMove(PathBuf),
}

/// Chooses the place. `own` is the group of the harness, and `above` the visible group above it.
///
/// A group that this user may create groups in, below one that it may not, was made for what runs in it: a container, or
/// a service with `Delegate=yes`. Its processes are the harness and what started it, and all of them move.
fn place(own: &Group, above: Option<&Group>, controller: &str) -> Result<Place, DelegationError> {
    let group = || own.folder.clone();
    if let Some(above) = above.filter(|above| above.may_create && above.enables(controller)) {
        return Ok(Place::Below(above.folder.clone()));
    }
    if !own.has(controller) {
        return Err(DelegationError::NotDelegated { group: group(), controller: controller.to_owned() });
    }
    if !own.may_create {
        return Err(match own.is_read_only {
            true => DelegationError::ReadOnly { group: group() },
            false => DelegationError::NotPermitted { group: group() },
        });
    }
    if own.is_root || own.enables(controller) {
        return Ok(Place::Below(group()));
    }
    match own.processes.iter().filter(|process| **process == 0).count() {
        0 => Ok(Place::AfterMove(group())),
        others => Err(DelegationError::Shared { group: group(), others }),
    }
}

/// The group below which those of this process's workers can be created in version 2. `own` is the group of this
/// process. Moves the processes of that group to a leaf if this is necessary and permitted.
///
/// # Errors
/// A [`DelegationError`], which says what is missing.
pub(super) fn for_workers(own: &Path) -> Result<PathBuf, DelegationError> {
    let root = own.ancestors().take_while(|folder| folder.join("cgroup.procs").exists()).last().unwrap_or(own);
    prepare(own, root, "memory", std::process::id())
}

/// The group below which those of workers can be created, with `controller` enabled for them. `own` is the group of the
/// process `pid`, the harness, and `root` the mount point.
///
/// # Errors
/// A [`DelegationError`], which says what is missing.
fn prepare(own: &Path, root: &Path, controller: &str, pid: u32) -> Result<PathBuf, DelegationError> {
    // Another harness in the same group may move this one, too. Groups can be locked wherever they can be read.
    let lock = File::open(own).map_err(|error| DelegationError::io(own, &error))?;
    let _ = flock(&lock, FlockOperation::LockExclusive);
    let above = own.parent().filter(|above| own != root && above.starts_with(root));
    let own = Group::read(own)?;
    let above = above.and_then(|above| Group::read(above).ok());
    let folder = match place(&own, above.as_ref(), controller)? {
        Place::Below(folder) => folder,
        Place::AfterMove(folder) => {
            leaf::move_processes(&folder, &name(pid, LEAF), controller)?;
            return Ok(folder);
        }
    };
    if !Group::read(&folder)?.enables(controller) {
        let control = folder.join("cgroup.subtree_control");
        fs::write(&control, format!("+{controller}")).map_err(|error| DelegationError::io(&control, &error))?;
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
pub(super) fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino())
}

/// The process that created a group, if it is of this pid namespace, and the suffix of the group's name.
pub(super) fn owner(name: &str, namespace: u64) -> Option<(u32, &str)> {
    let (prefix, rest) = name.split_once('-')?;
    let mut parts = rest.splitn(3, '-');
    let (of, pid, suffix) = (parts.next()?, parts.next()?, parts.next()?);
    (prefix == PREFIX && of.parse() == Ok(namespace)).then(|| Some((pid.parse().ok()?, suffix)))?
}

#[cfg(test)]
mod tests;
