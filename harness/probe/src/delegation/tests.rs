//! Tests of the rules on described groups, and of the chosen place on the kernel of this machine.

use super::*;
use std::process::{Child, Command};

const MEMORY: &str = "memory";

/// A group as its owner sees it, with the contents of `cgroup.controllers` and `cgroup.subtree_control`.
fn group(folder: &str, controllers: &str, enabled: &str, processes: &[u32]) -> Group {
    Group {
        folder: folder.into(),
        controllers: words(controllers),
        enabled: words(enabled),
        processes: processes.to_vec(),
        is_root: false,
        may_create: true,
    }
}

fn below(folder: &str) -> Result<Place, DelegationError> {
    Ok(Place::Below(folder.into()))
}

/// `systemd-run --user --scope`: the user owns app.slice, which has memory and pids enabled.
#[test]
fn workers_of_a_user_scope_are_beside_it() {
    let own = group("/sys/fs/cgroup/app.slice/run-1.scope", "memory pids\n", "\n", &[7, 8]);
    let above = group("/sys/fs/cgroup/app.slice", "cpu memory pids\n", "memory pids\n", &[]);
    assert_eq!(place(&own, Some(&above), MEMORY, 7), below("/sys/fs/cgroup/app.slice"));
}

/// The group above belongs to root, and that of the harness is delegated (`Delegate=yes`).
#[test]
fn workers_of_a_delegated_group_are_within_it_after_a_move() {
    let own = group("/g/own", "cpu memory pids\n", "\n", &[7]);
    let above = Group { may_create: false, ..group("/g", "cpu memory pids\n", "memory\n", &[]) };
    assert_eq!(place(&own, Some(&above), MEMORY, 7), Ok(Place::AfterMove("/g/own".into())));
    let moved = Group { enabled: words("memory\n"), processes: Vec::new(), ..own.clone() };
    assert_eq!(place(&moved, Some(&above), MEMORY, 7), below("/g/own"), "the second worker");
    let shared = Group { processes: vec![1, 7, 9], ..own };
    let error = place(&shared, Some(&above), MEMORY, 7).expect_err("others are not moved");
    assert_eq!(error, DelegationError::Shared { group: "/g/own".into(), others: 2 });
}

/// A container with a private namespace and cgroups mounted for writing: the root of the namespace is not exempt.
#[test]
fn the_root_of_a_namespace_is_not_that_of_the_hierarchy() {
    let namespace = group("/sys/fs/cgroup", "cpu memory pids\n", "\n", &[7]);
    assert_eq!(place(&namespace, None, MEMORY, 7), Ok(Place::AfterMove("/sys/fs/cgroup".into())));
    let root = Group { is_root: true, processes: vec![1, 2, 7], ..namespace };
    assert_eq!(place(&root, None, MEMORY, 7), below("/sys/fs/cgroup"));
}

#[test]
fn a_group_that_is_not_delegated_is_an_error_with_a_remedy() {
    let own = Group { may_create: false, ..group("/g/own", "memory\n", "\n", &[7]) };
    let error = place(&own, None, MEMORY, 7).expect_err("a group of root").to_string();
    assert!(error.contains("may create groups neither in /g/own nor beside it"), "{error}");
    let error = place(&group("/g/own", "cpu pids\n", "\n", &[7]), None, MEMORY, 7).expect_err("no memory");
    assert!(error.to_string().contains("/g/own has no memory controller"), "{error}");
}

#[test]
fn only_groups_of_this_namespace_have_an_owner() {
    assert_eq!(owner("highwater-4026531836-71-0", 4_026_531_836), Some(71));
    assert_eq!(owner("highwater-4026531836-71-leaf", 4_026_531_836), Some(71));
    for other in ["highwater-4026531836-71-0", "highwater-71-0", "highwater-1-x-0", "user.slice", "run-71.scope"] {
        assert_eq!(owner(other, 1), None, "{other}");
    }
    let own = name(std::process::id(), LEAF);
    assert_eq!(owner(&own, pid_namespace()), Some(std::process::id()));
}

/// A process that plays the harness in a group of its own.
struct Played {
    child: Child,
    group: PathBuf,
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for entry in self.group.read_dir().into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        end(&self.group);
    }
}

/// On machines whose memory controller has version 1, the rules of version 2 are those of any other controller that
/// the unified hierarchy has there. Without one, or without permission, the rules above are all that can be tested.
#[test]
fn the_kernel_accepts_the_place_that_is_chosen() {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let Some((root, controller)) = roots.iter().find_map(|root| {
        let controllers = words(&fs::read_to_string(root.join("cgroup.controllers")).ok()?);
        Some((*root, controllers.into_iter().find(|name| name == MEMORY || name == "hugetlb")?))
    }) else {
        return;
    };
    let enabled = words(&fs::read_to_string(root.join("cgroup.subtree_control")).expect("read")).contains(&controller);
    let group = root.join(format!("highwater-test-{}", std::process::id()));
    if fs::create_dir(&group).is_err()
        || fs::write(root.join("cgroup.subtree_control"), format!("+{controller}")).is_err()
    {
        let _ = fs::remove_dir(&group);
        return;
    }
    let child = Command::new("sleep").arg("60").spawn().expect("started");
    let pid = child.id();
    let played = Played { child, group: group.clone() };
    fs::write(group.join("cgroup.procs"), pid.to_string()).expect("moved");
    // A root that only the namespace has: nothing above is visible.
    let workers = prepare(&group, &group, &controller, pid).expect("a place");
    assert_eq!(workers, group);
    let leaf = group.join(name(pid, LEAF));
    assert_eq!(fs::read_to_string(leaf.join("cgroup.procs")).expect("a leaf").trim(), pid.to_string());
    let worker = workers.join(name(pid, 0));
    fs::create_dir(&worker).expect("created");
    let controllers = words(&fs::read_to_string(worker.join("cgroup.controllers")).expect("read"));
    assert!(controllers.contains(&controller), "{controllers:?}");
    // From its leaf, the group above is the one with the controller.
    assert_eq!(prepare(&leaf, &group, &controller, pid), Ok(group.clone()));
    // Workers can join, also while the harness runs.
    let mut other = Command::new("sleep").arg("60").spawn().expect("started");
    fs::write(worker.join("cgroup.procs"), other.id().to_string()).expect("joined");
    sweep(&group);
    assert!(worker.exists(), "its creator lives");
    end(&worker);
    assert!(!worker.exists() && other.wait().is_ok_and(|status| !status.success()), "killed and removed");
    drop(played);
    assert!(!group.exists());
    if !enabled {
        fs::write(root.join("cgroup.subtree_control"), format!("-{controller}")).expect("as before");
    }
}

#[test]
fn a_sweep_removes_groups_of_dead_processes_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dead = Command::new("true").spawn().expect("started");
    let gone = dead.id();
    dead.wait().expect("ended");
    for name in [name(gone, 0), name(std::process::id(), 0), "user.slice".to_owned()] {
        fs::create_dir(folder.path().join(name)).expect("created");
    }
    sweep(folder.path());
    let mut left: Vec<_> = folder.path().read_dir().expect("read").flatten().map(|e| e.file_name()).collect();
    left.sort();
    assert_eq!(left, [name(std::process::id(), 0), "user.slice".to_owned()].map(std::ffi::OsString::from));
}
