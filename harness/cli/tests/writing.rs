//! Faults while files are written: a full disk, a killed process, concurrent processes. Each file is either the old
//! or the new version, complete, and no temporary files stay.

mod common;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{Desk, record, run};
use highwater_model::{Record, exit};
use highwater_store::{FolderLock, read_baseline, write_record};

/// A desk with two blessed families.
fn blessed() -> Desk {
    let desk = Desk::with_record();
    let zoo = Record { family: "zoo".into(), ..record() };
    write_record(&desk.run_folder().join("zoo.json"), &zoo).expect("written");
    run(desk.bless("the first"), 0);
    desk
}

/// The reasons of both baselines, which must be complete.
fn reasons(desk: &Desk) -> Vec<String> {
    let read = |family: &str| read_baseline(&desk.baseline_path().with_file_name(family)).expect("a complete baseline");
    let reason = |family: &str| read(family).blessed().expect("blessed").reason.clone();
    ["toy.txt", "zoo.txt"].map(reason).to_vec()
}

fn leftovers(files: &[PathBuf]) -> Vec<&PathBuf> {
    let name = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).expect("a name").starts_with(".highwater-");
    files.iter().filter(|path| name(path)).collect()
}

fn bless(desk: &Desk, reason: &str) -> Command {
    desk.std_judge("bless", &["--reason", reason])
}

/// Wraps a command in Bash that runs a script first.
fn after(script: &str, command: &Command) -> Command {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &format!("{script}; exec \"$@\""), "bash"]);
    bash.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bash.current_dir(folder);
    }
    bash
}

fn complains_of(output: &Output, path: &Path, part: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit::INTERNAL.into()), "{stderr}");
    let is_other = |line: &str| ["warning: ", "next: ", "toy: memory of "].iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = stderr.lines().filter(|line| !is_other(line)).collect();
    assert!(
        matches!(lines[..], [line] if line.contains(&path.display().to_string()) && line.contains(part)),
        "{stderr}"
    );
}

/// A limit on the size of files simulates a full disk without mounting one.
const LIMIT: &str = "ulimit -f 1";

#[test]
fn if_a_record_does_not_fit_the_old_one_is_kept() {
    let desk = Desk::with_record();
    let before = fs::read(desk.record_path()).expect("a record");
    let bench = desk.std_bench(&["--memory-only", "--samples", "1", "toy/heap"]);
    let output = after(LIMIT, &bench).output().expect("started");
    complains_of(&output, &desk.record_path(), "File too large");
    assert_eq!(fs::read(desk.record_path()).expect("still there"), before);
    // The plan of the run, which is newer than the record and so not used with it.
    let plan = desk.run_folder().join("plans/toy.json");
    assert_eq!(desk.files(), [desk.run_folder().join("last-run"), plan, desk.record_path()]);
}

#[test]
fn if_a_baseline_does_not_fit_none_is_changed() {
    let desk = blessed();
    let before = desk.contents();
    let output = after(LIMIT, &bless(&desk, "the second")).output().expect("started");
    complains_of(&output, &desk.baseline_path(), "File too large");
    assert_eq!(desk.contents(), before);
}

/// Mounts a small file system on `$1`, copies `$2` to it, fills it, runs the command in the other arguments, and copies
/// the result to `$3`.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o size=256k highwater-test "$1" && cp -r "$2"/. "$1" || exit 99
head -c 1M /dev/zero >"$1/filler" 2>/dev/null
disk=$1 after=$3; shift 3
"$@"
status=$?
rm "$disk/filler" && cp -r "$disk"/. "$after" || exit 99
exit $status
"#;

#[test]
fn on_a_full_disk_the_old_files_are_kept() {
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let granted = Command::new(unshare[0]).args(&unshare[1..]).args(["mount", "-t", "tmpfs", "x", "/mnt"]).status();
    if !granted.is_ok_and(|status| status.success()) {
        println!("mounting is not permitted: only the limit on file sizes was tested");
        return;
    }
    let desk = blessed();
    let disk = tempfile::tempdir().expect("a mount point");
    let on_disk = |path: PathBuf| disk.path().join(path.strip_prefix(desk.path()).expect("below the desk"));
    let bench = desk.std_bench(&["--memory-only", "--samples", "1", "toy/heap"]);
    let mut bless = Command::new(env!("CARGO_BIN_EXE_highwater"));
    bless.args(["bless", "--reason", "the second", "--run"]).arg(on_disk(desk.run_folder()));
    bless.arg("--baselines").arg(on_disk(desk.baselines()));
    // The first file that a bench writes is `last-run`.
    for (command, path) in [(bench, desk.run_folder().join("last-run")), (bless, desk.baseline_path())] {
        let then = tempfile::tempdir().expect("a folder");
        let mut small = Command::new(unshare[0]);
        small.args(&unshare[1..]).args(["bash", "--norc", "-c", SMALL_DISK, "bash"]);
        small.args([disk.path(), desk.path(), then.path()]).arg(command.get_program()).args(command.get_args());
        small.env("HIGHWATER_TARGET_DIR", disk.path()).current_dir("/");
        complains_of(&small.output().expect("started"), &on_disk(path), "No space left on device");
        let relative =
            |path: &PathBuf, top: &Path| (path.strip_prefix(top).expect("below").to_owned(), fs::read(path).ok());
        let before: Vec<_> = desk.files().iter().map(|path| relative(path, desk.path())).collect();
        let after: Vec<_> = common::files_below(then.path()).iter().map(|path| relative(path, then.path())).collect();
        assert_eq!(after, before);
    }
}

