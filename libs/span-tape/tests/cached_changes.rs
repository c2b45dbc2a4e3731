//! Kept tapes of inputs that change while they are opened: a tape is never kept for bytes that it was not parsed from.

// Not every test binary uses all of it.
#[allow(dead_code)]
#[path = "common/desk.rs"]
mod desk;

use std::{
    env,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use desk::{Desk, dump, parsed};
use memmap2::MmapMut;
use span_tape::{Cache, Error, Options, Source, Tape, Windowed};

/// The variable that makes a test a child process, with the path of the input and what to do.
const CHILD: &str = "SPAN_TAPE_TEST_CHANGES";

/// Two inputs of the same size whose tapes differ, and so do those of their mixtures.
fn versions() -> [String; 2] {
    ["- abcdef\n", "- [a, b]\n"].map(|line| line.repeat(20_000))
}

/// Maps the input and writes a byte, so that further writes do not change the times of the file: the kernel updates
/// them when a page is written for the first time.
fn mapped(desk: &Desk) -> MmapMut {
    let file = File::options().read(true).write(true).open(desk.input()).expect("opened");
    // SAFETY: nothing truncates the file, and only this test reads and writes its bytes.
    let mut map = unsafe { MmapMut::map_mut(&file) }.expect("mapped");
    for at in (0..map.len()).step_by(4096) {
        map[at] = std::hint::black_box(map[at]);
    }
    file.set_modified(SystemTime::now()).expect("set");
    map
}

/// No time of the input shows that it was written.
#[test]
fn a_tape_is_kept_for_the_bytes_that_it_was_parsed_from() {
    let [first, second] = versions();
    let desk = Desk::new(&first);
    let expected = [&first, &second].map(|text| parsed(text));
    let (mut rounds, started) = (0, Instant::now());
    while rounds < 40 {
        assert!(started.elapsed() < Duration::from_secs(120), "only {rounds} rounds were fast enough");
        let round = Instant::now();
        let _ = fs::remove_file(desk.kept());
        let mut map = mapped(&desk);
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for text in [&second, &first].into_iter().cycle() {
                    map.copy_from_slice(text.as_bytes());
                    thread::sleep(Duration::from_micros(500));
                    if is_done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            // It may fail: a line that is half of each version is not valid.
            let _ = Tape::<Windowed>::open_cached(&desk.input(), &Cache::beside(), &Options::default());
            is_done.store(true, Ordering::Relaxed);
        });
        let last = usize::from(map[..] == *second.as_bytes());
        for _ in 0..2 {
            let found = dump(&desk.open());
            // Otherwise, the input looks as if it had not been written for a while.
            if round.elapsed() < Duration::from_millis(1500) {
                assert!(found == expected[last], "the tape of another version, after {rounds} rounds");
                rounds += 1;
            }
        }
    }
}

/// Even if the metadata of the input claims that it is the same.
#[test]
fn what_is_mapped_is_text_whatever_its_metadata_claims() {
    let desk = Desk::new("- abcd\n- efgh\n");
    let mut map = mapped(&desk);
    desk.settle();
    map[3] = 0xff;
    // SAFETY: nothing modifies the files from here on.
    let tape = unsafe { Tape::map_cached(&desk.input(), &Cache::beside(), &Options::default()) };
    let Ok(tape) = tape else { return };
    let root = tape.documents().next().and_then(|document| document.root()).expect("a root");
    let texts: Vec<_> = root.children().map(|child| child.text()).collect();
    assert!(matches!(&texts[..], [Err(Error::Changed { offset: 2, .. }), Ok(text)] if text == "efgh"), "{texts:?}");
    assert!(span_tape::InMemory::whole(tape.source()).len() < 4);
}

/// The version that all items of a tape have, and their number.
fn version_of<S: Source>(tape: &Tape<S>) -> Result<Option<(String, usize)>, Error> {
    let mut found: Option<(String, usize)> = None;
    for item in tape.documents().filter_map(|document| document.root()).flat_map(|root| root.children()) {
        let Some(text) = item.get("version")?.map(|node| node.text()).transpose()? else { return Ok(None) };
        match &mut found {
            Some((version, count)) if *version == *text => *count += 1,
            Some(_) => return Ok(None),
            None => found = Some((text.into_owned(), 1)),
        }
    }
    Ok(found)
}

const ITEMS: usize = 3000;

/// All versions have the same size, and every other one has another structure.
fn numbered(number: usize) -> String {
    let more = if number.is_multiple_of(2) { "[x, y]" } else { "abcdef" };
    format!("- {{version: {number:04}, more: {more}}}\n").repeat(ITEMS)
}

#[test]
fn a_child_that_writes_or_opens() {
    let (Some(path), Some(action)) = (env::var_os(CHILD), env::var_os("ACTION")) else { return };
    let path = Path::new(&path);
    let file = File::options().write(true).open(path).expect("opened");
    let new = path.with_file_name("next");
    for number in 0..60 {
        let text = numbered(number);
        match action.to_str() {
            Some("rename") => fs::write(&new, text).and_then(|()| fs::rename(&new, path)).expect("replaced"),
            Some("in place") => file.write_all_at(text.as_bytes(), 0).expect("written"),
            Some("truncate") => fs::write(path, text).expect("written"),
            Some("open whole") => {
                let tape: Tape<Windowed> =
                    Tape::open_cached(path, &Cache::beside(), &Options::default()).expect("a version written whole");
                let (_, count) = version_of(&tape).expect("read").expect("one version");
                assert_eq!(count, ITEMS);
            }
            // An input that is half of each version may be an error; it must not be a panic.
            _ => {
                if let Ok(tape) = Tape::<Windowed>::open_cached(path, &Cache::beside(), &Options::default()) {
                    let _ = version_of(&tape);
                }
            }
        }
    }
}

#[test]
fn processes_that_open_while_another_rewrites_agree_with_a_parse() {
    for (write, open) in [("rename", "open whole"), ("in place", "open any"), ("truncate", "open any")] {
        for round in 0..6 {
            let desk = Desk::new(&numbered(0));
            let start = |action| {
                let mut child = Command::new(env::current_exe().expect("a path"));
                child.args(["--exact", "a_child_that_writes_or_opens", "--nocapture"]);
                child.env(CHILD, desk.input()).env("ACTION", action).spawn().expect("started")
            };
            for mut child in [write, open, open].map(start) {
                assert!(child.wait().expect("finished").success(), "{write}, round {round}");
            }
            let expected = parsed(&numbered(59));
            for _ in 0..2 {
                assert!(dump(&desk.open()) == expected, "{write}, round {round}");
                // SAFETY: the process that wrote the files has ended.
                let mapped = unsafe { Tape::map_cached(&desk.input(), &Cache::beside(), &Options::default()) };
                assert!(dump(&mapped.expect("opened")) == expected, "{write}, round {round}");
            }
            assert_eq!(fs::read_dir(desk.0.path()).expect("a list").count(), 2, "{write}, round {round}");
        }
    }
}
