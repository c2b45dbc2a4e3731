//! `highwater exec` as a command: its matrix, programs that fail, and the gate on its records.

mod common;

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::Stdio,
    time::Duration,
};

use common::{
    Desk,
    exec::{ISOLATED, python, stages},
    programs::is_installed,
    run, within,
};
use highwater_model::{Outcome, exit};
use rustix::process::{Pid, Signal, kill_process};

/// The outcome of the only worker of a command.
fn outcome(flags: &[&str], command: &[&str]) -> Outcome {
    let desk = Desk::new();
    let ran = desk.exec(&[&["--samples", "1", "--name", "failing"], flags].concat(), command, exit::PASSED);
    let failure = desk.record_of("failing").cases.remove(0).failures.remove(0);
    assert!(ran.stdout.contains(&failure.outcome.to_string()), "{}", ran.stdout);
    failure.outcome
}

#[test]
fn programs_that_fail_are_results() {
    assert_eq!(outcome(&[], &["/bin/sh", "-c", "exit 3"]), Outcome::Exited { status: 3 });
    assert_eq!(outcome(&[], &["/bin/sh", "-c", "kill -SEGV $$"]), Outcome::Signaled { signal: 11 });
    assert_eq!(outcome(&["--timeout", "300ms"], &["sleep", "60"]), Outcome::TimedOut { limit_ms: 300 });
}

#[test]
fn programs_that_cannot_be_started_are_results() {
    let text = tempfile::NamedTempFile::new().expect("a file");
    for program in ["no-such-program-at-all", "/no/such/program", "/", text.path().to_str().expect("text")] {
        let found = outcome(&[], &[program]);
        assert!(matches!(found, Outcome::NotStarted { .. }), "{program}: {found:?}");
    }
}

#[test]
fn names_may_have_spaces_and_bytes_that_are_not_text() {
    let desk = Desk::new();
    let script = desk.file(OsStr::from_bytes(b"a b\xff.sh"));
    fs::write(&script, "#!/bin/sh\n[ \"$1\" = \"$(printf 'x \\377')\" ] && echo \"ready $1\"\n").expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
    let command = [script.into_os_string(), OsString::from(OsStr::from_bytes(b"x \xff"))];
    let ran = desk.exec(&["--samples", "1", "--stage", "ready=(?-u:\\xff)$"], &command, exit::PASSED);
    let case = desk.record_of("a-b-.sh").cases.remove(0);
    assert_eq!(
        (case.samples, stages(&case)),
        (1, ["start", "ready", "exit"].map(str::to_owned).into()),
        "{}",
        ran.stdout
    );
}

#[test]
fn every_combination_of_a_matrix_is_a_case() {
    let desk = Desk::new();
    let flags = ["--samples", "1", "--name", "m", "--param", "how=echo,exit 3;", "--param", "n=1,20"];
    let ran = desk.exec(&flags, &["/bin/sh", "-c", "{how} {n}"], exit::PASSED);
    let record = desk.record_of("m");
    let ids: Vec<&str> = record.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["m/how=echo,n=1", "m/how=echo,n=20", "m/how=exit-3,n=1", "m/how=exit-3,n=20"]);
    let failures: Vec<usize> = record.cases.iter().map(|case| case.failures.len()).collect();
    assert_eq!(failures, [0, 0, 1, 1], "{}", ran.stdout);
    assert!(ran.stdout.contains("how=echo,n=20 (n = 1)"), "{}", ran.stdout);
    let plans = fs::metadata(desk.run_folder().join("plans")).expect("written");
    assert_eq!(plans.permissions().mode() & 0o777, 0o700, "a plan has the environment");
    assert_eq!(record.fingerprint.context["command"], "/bin/sh -c '{how} {n}'");
}

#[test]
fn invalid_flags_are_refused_in_one_line() {
    let desk = Desk::new();
    for (flags, part) in [
        (&["--name", "A b"][..], "`A b` is not a name"),
        (&["--param", "n=1"], "{n} does not occur in the command"),
        (&["--stage", "a=x", "--stage", "a=y"], "a is given twice"),
        (&["--for", "5s", "--timeout", "5s"], "longer than --for"),
    ] {
        desk.exec(flags, &["true"], exit::USAGE).complains_in_one_line(&[part]);
    }
    for flags in
        [&["--stage", "exit=x"][..], &["--stage", "a=("], &["--for", "5"], &["--samples", "0"], &["--param", "n"]]
    {
        assert!(desk.exec(flags, &["true"], exit::USAGE).stderr.contains("error: "), "{flags:?}");
    }
    desk.exec::<&str>(&[], &[], exit::USAGE);
    assert!(!desk.run_folder().exists(), "nothing was measured");
}

