//! Tests of the rules on described groups, and of the chosen place on the kernel of this machine.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::*;
use crate::leftover::{end, sweep};

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
        is_read_only: false,
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
    assert_eq!(place(&own, Some(&above), MEMORY), below("/sys/fs/cgroup/app.slice"));
}

/// The group above belongs to root, and that of the harness is delegated (`Delegate=yes`). It has the processes that
/// started the harness, such as cargo, and its guardian.
#[test]
fn workers_of_a_delegated_group_are_within_it_after_a_move() {
    let own = group("/g/own", "cpu memory pids\n", "\n", &[7, 8, 9]);
    let above = Group { may_create: false, ..group("/g", "cpu memory pids\n", "memory\n", &[]) };
    assert_eq!(place(&own, Some(&above), MEMORY), Ok(Place::AfterMove("/g/own".into())));
    let moved = Group { enabled: words("memory\n"), processes: Vec::new(), ..own.clone() };
    assert_eq!(place(&moved, Some(&above), MEMORY), below("/g/own"), "the second worker");
    let shared = Group { processes: vec![0, 7, 0], ..own };
    let error = place(&shared, Some(&above), MEMORY).expect_err("they cannot be named here");
    assert_eq!(error, DelegationError::Shared { group: "/g/own".into(), others: 2 });
}

/// A container with a private namespace and cgroups mounted for writing: the root of the namespace is not exempt.
#[test]
fn the_root_of_a_namespace_is_not_that_of_the_hierarchy() {
    let namespace = group("/sys/fs/cgroup", "cpu memory pids\n", "\n", &[7]);
    assert_eq!(place(&namespace, None, MEMORY), Ok(Place::AfterMove("/sys/fs/cgroup".into())));
    let root = Group { is_root: true, processes: vec![1, 2, 7], ..namespace };
    assert_eq!(place(&root, None, MEMORY), below("/sys/fs/cgroup"));
}

#[test]
fn a_group_that_is_not_delegated_is_an_error_with_a_remedy() {
    let own = Group { may_create: false, ..group("/g/own", "memory\n", "\n", &[7]) };
    let error = place(&own, None, MEMORY).expect_err("a group of root").to_string();
    assert!(error.contains("may create groups neither in /g/own nor beside it"), "{error}");
    let error = place(&group("/g/own", "cpu pids\n", "\n", &[7]), None, MEMORY).expect_err("no memory");
    assert!(error.to_string().contains("/g/own has no memory controller"), "{error}");
    let own = Group { may_create: false, is_read_only: true, ..group("/g/own", "memory\n", "\n", &[7]) };
    let error = place(&own, None, MEMORY).expect_err("a container");
    assert!(error.to_string().contains("/g/own is mounted read-only"), "{error}");
}

/// It is in the record of a run, and comparisons print what differs.
#[test]
fn the_cause_of_an_error_has_no_path() {
    let group = || PathBuf::from("/g/run-r7.scope");
    for error in [
        DelegationError::NotDelegated { group: group(), controller: MEMORY.into() },
        DelegationError::NotPermitted { group: group() },
        DelegationError::ReadOnly { group: group() },
        DelegationError::Shared { group: group(), others: 1 },
        DelegationError::Io { path: group(), problem: "Permission denied (os error 13)".into() },
    ] {
        assert!(error.to_string().contains("run-r7") && !error.cause().contains("run-r7"), "{error}");
    }
}

#[test]
fn only_groups_of_this_namespace_have_an_owner() {
    assert_eq!(owner("highwater-4026531836-71-0", 4_026_531_836), Some((71, "0")));
    assert_eq!(owner("highwater-4026531836-71-leaf", 4_026_531_836), Some((71, LEAF)));
    for other in ["highwater-4026531836-71-0", "highwater-71-0", "highwater-1-x-0", "user.slice", "run-71.scope"] {
        assert_eq!(owner(other, 1), None, "{other}");
    }
    let own = name(std::process::id(), LEAF);
    assert_eq!(owner(&own, pid_namespace()), Some((std::process::id(), LEAF)));
}

/// Processes in a group of their own: one plays the harness, and the other one, which forks all the time, started it.
struct Played {
    children: [Child; 2],
    group: PathBuf,
}

impl Played {
    fn start(group: &Path) -> Self {
        let shell = |script: &str| {
            let mut child = Command::new("/bin/sh")
                .args(["-c", script, "sh"])
                .arg(group)
                .stdout(Stdio::piped())
                .spawn()
                .expect("started");
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("it prints a line");
            child
        };
        let children = ["exec sleep 60", "while :; do /bin/true; done"]
            .map(|work| shell(&format!("echo $$ >\"$1/cgroup.procs\"; echo ready; {work}")));
        Self { children, group: group.to_owned() }
    }

    fn harness(&self) -> u32 {
        self.children[0].id()
    }

    fn are_in(&self, group: &Path) -> bool {
        let pids = processes(&fs::read_to_string(group.join("cgroup.procs")).expect("a group"));
        self.children.iter().all(|child| pids.contains(&child.id()))
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
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
    let played = Played::start(&group);
    let pid = played.harness();
    // What fails changes nothing.
    assert!(leaf::move_processes(&group, "highwater-refused", "no-such-controller").is_err());
    assert!(played.are_in(&group) && !group.join("highwater-refused").exists());
    // A root that only the namespace has: nothing above is visible.
    let workers = prepare(&group, &group, &controller, pid).expect("a place");
    assert_eq!(workers, group);
    let leaf = group.join(name(pid, LEAF));
    assert!(played.are_in(&leaf));
    let worker = workers.join(name(pid, 0));
    fs::create_dir(&worker).expect("created");
    let controllers = words(&fs::read_to_string(worker.join("cgroup.controllers")).expect("read"));
    assert!(controllers.contains(&controller), "{controllers:?}");
    // From its leaf, the group above is the one with the controller.
    assert_eq!(prepare(&leaf, &group, &controller, pid), Ok(group.clone()));
    // Workers can join, also while the harness runs.
    let below = worker.join("made-by-the-worker");
    fs::create_dir(&below).expect("created");
    let mut other = Command::new("sleep").arg("60").spawn().expect("started");
    fs::write(below.join("cgroup.procs"), other.id().to_string()).expect("joined");
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
    let [own, worker] = [std::process::id(), gone].map(|pid| name(pid, 0));
    for name in [&own, &format!("{worker}/made-by-the-worker"), "user.slice"] {
        fs::create_dir_all(folder.path().join(name)).expect("created");
    }
    sweep(folder.path());
    let left = || {
        let entries = folder.path().read_dir().expect("read").flatten();
        entries.map(|entry| entry.file_name().into_string().expect("a name")).collect::<BTreeSet<_>>()
    };
    assert_eq!(left(), BTreeSet::from([own.clone(), "user.slice".to_owned()]));
    // A leaf with processes, here a folder with a file: the shell that started the run lives on.
    let leaf = name(gone, LEAF);
    fs::create_dir(folder.path().join(&leaf)).expect("created");
    let file = folder.path().join(&leaf).join("process");
    fs::write(&file, "").expect("written");
    sweep(folder.path());
    assert!(left().contains(&leaf));
    fs::remove_file(file).expect("removed");
    sweep(folder.path());
    assert_eq!(left(), BTreeSet::from([own, "user.slice".to_owned()]));
}
