//! The committed artefacts match the manifest, and the modules have the expected shapes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use wasm_guests::{Shape, check::check, guest, guests};

/// Name, exports except the linker's (`__*`), declared wasm pages, initialised bytes.
const PROMISED: &[(&str, &[&str], u64, u64)] = &[
    (
        "actor",
        &[
            "memory",
            "binary_copy",
            "binary_in_place",
            "buffer_heap",
            "buffer_stack",
            "cache_bounded",
            "cache_unbounded",
            "cycle",
            "cycle_weak",
            "echo",
            "grow",
            "handlers_cleared",
            "handlers_kept",
            "input_chunks",
            "input_whole",
            "keep",
            "map_btree",
            "map_hash",
            "map_sorted",
            "memory_pages",
            "out_of_bounds",
            "process",
            "process_msgpack",
            "raw_alloc",
            "raw_echo",
            "raw_free",
            "raw_process",
            "state_compact",
            "state_verbose",
            "string_new",
            "string_reuse",
            "vec_capacity",
            "vec_push",
        ],
        3,
        25_064,
    ),
    ("image", &["memory", "run", "sum", "touch"], 161, 10 << 20),
    ("indexer", &["memory", "job"], 290, 8 << 10),
    ("table", &["memory", "init_dense", "init_sparse", "run", "sum", "touch"], 513, 0),
    ("tiny", &["memory", "run"], 1, 0),
    ("toucher", &["memory", "run", "touch"], 17, 0),
];

#[test]
fn the_committed_artefacts_and_sources_match_the_manifest() {
    let problems = check(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(problems.is_empty(), "{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>());
}

#[test]
fn every_guest_has_the_expected_shape() {
    let names: Vec<_> = guests().unwrap().iter().map(|guest| guest.name()).collect();
    assert_eq!(names, PROMISED.iter().map(|promised| promised.0).collect::<Vec<_>>());
    for &(name, exports, memory_pages, data_bytes) in PROMISED {
        let shape = Shape::of(&guest(name).unwrap().wasm().unwrap()).unwrap();
        let own: Vec<_> = shape.exports.iter().filter(|export| !export.starts_with("__")).collect();
        assert_eq!(own, exports, "{name}");
        assert_eq!((shape.memory_pages, shape.data_bytes), (memory_pages, data_bytes), "{name}");
    }
}

#[test]
fn every_page_of_the_image_is_initialised_and_distinct() {
    let wasm = guest("image").unwrap().wasm().unwrap();
    // The data section is the last one, and its only segment ends the module.
    let image = &wasm[wasm.len() - (10 << 20)..];
    let pages: std::collections::BTreeSet<_> = image.chunks(4096).collect();
    assert_eq!(pages.len(), 2560);
    assert!(pages.iter().all(|page| !page.contains(&0)));
}

/// Guests with the standard library, whose panics contain source paths.
const WITH_STD: &[&str] = &["actor"];

#[test]
fn modules_contain_no_paths_and_no_compiler_name() {
    for guest in guests().unwrap() {
        let wasm = guest.wasm().unwrap();
        let sources = [&b"/src/"[..], b".rs", b"rustc"];
        let sources = if WITH_STD.contains(&guest.name()) { &[] } else { &sources[..] };
        for trace in [&b"/work"[..], b"/home", b"/root", b"/tmp"].iter().chain(sources) {
            let found = wasm.windows(trace.len()).any(|window| window == *trace);
            assert!(!found, "{} contains {}", guest.name(), String::from_utf8_lossy(trace));
        }
    }
}

#[test]
fn the_error_for_an_unknown_guest_lists_the_known_ones() {
    let error = guest("tinny").unwrap_err().to_string();
    assert_eq!(error, "unknown guest `tinny`; known guests: actor, image, indexer, table, tiny, toucher");
}
