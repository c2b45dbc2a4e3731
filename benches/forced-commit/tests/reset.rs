//! Tests every reset strategy after jobs that dirty memory in different layouts: clean strategies restore the
//! initial image byte for byte, including globals and tables, and what the others leave is found and
//! reported.

mod common;

use common::{MIB, initial, lacks, live_for};
use forced_commit::{
    Commit, Error, Image, Live, Reset, Target, best_reset,
    commit::{Pages, Populate},
    oracle,
    reset::{Discard, Pooled, Reinstantiate, RemapImage, Resident, RestoreAll, Tracked, ZeroAll, ZeroPrefix},
};

const BYTES: u64 = 32 * MIB;
const PAGE: u64 = 4096;
const PAGES: u32 = (BYTES / PAGE) as u32;

/// Jobs, as pages dirtied and number of runs.
const JOBS: [(u32, u32); 7] = [
    (0, 0),       // only globals and the table
    (256, 1),     // the prefix, including data segments
    (256, 32),    // as many runs as a pool's scan returns
    (256, 256),   // single pages
    (2048, 2048), // more runs than one call protects, and dense enough to stop tracking
    (PAGES, 1),   // everything
    (1, 1),       // sparse again
];

/// A committed guest and its image, with the strategy armed.
fn armed(reset: &mut dyn Reset, commit: Populate) -> (Live, Image) {
    let mut live = live_for(reset, BYTES);
    commit.commit(&mut live).expect("commits");
    let image = Image::of(live.memory());
    reset.arm(&mut live, &image).expect("arms");
    (live, image)
}

/// Runs every job twice with a reset after each, and checks the whole state each time.
fn assert_clean(reset: &mut dyn Reset, commit: Populate, stays_committed: bool) {
    let name = format!("{reset:?}");
    let (mut live, image) = armed(reset, commit);
    let initial = initial(BYTES);
    for (pages, runs) in JOBS.into_iter().chain(JOBS) {
        live.call("dirty", pages, runs).expect("a job");
        let dirty = live.left(&image).expect("comparable");
        assert!(!dirty.is_clean() && dirty.globals > 0 && dirty.elements == 1, "{dirty:?}");
        reset.reset(&mut live, &image).expect("resets");
        let left = live.left(&image).expect("comparable");
        assert!(left.is_clean(), "{name} after {pages} pages in {runs} runs: {left}");
        if stays_committed {
            let residency = oracle::residency(live.memory()).expect("residency");
            assert_eq!(residency.uncommitted(), 0, "{name} after {pages} pages in {runs} runs");
        }
        assert!(live.memory() == initial, "{name} after {pages} pages in {runs} runs");
    }
}

const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

#[test]
fn committed_resets_are_clean_after_every_job() {
    let strategies: [fn() -> Box<dyn Reset>; 4] =
        [|| Box::new(RestoreAll), || Box::new(Discard), || Box::new(Tracked::default()), best_reset];
    for make in strategies {
        for commit in [Populate::CHUNKED, HUGE] {
            let mut reset = make();
            if !lacks(&format!("{reset:?}"), reset.supported().and(commit.supported())) {
                assert_clean(&mut *reset, commit, true);
            }
        }
    }
}

#[test]
fn uncommitted_resets_are_clean_after_every_job() {
    let strategies: [Box<dyn Reset>; 5] = [
        Box::new(Reinstantiate),
        Box::new(Pooled(Resident::Nothing)),
        Box::new(Pooled(Resident::Memset)),
        Box::new(Pooled(Resident::Scan)),
        Box::new(RemapImage::default()),
    ];
    for mut reset in strategies {
        if !lacks(&format!("{reset:?}"), reset.supported()) {
            assert_clean(&mut *reset, Populate::CHUNKED, false);
        }
    }
}

#[test]
fn zeroing_wipes_data_segments_but_not_globals_and_tables() {
    let (mut live, image) = armed(&mut ZeroAll, Populate::CHUNKED);
    live.call("dirty", 256, 32).expect("a job");
    ZeroAll.reset(&mut live, &image).expect("zeroes");
    let left = live.left(&image).expect("comparable");
    // The bytes of the two data segments.
    assert_eq!((left.memory.bytes, left.memory.first), (40 + 10, Some(1024)));
    assert_eq!((left.globals, left.elements), (3, 1));
    assert!(left.to_string().starts_with("unclean: 50 bytes of memory starting at 0x400"), "{left}");
}