#[test]
fn an_interrupt_ends_the_program() {
    let desk = Desk::new();
    let mut command = desk.std_exec(&["--name", "long"], &["sleep", "98762"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let is_running = || {
        let is_it = |pid: &Path| fs::read(pid.join("cmdline")).is_ok_and(|line| line == b"sleep\098762\0");
        fs::read_dir("/proc").expect("Linux").flatten().any(|entry| is_it(&entry.path()))
    };
    within(Duration::from_secs(20), "the program runs", is_running);
    kill_process(Pid::from_child(&child), Signal::INT).expect("sent");
    assert_eq!(child.wait().expect("ended").code(), Some(exit::INTERRUPTED.into()));
    assert!(!is_running());
}

/// A script that allocates some MiB.
fn script(desk: &Desk, mib: u32) -> OsString {
    let path = desk.file("allocates.py");
    let text = format!(
        "x = [b'x' * (1 << 20) for _ in range({mib})]\nprint('full', flush=True)\nimport time; time.sleep(0.3)\n"
    );
    fs::write(&path, text).expect("written");
    path.into_os_string()
}

#[test]
fn the_gate_finds_one_mebibyte_more() {
    if !is_installed("python3") {
        return;
    }
    let desk = Desk::new();
    let measure = |mib| {
        let path = script(&desk, mib);
        let words = [&[python()], &ISOLATED[..]].concat();
        let command: Vec<OsString> = words.into_iter().map(OsString::from).chain([path]).collect();
        desk.exec(&["--name", "allocates", "--samples", "5", "--stage", "full=^full"], &command, exit::PASSED)
    };
    assert!(measure(8).stderr.contains("bless"), "there is no baseline yet");
    run(desk.bless("first"), exit::PASSED.into());
    assert!(measure(8).stderr.contains("the gate"), "unchanged");
    run(desk.compare(&[]), exit::PASSED.into());
    measure(9);
    let ran = run(desk.compare(&[]), exit::REGRESSED.into());
    let finding = ran.finding("regressed");
    assert!(finding.contains("anon_mapped at full") && finding.contains("+1.00 MiB"), "{}", ran.stdout);
    assert!(ran.stderr.contains("to confirm the findings"), "fresh workers ran: {}", ran.stderr);
    // A script that changed since the run is not measured again.
    script(&desk, 8);
    let ran = run(desk.compare(&[]), exit::REGRESSED.into());
    assert!(ran.stderr.contains("was changed after the run"), "{}", ran.stderr);
}

/// A file with two suites, whose programs run in its folder.
#[test]
fn the_suites_of_a_file_are_one_run() {
    let desk = Desk::new();
    let file = desk.file("highwater.toml");
    let suite = |name: &str, rest: &str| format!("[[suite]]\nname = \"{name}\"\nsamples = 5\n{rest}\n");
    let first =
        suite("first", "command = [\"/bin/sh\", \"-c\", \"[ -f highwater.toml ] && exit {n}\"]\nparam = [\"n=0,3\"]");
    let second = suite("second", "command = [\"sleep\", \"60\"]\nfor = \"100ms\"");
    fs::write(&file, format!("schema = 1\n{first}{second}")).expect("written");
    let measure = |arguments: &[&str], status: u8| run(desk.judge("run", arguments), status.into());
    let ran = measure(&[], exit::PASSED);
    assert!(ran.stdout.contains("first on ") && ran.stdout.contains("second on "), "{}", ran.stdout);
    let first = desk.record_of("first");
    assert_eq!(first.cases.iter().map(|case| case.samples).collect::<Vec<_>>(), [5, 0]);
    assert_eq!(stages(&desk.record_of("second").cases[0]), ["start", "stopped"]);
    run(desk.bless_with("first", &["--allow-failures"]), exit::PASSED.into());
    let ran = run(desk.compare(&[]), exit::PASSED.into());
    assert!(ran.stdout.contains("passed: 3 cases"), "{}", ran.stdout);
    measure(&["second"], exit::PASSED);
    measure(&["third"], exit::USAGE).complains_in_one_line(&["it has no suite third"]);
    fs::write(&file, "schema = 1\n[[suite]]\nname = 1\n").expect("written");
    measure(&[], exit::USAGE).complains_in_one_line(&["highwater.toml: line 3"]);
    fs::remove_file(&file).expect("removed");
    measure(&[], exit::USAGE).complains_in_one_line(&["no highwater.toml in"]);
}
