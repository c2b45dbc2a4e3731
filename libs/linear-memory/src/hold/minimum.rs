//! `memory.min` of a cgroup of version 2: memory that the kernel does not reclaim for others.
//!
//! ```text
//!  machine.slice      memory.min 1 GiB      what protects is the least of all levels: here 1 GiB.
//!  └── host.service   memory.min 4 GiB      A level without it (0) leaves the levels below unprotected.
//! ```
//!
//! See [Control Group v2](https://docs.kernel.org/admin-guide/cgroup-v2.html), "memory.min".

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    headroom::{locate_own, read_amount},
};

const MINIMUM: &str = "memory.min";

/// The protection of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// Its folder.
    pub cgroup: PathBuf,
    /// Its `memory.min` in bytes.
    pub minimum: u64,
    /// Bytes that are protected, as far as the visible cgroups above it show: the least `memory.min` of all levels.
    /// Siblings that claim more than their parent has share it.
    pub effective: u64,
}

/// Raises `memory.min` of this process's cgroup to at least `bytes`, and returns what is protected. Count all that the
/// process needs, not only its linear memories. Nothing lowers it again, since other threads may rely on it.
///
/// # Errors
/// [`Error::Unsupported`] when the cgroup is of version 1, its memory controller is not delegated, or this process may
/// not write to it.
pub fn protect(bytes: u64) -> Result<Protected, Error> {
    match locate_own() {
        Some((folder, 2)) => protect_in(&folder, bytes),
        Some(_) => Err(unsupported("the memory controller is of version 1".to_owned())),
        None => Err(unsupported("no memory controller is mounted".to_owned())),
    }
}

fn unsupported(reason: String) -> Error {
    Error::Unsupported { what: "memory.min of cgroup version 2", reason }
}

fn protect_in(folder: &Path, bytes: u64) -> Result<Protected, Error> {
    let path = folder.join(MINIMUM);
    if !path.exists() {
        return Err(unsupported(format!("{} has no memory controller", folder.display())));
    }
    let mut minimum = read_amount(&path)?;
    if minimum < bytes {
        fs::write(&path, bytes.to_string()).map_err(|error| unsupported(format!("{}: {error}", path.display())))?;
        // The kernel rounds to whole pages.
        minimum = read_amount(&path)?;
    }
    let mut effective = minimum;
    // The root has no such file, and above the mount point there are no cgroups.
    for above in folder.ancestors().skip(1).take_while(|above| above.join("cgroup.procs").exists()) {
        let path = above.join(MINIMUM);
        if path.exists() {
            effective = effective.min(read_amount(&path)?);
        }
    }
    Ok(Protected { cgroup: folder.to_owned(), minimum, effective })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A hierarchy of version 2: a root without memory files, a slice, and a service below it.
    fn hierarchy(root: &Path, slice: &str, service: &str) -> PathBuf {
        let folder = root.join("machine.slice/host.service");
        fs::create_dir_all(&folder).expect("folders");
        for (folder, minimum) in [(root, None), (&root.join("machine.slice"), Some(slice)), (&folder, Some(service))] {
            fs::write(folder.join("cgroup.procs"), "").expect("written");
            if let Some(minimum) = minimum {
                fs::write(folder.join(MINIMUM), minimum).expect("written");
            }
        }
        folder
    }

    #[test]
    fn the_least_level_protects() {
        for (slice, service, asked, minimum, effective) in [
            ("max\n", "0\n", 1 << 30, 1 << 30, 1 << 30),
            ("1048576\n", "0\n", 1 << 30, 1 << 30, 1 << 20),
            ("0\n", "0\n", 1 << 30, 1 << 30, 0),
            ("max\n", "4294967296\n", 1 << 30, 4 << 30, 4 << 30), // more already
            ("max\n", "max\n", 1 << 30, u64::MAX, u64::MAX),
        ] {
            let root = tempfile::tempdir().expect("a folder");
            let cgroup = hierarchy(root.path(), slice, service);
            let protected = protect_in(&cgroup, asked).expect("writable");
            assert_eq!(protected, Protected { cgroup, minimum, effective }, "{slice} {service}");
        }
    }

    #[test]
    fn without_the_controller_or_the_right_it_is_unsupported() {
        let root = tempfile::tempdir().expect("a folder");
        let cgroup = hierarchy(root.path(), "max\n", "0\n");
        let below = cgroup.join("not-delegated");
        fs::create_dir(&below).expect("a folder");
        let refused = |folder: &Path| match protect_in(folder, 4096) {
            Err(Error::Unsupported { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(refused(&below).contains("no memory controller"));
        fs::set_permissions(cgroup.join(MINIMUM), fs::Permissions::from_mode(0o444)).expect("read only");
        // The permissions do not hold for root.
        if fs::OpenOptions::new().write(true).open(cgroup.join(MINIMUM)).is_err() {
            assert!(refused(&cgroup).contains(MINIMUM));
        }
    }
}