#[test]
fn the_partial_file_of_a_killed_bless_is_removed_by_the_next_one() {
    let desk = blessed();
    let left = desk.baseline_path().with_file_name(".highwater-partial");
    fs::write(&left, "half a baseline").expect("written");
    run(desk.compare(&[]), exit::PASSED.into());
    run(desk.bless("the second"), 0);
    assert_eq!(reasons(&desk), ["the second", "the second"]);
    assert_eq!(leftovers(&desk.files()), Vec::<&PathBuf>::new());
}

#[test]
fn a_killed_bless_leaves_each_baseline_old_or_new() {
    let desk = blessed();
    let started = Instant::now();
    run(desk.bless("an undisturbed one"), 0);
    let whole = started.elapsed();
    let mut old = reasons(&desk);
    let mut killed = 0;
    for time in 0..50 {
        let new = format!("number {time}");
        let mut child = quiet(bless(&desk, &new));
        std::thread::sleep(whole * time / 40);
        child.kill().expect("killed");
        killed += usize::from(child.wait().expect("ended").signal() == Some(9));
        let now = reasons(&desk);
        assert!(now.iter().zip(&old).all(|(now, old)| *now == new || now == old), "{now:?} after {old:?} and {new}");
        old = now;
    }
    assert!(killed > 0, "no process was killed while running");
    run(desk.bless("the last"), 0);
    assert_eq!(reasons(&desk), ["the last", "the last"]);
    assert_eq!(leftovers(&desk.files()), Vec::<&PathBuf>::new());
}

fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started")
}

/// The first line that a program writes to stderr.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("read");
    line
}

#[test]
fn concurrent_blessings_leave_consistent_baselines() {
    let desk = blessed();
    let names: Vec<String> = (0..8).map(|number| format!("number {number}")).collect();
    let children: Vec<Child> = names.iter().map(|name| quiet(bless(&desk, name))).collect();
    for child in children {
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{output:?}");
    }
    let last: BTreeSet<String> = reasons(&desk).into_iter().collect();
    assert!(last.len() == 1 && last.is_subset(&names.into_iter().collect()), "{last:?}");
    assert_eq!(leftovers(&desk.files()), Vec::<&PathBuf>::new());
}

#[test]
fn a_bless_waits_for_another_one() {
    let desk = blessed();
    let lock = FolderLock::take(&desk.baselines(), |line| panic!("{line}")).expect("locked");
    let before = desk.contents();
    let mut child = quiet(bless(&desk, "the second"));
    let line = first_line(&mut child);
    assert!(line.contains(&format!("another run is using {}: waiting", desk.baselines().display())), "{line}");
    assert_eq!(desk.contents(), before);
    drop(lock);
    assert!(child.wait().expect("ended").success());
    assert_eq!(reasons(&desk), ["the second", "the second"]);
}

#[test]
fn a_bench_waits_for_another_one_until_it_is_killed() {
    let desk = Desk::new();
    let mut first = quiet(desk.std_bench(&["--memory-only", "--samples", "10000", "toy/heap"]));
    let running = || fs::read_to_string(format!("/proc/{}/task/{}/children", first.id(), first.id()));
    common::within(Duration::from_secs(30), "it measures", || running().is_ok_and(|children| !children.is_empty()));
    let mut second = quiet(desk.std_bench(&["--memory-only", "--samples", "2", "toy/heap"]));
    let line = first_line(&mut second);
    assert!(line.contains(&format!("another run is using {}: waiting", desk.run_folder().display())), "{line}");
    assert!(!desk.record_path().exists());
    first.kill().expect("killed");
    first.wait().expect("ended");
    assert!(second.wait().expect("ended").success());
    assert_eq!(desk.record().cases[0].samples, 2);
    assert_eq!(leftovers(&desk.files()), Vec::<&PathBuf>::new());
}

#[test]
fn concurrent_benches_leave_one_complete_record() {
    let desk = Desk::new();
    let children = ["2", "3"].map(|n| quiet(desk.std_bench(&["--memory-only", "--samples", n, "toy/heap"])));
    for child in children {
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{output:?}");
    }
    assert!([2, 3].contains(&desk.record().cases[0].samples));
    assert_eq!(leftovers(&desk.files()), Vec::<&PathBuf>::new());
}

#[test]
fn a_full_stdout_is_an_error_and_a_broken_pipe_is_not() {
    let desk = blessed();
    let full = after("exec >/dev/full", &desk.std_judge("compare", &[])).output().expect("started");
    complains_of(&full, Path::new("stdout"), "No space left on device");
    let mut child =
        desk.std_judge("compare", &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(0) && stderr.starts_with("next: ") && stderr.lines().count() == 1, "{stderr}");
}
