//! Memory cgroups: their version, and whether one can be created and removed.

use highwater_model::Bytes;
use highwater_probe::{CgroupError, MemoryCgroup, WorkerCgroup};

use super::check::{Check, name::CGROUP};

/// Readings about memory cgroups.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    /// The version of the memory controller, or why it is not available.
    version: Result<u8, String>,
    /// Whether a cgroup with a limit could be created and removed, or why not.
    own: Result<(), String>,
}

impl Cgroup {
    pub(super) fn read() -> Self {
        let words = |error: CgroupError| error.to_string();
        Self {
            version: MemoryCgroup::of(std::process::id()).map(|group| group.version()).map_err(words),
            own: WorkerCgroup::with_limit(Bytes(64 << 20)).map_err(words).and_then(|own| {
                let entrance = own.procs_file();
                drop(own);
                match entrance.exists() {
                    true => Err(format!("{}: created, but cannot be removed", entrance.display())),
                    false => Ok(()),
                }
            }),
        }
    }

    pub(super) fn check(&self) -> Check {
        let cost = "cases with a memory limit are not run";
        match (&self.version, &self.own) {
            (Ok(version), Ok(())) => {
                Check::good(CGROUP, format!("version {version}; a group with a limit was created and removed"))
            }
            (Err(error), _) => Check::limits(
                CGROUP,
                error,
                cost,
                "mount the memory controller at /sys/fs/cgroup (containers may hide it)",
            ),
            (Ok(1), Err(error)) => Check::limits(
                CGROUP,
                format!("version 1; {error}"),
                cost,
                "run as root, or chown the cgroup of this process below /sys/fs/cgroup/memory to this user",
            ),
            // The error says how to start the run.
            (Ok(version), Err(error)) => Check::limits(
                CGROUP,
                format!("version {version}; {error}"),
                cost,
                "see \"Memory cgroups\" in docs/measuring.md: `systemd-run --user --scope -p Delegate=yes COMMAND`, or a \
                 container with writable cgroups",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Grade, *};

    #[test]
    fn a_usable_cgroup_is_good_in_both_versions() {
        for version in [1, 2] {
            let check = Cgroup { version: Ok(version), own: Ok(()) }.check();
            assert_eq!(check.grade, Grade::Good);
            assert!(check.finding.starts_with(&format!("version {version}")));
        }
    }

    #[test]
    fn a_permission_error_has_the_fix_for_its_version() {
        let denied = "/sys/fs/cgroup/x: Permission denied (os error 13)".to_owned();
        let fix = |version| {
            let check = Cgroup { version: Ok(version), own: Err(denied.clone()) }.check();
            assert!(check.grade == Grade::Limits && check.finding.contains("Permission denied"), "{check:?}");
            assert_eq!(check.cost, "cases with a memory limit are not run");
            check.fix
        };
        assert!(fix(1).contains("/sys/fs/cgroup/memory") && fix(2).contains("Delegate=yes"));
    }

    #[test]
    fn a_missing_controller_is_reported() {
        let none = "no memory controller is mounted for this process".to_owned();
        let check = Cgroup { version: Err(none.clone()), own: Err(none.clone()) }.check();
        assert_eq!((check.grade, check.finding), (Grade::Limits, none));
    }
}
