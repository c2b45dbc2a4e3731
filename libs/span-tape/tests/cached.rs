//! Kept tapes: what is reopened equals what is parsed, whatever happened to the input or to the file of the tape.

#[path = "common/desk.rs"]
mod desk;

use std::{
    fs::{self, File},
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use desk::{Desk, TEXT, dump, parsed};
use proptest::prelude::*;
use span_tape::{Cache, Decoding, Error, Indentation, Limits, Mapped, Options, Pages, Tape, Windowed, Word};

#[test]
fn a_second_opener_reads_the_kept_tape() {
    let desk = Desk::new(TEXT);
    let first = desk.open();
    assert!(!first.is_reopened());
    let second = desk.open();
    assert!(second.is_reopened());
    // SAFETY: nothing modifies the files of this test.
    let mapped = unsafe { Tape::map_cached(&desk.input(), &Cache::beside(), &Options::default()) }.expect("opened");
    assert!(mapped.is_reopened());
    assert_eq!(mapped.nodes(), first.nodes());
    for text in [dump(&first), dump(&second), dump(&mapped)] {
        assert_eq!(text, parsed(TEXT));
    }
}

#[test]
fn a_tape_is_kept_by_either_opener_and_in_any_folder() {
    let desk = Desk::new(TEXT);
    let cache = Cache::in_folder(desk.0.path().join("some/cache"));
    // SAFETY: nothing modifies the files of this test.
    let map = || unsafe { Tape::map_cached(&desk.input(), &cache, &Options::default()) }.expect("opened");
    assert!(!map().is_reopened());
    assert!(map().is_reopened());
    let read: Tape<Windowed> = Tape::open_cached(&desk.input(), &cache, &Options::default()).expect("opened");
    assert!(read.is_reopened());
    let kept = cache.path_of(&desk.input()).expect("a path");
    assert!(kept.is_file() && kept.starts_with(desk.0.path().join("some/cache")));
    assert!(!desk.kept().exists());
    assert_eq!(fs::read_dir(kept.parent().expect("a folder")).expect("a list").count(), 1, "no other files");
}

/// A mapping is checked as a whole before it is parsed, a window is not: of two faults, each reports what it meets first.
#[test]
fn an_input_with_faults_is_rejected_with_or_without_a_kept_tape() {
    let desk = Desk::new(TEXT);
    let options = Options::default();
    for faulty in [&b"a: \x01\nb: \xff\n"[..], b"a: [b\nc: \xff\n", b"a: b\nc: \0\n", b"a: \xff\nb: \x01\n"] {
        fs::write(desk.input(), faulty).expect("written");
        for _ in 0..2 {
            // SAFETY: nothing modifies the files of this test meanwhile.
            let mapped = unsafe { Tape::map_cached(&desk.input(), &Cache::beside(), &options) }.map(drop);
            // SAFETY: as above.
            let whole = unsafe { Mapped::open(&desk.input(), Pages::Stay, &options.limits) };
            let whole = whole.and_then(|whole| Tape::<_, Word>::parse(whole, &options)).map(drop);
            assert_eq!(mapped.expect_err("faulty").to_string(), whole.expect_err("faulty").to_string());
            let read = Tape::open_cached(&desk.input(), &Cache::beside(), &options).map(drop);
            let window = Tape::<Windowed>::open(&desk.input(), &options).map(drop);
            assert_eq!(read.expect_err("faulty").to_string(), window.expect_err("faulty").to_string());
        }
    }
}

#[test]
fn a_changed_input_is_parsed_again() {
    let desk = Desk::new(TEXT);
    desk.settle();
    let old = fs::metadata(desk.input()).expect("metadata");
    for (from, to) in [("host", "hosX"), ("80", "81"), ("*h", "*h\nmore: 1")] {
        let text = TEXT.replace(from, to);
        desk.write(&text);
        // The time of the last modification may be set back.
        let file = File::options().write(true).open(desk.input()).expect("opened");
        file.set_modified(old.modified().expect("a time")).expect("set");
        let tape = desk.open();
        assert!(!tape.is_reopened(), "{to}");
        assert_eq!(dump(&tape), parsed(&text));
        assert!(desk.open().is_reopened());
    }
}

/// Also while its times are too recent to tell.
#[test]
fn a_change_within_the_same_tick_is_noticed() {
    let desk = Desk::new("a: 0\n");
    for number in 1..200 {
        desk.open();
        let text = format!("a: {}\n", number % 10);
        desk.write(&text);
        assert_eq!(dump(&desk.open()), parsed(&text), "{number}");
    }
}

#[test]
fn an_input_with_other_times_and_the_same_content_is_reopened() {
    let desk = Desk::new(TEXT);
    desk.settle();
    let before = fs::read(desk.kept()).expect("kept");
    let file = File::options().write(true).open(desk.input()).expect("opened");
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("set");
    assert!(desk.open().is_reopened());
    assert_ne!(fs::read(desk.kept()).expect("kept"), before, "its new metadata is kept");
    // A copy is another file with the same content.
    let copy = desk.0.path().join("copy");
    fs::copy(desk.input(), &copy).and_then(|_| fs::rename(copy, desk.input())).expect("replaced");
    assert!(desk.open().is_reopened());
}

/// All options, each with a value that gives another result for one of the inputs below.
fn all_options() -> Vec<Options> {
    let options = Options::default();
    let limits = options.limits;
    let limited = |limits| Options { limits, ..options };
    vec![
        options,
        Options { decoding: Decoding::Eager, ..options },
        Options { window: 1, ..options },
        Options { indentation: Indentation::Lenient, ..options },
        Options { merge_keys: true, ..options },
        limited(Limits { input: 100, ..limits }),
        limited(Limits { scalar: 10, ..limits }),
        limited(Limits { depth: 2, ..limits }),
        limited(Limits { nodes: 10, ..limits }),
    ]
}

/// The content of a tape and the node that `a` has after merging, or the message of an error.
fn outcome(tape: Result<Tape<Windowed>, Error>) -> Result<(String, String), String> {
    let tape = tape.map_err(|error| error.to_string())?;
    let root = tape.documents().next().and_then(|document| document.root()).expect("a root");
    let merged = root.get("a").expect("read").map_or_else(String::new, |it| format!("{:?}", it.span()));
    Ok((dump(&tape), merged))
}

#[test]
fn a_tape_of_other_options_is_not_used() {
    // The second is valid with lenient indentation only, and the last has a line that only a large window reads.
    let line = 24 << 20;
    let windows = [Options::default(), Options { window: 32 << 20, ..Options::default() }];
    for (input, options) in [
        (TEXT.to_owned(), all_options()),
        ("a: [\n  1\n]\n".to_owned(), all_options()),
        ("b: &b {a: \"x\\ty\"}\n<<: *b\n".to_owned(), all_options()),
        (format!("a: '{}'\n", "x ".repeat(line / 2)), windows.to_vec()),
    ] {
        let parse = |options: &Options| {
            let desk = Desk::new(&input);
            outcome(Tape::open(&desk.input(), &Options { decoding: Decoding::Lazy, ..*options }))
        };
        let fresh: Vec<_> = options.iter().map(parse).collect();
        assert!(fresh.iter().any(|outcome| *outcome != fresh[0]), "{}", &input[..10]);
        for first in &options {
            for (second, fresh) in options.iter().zip(&fresh) {
                let desk = Desk::new(&input);
                let _ = Tape::<Windowed>::open_cached(&desk.input(), &Cache::beside(), first);
                let found = outcome(Tape::open_cached(&desk.input(), &Cache::beside(), second));
                assert!(found == *fresh, "{}: {first:?}, then {second:?}", &input[..10]);
            }
        }
    }
}

#[test]
fn an_input_opens_where_no_tape_can_be_kept() {
    let desk = Desk::new(TEXT);
    // A file, where the folder should be.
    let cache = Cache::in_folder(desk.input());
    for _ in 0..2 {
        let tape: Tape<Windowed> = Tape::open_cached(&desk.input(), &cache, &Options::default()).expect("opened");
        assert!(!tape.is_reopened());
        assert_eq!(dump(&tape), parsed(TEXT));
    }
    let missing = desk.0.path().join("missing");
    let error = Tape::<Windowed>::open_cached(&missing, &Cache::beside(), &Options::default()).expect_err("missing");
    assert!(error.to_string().starts_with(&missing.display().to_string()), "{error}");
}

#[test]
fn concurrent_openers_agree() {
    let desk = Desk::new(TEXT);
    let expected = parsed(TEXT);
    thread::scope(|scope| {
        for number in 0..4 {
            let (desk, expected) = (&desk, &expected);
            scope.spawn(move || {
                for round in 0..100 {
                    if (round + number) % 7 == 0 {
                        let _ = fs::remove_file(desk.kept());
                    }
                    assert_eq!(dump(&desk.open()), *expected);
                }
            });
        }
    });
    let names = || fs::read_dir(desk.0.path()).expect("a list").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(names().count(), 2, "{:?}", names().collect::<Vec<_>>());
}

/// What both openers see when the file of the tape has this content.
fn with_kept(path: &Path, desk: &Desk, bytes: &[u8]) -> [String; 2] {
    fs::write(path, bytes).expect("written");
    let read = dump(&desk.open());
    fs::write(path, bytes).expect("written");
    // SAFETY: nothing modifies the files while they are mapped.
    let mapped = unsafe { Tape::map_cached(&desk.input(), &Cache::beside(), &Options::default()) }.expect("opened");
    [read, dump(&mapped)]
}

#[test]
fn a_kept_tape_that_was_damaged_anywhere_is_ignored() {
    let desk = Desk::new(TEXT);
    desk.open();
    let whole = fs::read(desk.kept()).expect("kept");
    let expected = parsed(TEXT);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        assert_eq!(with_kept(&desk.kept(), &desk, &damaged), [expected.clone(), expected.clone()], "byte {at}");
        assert_eq!(with_kept(&desk.kept(), &desk, &whole[..at]), [expected.clone(), expected.clone()], "cut at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_place_of_a_kept_tape_are_ignored(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        keeps in 0usize..136,
    ) {
        let desk = Desk::new(TEXT);
        desk.open();
        let whole = fs::read(desk.kept()).expect("kept");
        let mixed: Vec<u8> = whole[..keeps.min(whole.len())].iter().chain(&bytes).copied().collect();
        prop_assert_eq!(with_kept(&desk.kept(), &desk, &mixed), [parsed(TEXT), parsed(TEXT)]);
    }
}
