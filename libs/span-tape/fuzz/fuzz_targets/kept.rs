//! Fuzzes kept tapes: a reopened tape gives the same answers as a parsed one, whatever became of its file and whatever
//! options it is opened with. The first bytes say what happens to the file, the others are the input.
#![no_main]

use std::{
    fs,
    path::{Path, PathBuf},
};

use libfuzzer_sys::fuzz_target;
use span_tape::{Cache, Decoding, Indentation, Mapped, Options, Pages, Tape, Windowed, Word};
use span_tape_fuzz::answers;

/// A folder of this process.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kept-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

thread_local! {
    static FOLDER: PathBuf = folder();
}

/// The options that the bits of a byte choose.
fn options(bits: u8) -> Options {
    Options {
        decoding: if bits & 1 == 0 { Decoding::Lazy } else { Decoding::Eager },
        indentation: if bits & 2 == 0 { Indentation::Strict } else { Indentation::Lenient },
        merge_keys: bits & 4 != 0,
        window: if bits & 8 == 0 { 64 } else { span_tape::WINDOW },
        ..Options::default()
    }
}

/// Damages the file of a kept tape: cuts it, changes a byte, adds one, or exchanges it for the input.
fn damage(kept: &Path, input: &[u8], how: u8, place: u16) {
    let Ok(mut bytes) = fs::read(kept) else { return };
    let at = usize::from(place) % (bytes.len() + 1);
    match how % 5 {
        0 => return,
        1 => bytes.truncate(at),
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= how | 1;
            }
        }
        3 => bytes.insert(at, how),
        _ => bytes = input.to_vec(),
    }
    fs::write(kept, bytes).expect("written");
}

fuzz_target!(|data: &[u8]| {
    let [first, second, how, low, high, yaml @ ..] = data else { return };
    FOLDER.with(|folder| {
        let (path, cache) = (folder.join("input"), Cache::in_folder(folder.join("tapes")));
        fs::write(&path, yaml).expect("written");
        let (first, second) = (options(*first), options(*second));
        let open = |options: &Options| Tape::open_cached(&path, &cache, options);
        let decoded = |options: &Options| {
            let tape: Result<Tape<Windowed>, _> = Tape::open(&path, options);
            tape.map(|tape| answers(&tape)).map_err(|error| error.to_string())
        };
        // A kept tape is decoded lazily. Eagerly, scalars stay in the window, so that other parts of the file are read
        // ahead: of several faults, another may be met first.
        let parsed = |options: &Options| {
            let lazily = decoded(&Options { decoding: Decoding::Lazy, ..*options });
            assert_eq!(lazily.as_ref().ok(), decoded(options).as_ref().ok());
            lazily
        };
        let reopened = |options: &Options| {
            let tape = open(options);
            tape.map(|tape| answers(&tape)).map_err(|error| error.to_string())
        };
        // Written, read again, opened with other options, and opened after damage, twice.
        for options in [&first, &first, &second, &first] {
            assert_eq!(reopened(options), parsed(options));
        }
        damage(&cache.path_of(&path).expect("a path"), yaml, *how, u16::from_le_bytes([*low, *high]));
        for options in [&first, &first, &second] {
            assert_eq!(reopened(options), parsed(options));
            // SAFETY: only this process uses the files, and it does not change them while they are mapped.
            let mapped = unsafe { Tape::map_cached(&path, &cache, options) };
            let mapped = mapped.map(|tape| answers(&tape)).map_err(|error| error.to_string());
            // A mapping is checked before it is parsed, so of several faults it may report another.
            assert_eq!(mapped.as_ref().ok(), parsed(options).as_ref().ok());
            // SAFETY: as above.
            let whole = unsafe { Mapped::open(&path, Pages::Stay, &options.limits) };
            let tape = whole.and_then(|whole| Tape::<_, Word>::parse(whole, options));
            assert_eq!(mapped, tape.map(|tape| answers(&tape)).map_err(|error| error.to_string()));
        }
    });
});
