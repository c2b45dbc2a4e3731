//! Tests every reset strategy after jobs that dirty memory in different layouts: clean strategies restore the
//! initial image byte for byte, including globals and tables, and what the others leave is found and
//! reported.

mod common;

use common::{MIB, initial, lacks, live_for};
use forced_commit::{
    GuestCommit, GuestReset, Live,
    commit::ZeroNewPages,
    reset::{Pooled, Refresh, RefreshAndCommit, Reinstantiate, Resident, ZeroAll, ZeroPrefix},
};
use linear_memory::{
    Image, Target, best_reset,
    commit::{Pages, Populate},
    oracle,
    reset::{Discard, RemapImage, RestoreAll, Tracked},
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
fn armed(reset: &mut dyn GuestReset, commit: Populate) -> (Live, Image) {
    let mut live = live_for(reset, BYTES);
    commit.commit(&mut live).expect("commits");
    let image = Image::of(live.memory());
    reset.arm(&mut live, &image).expect("arms");
    (live, image)
}

/// Runs every job twice with a reset after each, and checks the whole state each time.
fn assert_clean(reset: &mut dyn GuestReset, commit: Populate, stays_committed: bool) {
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
    let strategies: [fn() -> Box<dyn GuestReset>; 4] =
        [|| Box::new(RestoreAll), || Box::new(Discard), || Box::new(Tracked::default()), || Box::new(best_reset())];
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
    let strategies: [Box<dyn GuestReset>; 5] = [
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
fn a_refresh_is_clean_and_commits_only_if_asked_to() {
    let declared = forced_commit::guest::Declared::up_to(BYTES);
    let uncommitted = [
        (Box::new(Refresh) as Box<dyn GuestReset>, BYTES - 2 * PAGE),
        (Box::new(RefreshAndCommit), declared.minimum - 2 * PAGE),
    ];
    for (mut reset, uncommitted) in uncommitted {
        let mut live = common::instantiate(wasmtime::Config::new().memory_init_cow(false), declared);
        ZeroNewPages.commit(&mut live).expect("commits");
        let image = Image::of(live.memory());
        for (pages, runs) in JOBS {
            live.call("dirty", pages, runs).expect("a job");
            reset.reset(&mut live, &image).expect("resets");
            let residency = oracle::residency(live.memory()).expect("residency");
            assert_eq!(residency.uncommitted(), uncommitted, "{reset:?}: {residency:?}");
            assert!(live.left(&image).expect("comparable").is_clean());
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