#[test]
fn zeroing_the_used_prefix_leaves_dirt_beyond_it() {
    let (mut live, image) = armed(&mut ZeroPrefix, Populate::CHUNKED);
    live.call("dirty", 256, 32).expect("a job");
    ZeroPrefix.reset(&mut live, &image).expect("zeroes");
    let left = live.left(&image).expect("comparable");
    // 32 runs of 8 pages over the memory; the prefix of 256 pages contains only the first run.
    assert_eq!(left.memory.bytes, 31 * 8 * PAGE + 50);
}

#[test]
fn a_single_unclean_byte_is_found_anywhere() {
    let (mut live, image) = armed(&mut RestoreAll, Populate::CHUNKED);
    for at in [0, 1023, 1024, 199_999, 200_010, 4096 * 4711 + 5, BYTES as usize - 1] {
        live.memory()[at] ^= 1;
        let left = live.left(&image).expect("comparable");
        assert_eq!((left.memory.bytes, left.memory.first), (1, Some(at)));
        live.memory()[at] ^= 1;
        assert!(live.left(&image).expect("comparable").is_clean());
    }
}

#[test]
fn tracking_restores_only_written_pages() {
    let mut reset = Tracked::default();
    if lacks("tracking", reset.supported()) {
        return;
    }
    let restored = reset.restored();
    let (mut live, image) = armed(&mut reset, Populate::CHUNKED);
    for (job, at) in [0, PAGE as usize * 100, BYTES as usize - 1].into_iter().enumerate() {
        live.memory()[at] = 0xAB;
        reset.reset(&mut live, &image).expect("resets");
        assert_eq!((restored.tracked(), restored.bytes()), (job as u64 + 1, (job as u64 + 1) * PAGE));
        assert!(live.left(&image).expect("comparable").is_clean());
    }
    // Pages are protected again: a second write to the same page is found.
    live.memory()[0] = 0xAB;
    reset.reset(&mut live, &image).expect("resets");
    assert_eq!(restored.bytes(), 4 * PAGE);
}

#[test]
fn dense_jobs_run_unprotected_until_jobs_are_sparse_again() {
    let mut reset = Tracked::default();
    if lacks("tracking", reset.supported()) {
        return;
    }
    let restored = reset.restored();
    let (mut live, image) = armed(&mut reset, Populate::CHUNKED);
    live.call("dirty", PAGES / 2, 1).expect("a dense job");
    reset.reset(&mut live, &image).expect("resets");
    assert_eq!((restored.tracked(), restored.whole()), (0, 1));
    assert_eq!(oracle::retouch(live.memory()), 0, "a dense job must not take write-protect faults");
    let mut jobs = 0;
    while restored.tracked() == 0 {
        live.call("dirty", 1, 1).expect("a sparse job");
        reset.reset(&mut live, &image).expect("resets");
        jobs += 1;
        assert!(jobs < 5_000, "sparse jobs are never detected");
    }
    assert!(live.left(&image).expect("comparable").is_clean());
}

#[test]
fn in_place_resets_reject_a_memory_that_grew() {
    let mut live = common::instantiate(&wasmtime::Config::new(), forced_commit::guest::Declared::up_to(BYTES));
    let image = Image::of(live.memory()).grown_to(BYTES as usize);
    match RestoreAll.reset(&mut live, &image) {
        Err(Error::Grown { initial, now }) => assert_eq!((initial as u64, now), (BYTES, 4 << 16)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unarmed_reset_is_an_error() {
    let (mut live, image) = armed(&mut RestoreAll, Populate::CHUNKED);
    for reset in [&mut Tracked::default() as &mut dyn Reset, &mut RemapImage::default()] {
        let error = reset.reset(&mut live, &image).expect_err("not armed").to_string();
        assert_eq!(error, "the target cannot be reset: the reset was not armed");
    }
}
