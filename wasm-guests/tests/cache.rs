//! The cache of precompiled guests: valid entries are kept, all others are rebuilt, and no reader sees a partial entry.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use wasm_guests::{Cache, Error, guest};

/// A cache in a temporary folder, whose compiler counts its calls.
struct Counted {
    folder: TempDir,
    calls: AtomicUsize,
}

impl Counted {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), calls: AtomicUsize::new(0) }
    }

    fn get(&self, name: &str, engine: &str) -> PathBuf {
        let compile = |wasm: &[u8]| {
            self.calls.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>([b"compiled: ", wasm].concat())
        };
        Cache::at(self.folder.path()).precompiled(&guest(name).unwrap(), engine, compile).unwrap()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn checksum(path: &Path) -> PathBuf {
    path.with_added_extension("sha256")
}

/// The files of a folder, except the cache's lock.
fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != ".lock").collect()
}

#[test]
fn a_guest_is_compiled_once() {
    let cache = Counted::new();
    let path = cache.get("tiny", "engine 1");
    let compiled = fs::read(&path).unwrap();
    assert_eq!(compiled, [b"compiled: ", &guest("tiny").unwrap().wasm().unwrap()[..]].concat());
    for _ in 0..3 {
        assert_eq!(cache.get("tiny", "engine 1"), path);
    }
    assert_eq!(cache.calls(), 1);
    assert_eq!(entries(cache.folder.path()).len(), 2);
}

#[test]
fn each_engine_and_guest_has_a_separate_entry() {
    let cache = Counted::new();
    let paths = [cache.get("tiny", "engine 1"), cache.get("tiny", "engine 2"), cache.get("toucher", "engine 1")];
    assert_eq!(cache.calls(), 3);
    assert!(paths[0] != paths[1] && paths[1] != paths[2]);
    assert_eq!(paths, [cache.get("tiny", "engine 1"), cache.get("tiny", "engine 2"), cache.get("toucher", "engine 1")]);
    assert_eq!(cache.calls(), 3);
}

#[test]
fn the_path_is_absolute_with_the_guest_and_a_16_digit_key() {
    let cache = Counted::new();
    let path = cache.get("tiny", "engine 1");
    assert!(path.is_absolute());
    let name = path.file_name().unwrap().to_str().unwrap();
    let key = name.strip_prefix("tiny-").unwrap().strip_suffix(".cwasm").unwrap();
    assert!(key.len() == 16 && key.chars().all(|c| c.is_ascii_hexdigit()), "{name}");
}

#[test]
fn damaged_entries_are_rebuilt() {
    type Spoil = fn(&Path);
    let ways: [(&str, Spoil); 8] = [
        ("truncated", |path| fs::write(path, &fs::read(path).unwrap()[..20]).unwrap()),
        ("emptied", |path| fs::write(path, "").unwrap()),
        ("altered in one bit", |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[15] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("lengthened", |path| fs::write(path, [&fs::read(path).unwrap()[..], b"\0"].concat()).unwrap()),
        ("removed", |path| fs::remove_file(path).unwrap()),
        ("without checksum", |path| fs::remove_file(checksum(path)).unwrap()),
        ("with an empty checksum", |path| fs::write(checksum(path), "").unwrap()),
        ("with a checksum that is not text", |path| fs::write(checksum(path), b"\xff\xfe").unwrap()),
    ];
    let cache = Counted::new();
    let path = cache.get("tiny", "engine 1");
    let sound = fs::read(&path).unwrap();
    for (made, (way, spoil)) in (1..).zip(ways) {
        assert_eq!(cache.calls(), made, "before: {way}");
        spoil(&path);
        assert_eq!(cache.get("tiny", "engine 1"), path, "{way}");
        assert_eq!(cache.calls(), made + 1, "{way}");
        assert_eq!(fs::read(&path).unwrap(), sound, "{way}");
        cache.get("tiny", "engine 1");
    }
}

#[test]
fn the_checksum_of_another_entry_is_not_accepted() {
    let cache = Counted::new();
    let (tiny, toucher) = (cache.get("tiny", "engine 1"), cache.get("toucher", "engine 1"));
    fs::copy(&toucher, &tiny).unwrap();
    fs::copy(checksum(&toucher), checksum(&tiny)).unwrap();
    cache.get("tiny", "engine 1");
    assert_eq!(cache.calls(), 3);
}

#[test]
fn a_compile_error_is_returned_and_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |_: &[u8]| Err::<Vec<u8>, _>("no such instruction");
    let error = Cache::at(folder.path()).precompiled(&guest("tiny").unwrap(), "engine 1", refuse).unwrap_err();
    let Error::Compile { name, engine, source } = error else { panic!("{error:?}") };
    assert_eq!((&*name, &*engine, &*source.to_string()), ("tiny", "engine 1", "no such instruction"));
    assert_eq!(entries(folder.path()), [""; 0]);
}

#[test]
fn a_panicking_compiler_releases_the_lock() {
    let cache = Counted::new();
    let (folder, tiny) = (cache.folder.path(), guest("tiny").unwrap());
    let panicked = std::panic::catch_unwind(|| {
        Cache::at(folder).precompiled(&tiny, "engine 1", |_| -> Result<_, Infallible> { panic!("on purpose") })
    });
    assert!(panicked.is_err());
    cache.get("tiny", "engine 1");
    assert_eq!(cache.calls(), 1);
}

#[test]
fn concurrent_threads_share_one_compilation() {
    const THREADS: usize = 4;
    for _ in 0..20 {
        let (cache, start) = (Counted::new(), Barrier::new(THREADS));
        let sound = [b"compiled: ", &guest("toucher").unwrap().wasm().unwrap()[..]].concat();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    let path = cache.get("toucher", "engine 1");
                    assert_eq!(fs::read(path).unwrap(), sound);
                });
            }
        });
        assert_eq!(cache.calls(), 1);
        assert_eq!(entries(cache.folder.path()).len(), 2);
    }
}

#[test]
fn the_error_for_an_unusable_folder_contains_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let compile = |_: &[u8]| Ok::<_, Infallible>(Vec::new());
    let error = Cache::at(file.join("cache")).precompiled(&guest("tiny").unwrap(), "e", compile).unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn a_placed_file_is_found_only_while_it_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    assert_eq!(cache.placed("program.wasm").unwrap(), None);
    let placed = cache.place("program.wasm", b"program").unwrap();
    assert_eq!(cache.placed("program.wasm").unwrap(), Some(placed.clone()));
    fs::write(&placed.path, b"another").unwrap();
    assert_eq!(cache.placed("program.wasm").unwrap(), None);
}

#[test]
fn partial_folders_are_refilled_and_complete_ones_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let half = cache.folder("library", |path| {
        fs::write(path.join("half"), "").unwrap();
        cache_error()
    });
    assert!(half.is_err());
    assert!(!folder.path().join("library").exists());
    let path =
        cache.folder("library", |path| fs::write(path.join("whole"), "").map_err(|_| cache_error().unwrap_err()));
    assert_eq!(entries(&path.unwrap()), ["whole"]);
    let kept = cache.folder("library", |_| cache_error());
    assert_eq!(kept.unwrap(), folder.path().join("library"));
}

/// Any error of this crate.
fn cache_error() -> Result<(), Error> {
    guest("no-such").map(drop)
}
