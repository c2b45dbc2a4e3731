//! A whole session, from a bench to the report, where the environment is unusual: other folders, other users, and what
//! most machines have but not all.

mod common;

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::{
    Desk,
    exec::{ISOLATED, python, stages, value},
    programs::is_installed,
    toy,
};
use highwater_model::exit;
use highwater_store::read_record;
use rustix::process::getuid;
use tempfile::TempDir;

const NOBODY: u32 = 65_534;

/// A folder with copies of both programs, which any user may execute.
struct Place {
    root: TempDir,
    /// Where everything runs and writes to.
    folder: PathBuf,
    /// What is unusual, for each command.
    change: fn(&mut Command, &Path),
}

impl Place {
    fn new(folder: impl AsRef<Path>, change: fn(&mut Command, &Path)) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        fs::set_permissions(root.path(), Permissions::from_mode(0o755)).expect("mine");
        for (program, name) in [(Path::new(env!("CARGO_BIN_EXE_highwater")), "highwater"), (toy(), "toy")] {
            fs::copy(program, root.path().join(name)).expect("copied");
        }
        let folder = root.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        Self { root, folder, change }
    }

    fn command<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Command {
        let mut command = Command::new(self.root.path().join(program));
        command.args(arguments).current_dir(&self.folder).env("HIGHWATER_TARGET_DIR", self.folder.join("target"));
        (self.change)(&mut command, self.root.path());
        command
    }

    /// Runs a command and asserts its exit status.
    fn run<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S], status: u8) -> Output {
        let output = self.command(program, arguments).output().expect("started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status.into()), "{}\n{stdout}\n{stderr}", self.folder.display());
        output
    }

    fn highwater(&self, arguments: &[&str], status: u8) -> Output {
        self.run("highwater", arguments, status)
    }

    /// A bench, a program, the gate, and the report.
    fn session(&self) {
        self.measure();
        self.highwater(&["bless", "--reason", "first"], exit::PASSED);
        self.judge();
    }

    fn measure(&self) {
        self.run("toy", &["--bench", "--memory-only", "--samples", "5"], exit::PASSED);
        self.highwater(&["exec", "--name", "said", "--samples", "5", "--", "/bin/sh", "-c", "echo said"], exit::PASSED);
        for (name, cases) in [("toy", 2), ("said", 1)] {
            let record = read_record(&self.folder.join("target/highwater").join(format!("{name}.json")));
            let record = record.expect("a record");
            let complete = record.cases.iter().filter(|case| case.samples == 5 && case.failures.is_empty());
            assert_eq!(complete.count(), cases, "{:#?}", record.cases);
        }
    }

    fn judge(&self) {
        self.highwater(&["compare"], exit::PASSED);
        self.highwater(&["report"], exit::PASSED);
        assert!(self.folder.join("reports/index.html").is_file());
        self.highwater(&["doctor"], exit::PASSED);
    }
}

fn as_usual(_: &mut Command, _: &Path) {}

#[test]
fn a_path_may_have_spaces() {
    Place::new("my project/it's here", as_usual).session();
}

#[test]
fn a_path_may_have_bytes_that_are_not_text() {
    Place::new(OsStr::from_bytes(b"pro\xffject \xc3"), as_usual).session();
}

#[test]
fn no_home_is_needed() {
    let unset = |command: &mut Command, _: &Path| {
        command.env_remove("HOME");
    };
    let nowhere = |command: &mut Command, root: &Path| {
        command.env("HOME", root.join("nowhere"));
    };
    Place::new("project", unset).session();
    Place::new("project", nowhere).session();
}

/// Root may write to any folder, so it becomes another user.
#[test]
fn other_users_can_measure_with_a_home_that_is_read_only() {
    let as_nobody = |command: &mut Command, root: &Path| {
        command.env("HOME", root);
        if getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
    };
    let place = Place::new("project", as_nobody);
    if getuid().is_root() {
        chown(&place.folder, Some(NOBODY), Some(NOBODY)).expect("permitted");
    }
    fs::set_permissions(place.root.path(), Permissions::from_mode(0o555)).expect("mine");
    place.session();
    fs::set_permissions(place.root.path(), Permissions::from_mode(0o755)).expect("mine");
}

/// The shell is found by its path.
fn without_git(command: &mut Command, root: &Path) {
    command.env("PATH", root);
}

#[test]
fn without_git_everything_works_outside_of_a_repository() {
    Place::new("project", without_git).session();
}

/// The baselines of a repository need the commit that they belong to.
#[test]
fn without_git_a_run_in_a_repository_is_not_blessed() {
    let place = Place::new("project/member", without_git);
    fs::create_dir(place.folder.parent().expect("a folder").join(".git")).expect("a folder");
    place.measure();
    let refused = place.highwater(&["bless", "--reason", "first"], exit::USAGE);
    let text = String::from_utf8(refused.stderr).expect("text");
    assert!(text.contains("(git is not installed)") && text.contains("--allow-dirty"), "{text}");
    assert!(!place.folder.join("baselines").exists());
    place.highwater(&["bless", "--reason", "first", "--allow-dirty"], exit::PASSED);
    place.judge();
}

/// A process, a mapped file that was deleted, and the working directory.
#[test]
fn names_in_a_program_may_have_bytes_that_are_not_text() {
    if !is_installed("python3") {
        return;
    }
    let script = r"
import ctypes, mmap, os, signal, time
os.makedirs(b'fol\xffder', exist_ok=True)
os.chdir(b'fol\xffder')
file = os.open(b'fi\xfele\n', os.O_CREAT | os.O_RDWR)
os.ftruncate(file, 1 << 20)
mapped = mmap.mmap(file, 1 << 20)
mapped[:] = b'x' * (1 << 20)
os.unlink(b'fi\xfele\n')
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, b'na\xff) R')
    held = b'x' * (2 << 20)
    # The end of the reading.
    signal.signal(signal.SIGCONT, lambda *_: os._exit(0))
    os.write(1, b'ready \xff\n')
    while True: time.sleep(60)
os.wait()";
    let desk = Desk::new();
    let command = [&[python()], &ISOLATED[..], &["-c", script]].concat();
    let flags = ["--name", "names", "--samples", "1", "--stage", "ready=^ready"];
    let ran = desk.exec(&flags, &command, exit::PASSED);
    let case = desk.record_of("names").cases.remove(0);
    assert_eq!((case.samples, stages(&case).len()), (1, 3), "{}", ran.stdout);
    assert!(value(&case, "ready", "figure.process_na___r_bytes") > 2 << 20, "{}", ran.stdout);
    assert_eq!(value(&case, "ready", "deleted_files"), 1 << 20);
}
