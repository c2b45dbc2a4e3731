//! `highwater doctor` on the machine that runs the tests, which can measure because the other tests do. Unit tests
//! cover machines with more restrictions.

mod common;

use std::{fs, os::unix::process::CommandExt, path::Path, process};

use common::{highwater, run};
use highwater_model::{MachineClass, exit};
use highwater_runner as runner;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::Value;

/// The diagnosis as JSON.
fn diagnosis(args: &[&str]) -> Value {
    let text = run(highwater(&[&["doctor", "--format", "json"], args].concat()), exit::PASSED.into());
    serde_json::from_str(&text.stdout).expect("JSON")
}

fn check<'a>(json: &'a Value, name: &str) -> &'a Value {
    let checks = json["diagnosis"]["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {json:#}"))
}

fn class(json: &Value) -> MachineClass {
    json["diagnosis"]["machine_class"].as_str().expect("text").parse().expect("a machine class")
}

#[test]
fn the_table_has_the_machine_class_and_a_summary() {
    let text = run(highwater(&["doctor"]), exit::PASSED.into());
    let class = class(&diagnosis(&[])).to_string();
    assert!(text.line("machine class").contains(&class), "{}", text.stdout);
    let last = text.stdout.lines().last().expect("a line");
    assert!(last.starts_with("this machine can gate: growth and slope of anon and VMAs"), "{last}");
    assert!(last.ends_with("time (reported only)"), "{last}");
}

#[test]
fn the_machine_class_matches_measurements() {
    let json = diagnosis(&[]);
    let granted = check(&json, "ASLR off")["finding"].as_str().expect("text").starts_with("granted");
    assert_eq!(class(&json), runner::machine_class(granted));
}

#[test]
fn checks_that_are_not_good_have_a_consequence_and_a_fix() {
    let json = diagnosis(&[]);
    assert_eq!(json["exit_status"], 0);
    let checks = json["diagnosis"]["checks"].as_array().expect("a list");
    assert!(checks.len() >= 30, "{}", checks.len());
    for check in checks {
        assert_ne!(check["finding"], "", "{check}");
        let is_good = check["grade"] == "good";
        for field in ["cost", "fix"] {
            assert_eq!(check[field].is_null(), is_good, "{check}");
        }
    }
}

#[test]
fn check_names_are_unique() {
    let json = diagnosis(&[]);
    let checks = json["diagnosis"]["checks"].as_array().expect("a list");
    let mut names: Vec<_> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn dirtied_pages_are_measured_exactly() {
    let json = diagnosis(&[]);
    assert_eq!(check(&json, "exactness")["grade"], "good", "{json:#}");
}

#[test]
fn baselines_are_found_by_machine_class() {
    let folder = tempfile::tempdir().expect("a folder");
    let diagnose = || diagnosis(&["--baselines", folder.path().to_str().expect("text")]);
    let json = diagnose();
    assert_eq!(check(&json, "baselines")["grade"], "limits");

    let put = |class: &MachineClass| {
        let folder = folder.path().join(class.to_string());
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("toy.txt"), "").expect("written");
    };
    put(&class(&json).with_other_aslr());
    assert_eq!(
        check(&diagnose(), "baselines")["cost"],
        "only growth of anon_mapped and of heap bytes is compared with them"
    );
    put(&class(&json));
    assert_eq!(check(&diagnose(), "baselines")["finding"], "toy");
}

/// Simulates a broken machine: with few file descriptors no worker can be started.
#[test]
fn without_workers_the_exit_status_is_1_and_nothing_is_gated() {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.arg("doctor");
    let few = || Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) })?);
    // SAFETY: one system call between fork and exec, on plain values.
    unsafe { command.pre_exec(few) };
    let text = run(assert_cmd::Command::from_std(command), exit::INTERNAL.into());
    assert!(text.line("BROKEN").contains("worker"), "{}", text.stdout);
    assert!(
        text.stdout.contains("effect: nothing can be measured") && text.stdout.contains("fix: "),
        "{}",
        text.stdout
    );
    assert!(text.line("this machine can gate").contains("gate: nothing"), "{}", text.stdout);
}

#[test]
fn low_resource_limits_are_reported_without_failing() {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(["doctor", "--format", "json"]);
    let tight = || Ok(setrlimit(Resource::Stack, Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) })?);
    // SAFETY: as above.
    unsafe { command.pre_exec(tight) };
    let text = run(assert_cmd::Command::from_std(command), exit::PASSED.into());
    let json: Value = serde_json::from_str(&text.stdout).expect("JSON");
    assert_eq!(check(&json, "RLIMIT_STACK")["finding"], "1 MiB");
}

/// The system calls of a filter: `ptrace` fails, and all others work.
fn refuse_ptrace() -> std::io::Result<()> {
    let step = |code: u32, k: u32, if_equal: u8, otherwise: u8| libc::sock_filter {
        code: code as u16,
        jt: if_equal,
        jf: otherwise,
        k,
    };
    let mut program = [
        // The number of the system call, at the start of `seccomp_data`.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_ptrace as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: PR_SET_NO_NEW_PRIVS takes numbers; PR_SET_SECCOMP reads a filter that lives on this stack.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter),
        ]
    };
    if results == [0, 0] { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// As in a container whose profile does not permit it.
#[test]
fn without_ptrace_the_doctor_says_so_and_exec_runs_nothing() {
    let without_ptrace = |args: &[&str], folder: &Path| {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(args).current_dir(folder).env("HIGHWATER_TARGET_DIR", folder);
        // SAFETY: two system calls between fork and exec, on a value on the stack.
        unsafe { command.pre_exec(refuse_ptrace) };
        run(assert_cmd::Command::from_std(command), exit::PASSED.into())
    };
    assert_eq!(check(&diagnosis(&[]), "tracing (ptrace)")["grade"], "good");
    let folder = tempfile::tempdir().expect("a folder");
    let text = without_ptrace(&["doctor", "--format", "json"], folder.path()).stdout;
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let tracing = check(&json, "tracing (ptrace)");
    assert_eq!(tracing["grade"], "limits");
    assert!(tracing["finding"].as_str().expect("text").contains("does not permit tracing"), "{tracing}");
    let ran = without_ptrace(&["exec", "--", "true"], folder.path());
    assert!(ran.stdout.contains("not run: the system does not permit tracing it (ptrace)"), "{}", ran.stdout);
    assert!(ran.stderr.contains("highwater doctor"), "{}", ran.stderr);
}

#[test]
fn the_doctor_leaves_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = highwater(&["doctor"]);
    command.current_dir(folder.path());
    run(command, exit::PASSED.into());
    let left = |folder: &Path| folder.read_dir().expect("a folder").count();
    assert_eq!(left(folder.path()), 0);
}
