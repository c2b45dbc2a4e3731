//! The files of kept tapes: what may be at their paths, who may have written them, and what a crash leaves behind.

// Not every test binary uses all of it.
#[allow(dead_code)]
#[path = "common/desk.rs"]
mod desk;

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use desk::{Desk, TEXT, dump, parsed};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use span_tape::{Cache, Error, Options, Tape, Windowed};

/// The variable that makes a test a child process, with the path of the input.
const CHILD: &str = "SPAN_TAPE_TEST_CHILD";

/// Fails instead of blocking.
fn in_time<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(run()));
    receiver.recv_timeout(Duration::from_secs(60)).expect("does not block")
}

fn open(path: &Path) -> Result<Tape<Windowed>, Error> {
    let path = path.to_owned();
    in_time(move || Tape::open_cached(&path, &Cache::beside(), &Options::default()))
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).expect("a list").map(|it| it.expect("an entry").path()).collect();
    names.sort();
    names
}

/// Puts each kind of file that is not a regular one at a path, and calls `check` with its name.
fn with_each_kind(path: &Path, mut check: impl FnMut(&str)) {
    let clear = || if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    let _ = clear();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    check("a FIFO");
    let _ = clear();
    let socket = UnixListener::bind(path).expect("a socket");
    check("a socket");
    drop(socket);
    let _ = clear();
    fs::create_dir(path).expect("a folder");
    check("a directory");
    let _ = clear();
    for target in ["/dev/zero", "/dev/tty", "/nowhere"] {
        symlink(target, path).expect("a link");
        check(target);
        let _ = clear();
    }
}

#[test]
fn no_kind_of_file_at_the_kept_path_blocks_or_is_used() {
    let desk = Desk::new(TEXT);
    with_each_kind(&desk.kept(), |kind| {
        let tape = open(&desk.input()).expect(kind);
        assert!(!tape.is_reopened(), "{kind}");
        assert_eq!(dump(&tape), parsed(TEXT), "{kind}");
        // Everything but a directory is replaced.
        assert_eq!(open(&desk.input()).expect(kind).is_reopened(), kind != "a directory", "{kind}");
        assert_eq!(desk.kept().symlink_metadata().expect("kept").is_file(), kind != "a directory", "{kind}");
    });
}

#[test]
fn a_link_at_the_kept_path_is_replaced_and_not_followed() {
    let desk = Desk::new(TEXT);
    desk.open();
    let other = desk.0.path().join("other");
    fs::rename(desk.kept(), &other).and_then(|()| symlink(&other, desk.kept())).expect("a link");
    let before = fs::read(&other).expect("read");
    assert!(!desk.open().is_reopened());
    assert!(desk.kept().symlink_metadata().expect("kept").is_file());
    assert_eq!(fs::read(&other).expect("read"), before);
}

#[test]
fn no_kind_of_file_at_the_path_of_the_input_blocks() {
    let desk = Desk::new(TEXT);
    with_each_kind(&desk.input(), |kind| {
        let error = open(&desk.input()).expect_err(kind);
        assert!(error.to_string().starts_with(&desk.input().display().to_string()), "{error}");
        let path = desk.input();
        // SAFETY: nothing modifies the files of this test.
        let mapped = in_time(move || unsafe { Tape::map_cached(&path, &Cache::beside(), &Options::default()) }.err());
        assert!(mapped.is_some(), "{kind}");
    });
}

/// Also of what was planted where the next tape is written.
#[test]
fn what_a_crash_left_behind_is_removed_by_the_next_keep() {
    let desk = Desk::new(TEXT);
    let new = desk.0.path().join(".input.yaml.tape.new");
    let victim = desk.0.path().join("victim");
    fs::write(&victim, "untouched").expect("written");
    let expected = [desk.kept(), desk.input(), victim.clone()];
    let check = |kind: &str| {
        let _ = fs::remove_file(desk.kept());
        assert!(!open(&desk.input()).expect(kind).is_reopened(), "{kind}");
        assert!(open(&desk.input()).expect(kind).is_reopened(), "{kind}");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "untouched");
    };
    fs::write(&new, "a part of a tape").expect("written");
    check("a part");
    assert_eq!(names(desk.0.path()), expected);
    fs::hard_link(&victim, &new).expect("linked");
    check("a hard link");
    symlink(&victim, &new).expect("linked");
    check("a symbolic link");
    assert_eq!(names(desk.0.path()), expected);
    with_each_kind(&new, |kind| {
        if kind != "a directory" {
            check(kind);
        }
    });
    assert_eq!(names(desk.0.path()), expected);
}

/// The input of processes that are killed while they parse.
fn large() -> String {
    (0..400_000).map(|number| format!("- {{a: {number}, b: [1, 2]}}\n")).collect()
}

#[test]
fn a_child_that_opens() {
    if let Some(path) = env::var_os(CHILD) {
        let cache = Cache::user().expect("a folder");
        let tape: Tape<Windowed> = Tape::open_cached(Path::new(&path), &cache, &Options::default()).expect("opened");
        println!("nodes {} {}", tape.nodes(), tape.is_reopened());
    }
}

fn child(input: &Path, cache: &Path) -> Command {
    let mut command = Command::new(env::current_exe().expect("a path"));
    command.args(["--exact", "a_child_that_opens", "--nocapture"]).env(CHILD, input).env("XDG_CACHE_HOME", cache);
    command.stdout(Stdio::piped());
    command
}

#[test]
fn processes_that_are_killed_leave_at_most_one_file() {
    let desk = Desk::new(&large());
    let cache = desk.0.path().join("cache");
    let folder = cache.join("span-tape");
    for _ in 0..3 {
        let mut child = child(&desk.input(), &cache).spawn().expect("started");
        let started = Instant::now();
        while !folder.is_dir() || names(&folder).is_empty() {
            assert!(started.elapsed() < Duration::from_secs(60), "a file while it parses");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().and_then(|()| child.wait()).expect("killed");
        assert!(names(&folder).len() <= 2, "{:?}", names(&folder));
    }
    let output = child(&desk.input(), &cache).output().expect("finished");
    assert!(output.status.success());
    let names = names(&folder);
    assert!(matches!(&names[..], [kept] if kept.extension().is_some_and(|it| it == "tape")), "{names:?}");
}

#[test]
fn the_folder_of_the_user_is_private() {
    let desk = Desk::new(TEXT);
    let cache = desk.0.path().join("a/cache");
    for is_reopened in [false, true] {
        let output = child(&desk.input(), &cache).output().expect("finished");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!(" {is_reopened}\n")), "{text}");
    }
    let metadata = fs::metadata(cache.join("span-tape")).expect("a folder");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_kept_tape_is_not_readable_by_more_than_its_input() {
    for mode in [0o600, 0o640, 0o644] {
        let desk = Desk::new(TEXT);
        fs::set_permissions(desk.input(), fs::Permissions::from_mode(mode)).expect("set");
        desk.open();
        let kept = fs::metadata(desk.kept()).expect("kept");
        assert_eq!(kept.mode() & 0o777 & !mode, 0, "{mode:o}");
        assert!(desk.open().is_reopened());
    }
}

#[test]
fn a_kept_tape_that_others_may_write_is_not_used() {
    let desk = Desk::new(TEXT);
    for mode in [0o620, 0o602, 0o666] {
        desk.open();
        assert!(desk.open().is_reopened());
        fs::set_permissions(desk.kept(), fs::Permissions::from_mode(mode)).expect("set");
        assert!(!desk.open().is_reopened(), "{mode:o}");
    }
}
