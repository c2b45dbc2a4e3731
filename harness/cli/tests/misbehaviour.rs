//! Workers that misbehave fail alone: the other cases are measured, the record can be read, and no process is left.

mod common;

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    process::{Command, Stdio},
    time::Duration,
};

use common::{
    odd::{OddDesk, failure, workers_in},
    within,
};
use highwater_model::{Outcome, Record, exit};
use rustix::process::{Pid, Signal, getuid, kill_process};

/// Runs these cases, and one that behaves.
fn measured(desk: &OddDesk, cases: &[&str], prepare: impl FnOnce(&mut Command)) -> Record {
    let names: Vec<String> = cases.iter().chain(&["polite"]).map(|case| (*case).to_owned()).collect();
    let mut command = desk.bench(&names);
    prepare(&mut command);
    let output = command.output().expect("started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(exit::PASSED)), "{stderr}");
    let record = desk.record();
    assert_eq!(record.cases.len(), cases.len() + 1, "no case is missing");
    within(Duration::from_secs(2), "no worker is left", || desk.workers().is_empty());
    record
}

/// The outcomes of cases that violate the protocol.
fn violations(expected: &[(&str, &str)]) {
    let desk = OddDesk::new();
    let cases: Vec<&str> = expected.iter().map(|(case, _)| *case).collect();
    let record = measured(&desk, &cases, |command| {
        // A thousand stages take two seconds, or a minute on a machine that is busy.
        command.env("ODD_LIMIT_MS", "600000");
    });
    for (case, message) in expected {
        assert_eq!(failure(&record, case), &Outcome::Protocol { message: (*message).to_owned() }, "{case}");
    }
}

#[test]
fn floods_of_messages_end_the_worker() {
    violations(&[
        ("stages", "more than 1000 stages"),
        ("stages-at-once", "did not wait for `go` at live@0"),
        ("figures", "more than 4096 figures"),
        ("notes", "more than 256 notes"),
        ("long-notes", "more than 65536 bytes of notes"),
        ("labels", "more than 1048576 labels"),
        ("long-labels", "more than 67108864 bytes of messages"),
        ("forgets", "more than 4096 `forget` messages"),
        ("endless-line", "a line is longer than 8192 bytes"),
    ]);
}

#[test]
fn messages_that_no_record_can_contain_end_the_worker() {
    violations(&[
        ("stage-twice", "reached loaded twice"),
        ("figure-twice", "reported x twice for one stage"),
        ("large-figure", "x is 9007199254740993, above the limit of 2^53"),
        ("large-time", "wall_ns is 18446744073709551615, above the limit of 2^53"),
        ("not-utf8", "a line is not UTF-8"),
        ("nul", "a line contains a NUL byte"),
        ("long-stage", "a stage name is longer than 64 bytes"),
        ("after-end", "sent a message after `end`"),
    ]);
}

#[test]
fn a_message_in_an_outcome_has_no_control_characters() {
    let desk = OddDesk::new();
    let record = measured(&desk, &["escapes"], |_| ());
    let Outcome::Protocol { message } = failure(&record, "escapes") else { panic!("a violation") };
    assert!(message.starts_with("unknown message `\\u{1b}[2Jreached"), "{message}");
    assert!(!message.contains(char::is_control));
}

#[test]
fn a_worker_that_does_not_read_its_socket_is_killed() {
    let desk = OddDesk::new();
    let record = measured(&desk, &["stages-unread"], |_| ());
    let Outcome::Protocol { message } = failure(&record, "stages-unread") else { panic!("a violation") };
    let unpaused = message.starts_with("did not wait for `go` at live@");
    assert!(unpaused || message == "does not read its socket", "{message}");
}

#[test]
fn endless_output_ends_with_the_time_limit() {
    let desk = OddDesk::new();
    let record = measured(&desk, &["output"], |command| {
        command.env("ODD_LIMIT_MS", "500");
    });
    assert_eq!(failure(&record, "output"), &Outcome::TimedOut { limit_ms: 500 });
}

#[test]
fn a_program_that_cannot_be_started_is_an_outcome() {
    let desk = OddDesk::new();
    let record = measured(&desk, &["missing", "plain-file", "foreign", "busy"], |_| ());
    for (case, reason) in [
        ("missing", "No such file or directory (os error 2)"),
        ("plain-file", "Permission denied (os error 13)"),
        ("foreign", "it is an executable of another architecture"),
        ("busy", "Text file busy (os error 26)"),
    ] {
        assert_eq!(failure(&record, case), &Outcome::NotStarted { reason: reason.to_owned() }, "{case}");
    }
}

#[test]
fn a_case_that_cannot_be_prepared_is_an_outcome() {
    let desk = OddDesk::new();
    let record = measured(&desk, &["unprepared"], |_| ());
    let reason = "the guest\\nwas not built".to_owned();
    assert_eq!(failure(&record, "unprepared"), &Outcome::NotPrepared { reason });
}

#[test]
fn a_worker_whose_main_thread_has_exited_is_an_outcome() {
    let desk = OddDesk::new();
    let record = measured(&desk, &["leader"], |command| {
        // The worker ends by itself, after a few milliseconds or, in an emulator, seconds.
        command.env("ODD_LIMIT_MS", "20000");
    });
    let Outcome::Unreadable { reason } = failure(&record, "leader") else { panic!("{record:?}") };
    assert!(reason.starts_with("its main thread has exited (") && !reason.contains("/proc/"), "{reason}");
}

/// Root may read any process, so that the run needs another user.
#[test]
fn a_worker_that_cannot_be_read_is_an_outcome() {
    let desk = OddDesk::new();
    let as_nobody = getuid().is_root();
    if as_nobody {
        chown(desk.path(), Some(NOBODY), Some(NOBODY)).expect("permitted");
    }
    let record = measured(&desk, &["private"], |command| {
        if as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
    });
    let Outcome::Unreadable { reason } = failure(&record, "private") else { panic!("{record:?}") };
    assert!(reason.contains("Permission denied"), "{reason}");
}

const NOBODY: u32 = 65_534;

#[test]
fn processes_that_a_worker_started_end_with_it() {
    let desk = OddDesk::new();
    measured(&desk, &["forks"], |_| ());
}

/// The signal that the kernel sends when a parent ends does not reach a worker that has become another user, nor what
/// the worker has started. Root can test it.
#[test]
fn all_workers_end_with_a_parent_that_is_killed() {
    if !getuid().is_root() {
        return;
    }
    for case in ["other-user", "other-user-limited"] {
        let desk = OddDesk::new();
        let mut command = desk.bench(&[case.to_owned()]);
        let mut bench = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        let folder = desk.path().join("highwater");
        within(Duration::from_secs(20), "the worker has a child", || {
            workers_in(&folder).iter().any(|line| line.starts_with("/bin/sleep"))
                || bench.try_wait().is_ok_and(|s| s.is_some())
        });
        let id = bench.id();
        let groups = || groups_of(id);
        let had_groups = groups();
        kill_process(Pid::from_child(&bench), Signal::KILL).expect("sent");
        bench.wait().expect("ended");
        within(Duration::from_secs(10), "no process is left", || workers_in(&folder).is_empty());
        within(Duration::from_secs(10), "no cgroup is left", || groups().is_empty());
        if case.ends_with("limited") {
            assert!(!had_groups.is_empty() || !had_worker(&desk), "the worker had a cgroup");
        }
    }
}

/// Whether the case was run, and not refused for the lack of cgroups.
fn had_worker(desk: &OddDesk) -> bool {
    !desk.record_path().exists()
}

/// The memory cgroups that a process has created.
fn groups_of(pid: u32) -> Vec<std::path::PathBuf> {
    let name = format!("-{pid:07}-");
    let mut folders = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            if file_name.starts_with("highwater-") && file_name.contains(&name) {
                found.push(entry.path());
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn a_closed_pipe_ends_commands_quietly() {
    let desk = OddDesk::new();
    for both in [false, true] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = desk.bench(&["polite".to_owned()]);
        command.stdout(writer.try_clone().expect("a pipe"));
        let stderr = if both { Stdio::from(writer) } else { Stdio::piped() };
        let output = command.stderr(stderr).output().expect("started");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let expected = if both { vec![] } else { vec!["odd:", "next:"] };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect::<Vec<_>>(), expected);
        assert_eq!(desk.record().cases.len(), 1);
    }
    for args in
        [&["report"][..], &["doctor"], &["capacity", "--memory", "1GiB"], &["exactness"], &["schema"], &["--help"]]
    {
        for both in [false, true] {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
            command.args(args).current_dir(desk.path()).env("HIGHWATER_TARGET_DIR", desk.path());
            command.stdout(writer.try_clone().expect("a pipe"));
            command.stderr(if both { Stdio::from(writer) } else { Stdio::piped() });
            let output = command.output().expect("started");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("panicked") && output.status.code() != Some(101), "{args:?}: {stderr}");
        }
    }
}

/// Runs the bench after a shell command that sets a limit.
fn limited(desk: &OddDesk, limit: &str) -> (Option<i32>, String) {
    let bench = desk.bench(&["polite".to_owned()]);
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", &format!("{limit}; exec \"$@\""), "bash"]).arg(bench.get_program()).args(bench.get_args());
    for (name, value) in bench.get_envs() {
        shell.env(name, value.expect("set"));
    }
    let output = shell.output().expect("started");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
}

#[test]
fn limits_of_the_shell_are_one_clear_line() {
    let desk = OddDesk::new();
    for (limit, message) in [("ulimit -n 32", "this process may open 32 files"), ("ulimit -f 0", "File too large")] {
        let (status, stderr) = limited(&desk, limit);
        assert_eq!(status, Some(i32::from(exit::INTERNAL)), "{limit}: {stderr}");
        let errors: Vec<&str> =
            stderr.lines().filter(|line| !line.starts_with("next: ") && !line.starts_with("odd: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(message), "{limit}: {stderr}");
    }
}
