//! Tests every reset strategy after jobs that dirty memory in different layouts: each restores the initial
//! image byte for byte.

mod common;

use common::{Guest, MIB, assert_initial, lacks};
use linear_memory::{
    Commit, Dirt, Error, Image, Reset, Target, best_reset,
    commit::{Pages, Populate},
    oracle,
    reset::{Discard, RemapImage, RestoreAll, Tracked},
};

const BYTES: u64 = 32 * MIB;
const PAGE: u64 = 4096;
const PAGES: usize = (BYTES / PAGE) as usize;
const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

type Make = fn() -> Box<dyn Reset>;

/// Jobs, as pages dirtied and number of runs.
const JOBS: [(usize, usize); 7] = [
    (0, 0),       // only the global
    (256, 1),     // the prefix, including data segments
    (256, 32),    // as many runs as a pool's scan returns
    (256, 256),   // single pages
    (2048, 2048), // more runs than one call protects, and dense enough to stop tracking
    (PAGES, 1),   // everything
    (1, 1),       // sparse again
];

/// A committed guest and its image, with the strategy armed.
fn armed(reset: &mut dyn Reset, commit: Populate) -> (Guest, Image) {
    let mut guest = Guest::new(BYTES);
    commit.commit(&mut guest).expect("commits");
    let image = Image::of(guest.memory());
    reset.arm(&mut guest, &image).expect("arms");
    (guest, image)
}

#[test]
fn resets_are_clean_after_every_job() {
    // The strategy, and whether the memory stays committed.
    let strategies: [(Make, bool); 5] = [
        (|| Box::new(RestoreAll), true),
        (|| Box::new(Discard), true),
        (|| Box::new(Tracked::default()), true),
        (best_reset, true),
        (|| Box::new(RemapImage::default()), false),
    ];
    for (make, stays_committed) in strategies {
        for commit in [Populate::CHUNKED, HUGE] {
            let mut reset = make();
            let name = format!("{reset:?}");
            if lacks(&name, reset.supported().and(commit.supported())) {
                continue;
            }
            let (mut guest, image) = armed(&mut *reset, commit);
            for (pages, runs) in JOBS.into_iter().chain(JOBS) {
                guest.dirty(pages, runs);
                reset.reset(&mut guest, &image).expect("resets");
                assert_eq!(guest.global, 0, "{name}");
                if stays_committed {
                    let residency = oracle::residency(guest.memory()).expect("residency");
                    assert_eq!(residency.uncommitted(), 0, "{name} after {pages} pages in {runs} runs");
                }
                assert_initial(guest.memory());
            }
        }
    }
}

#[test]
fn a_single_unclean_byte_is_found_anywhere() {
    let (mut guest, image) = armed(&mut RestoreAll, Populate::CHUNKED);
    for at in [0, 1023, 1024, 199_999, 200_010, 4096 * 4711 + 5, BYTES as usize - 1] {
        guest.memory()[at] ^= 1;
        assert_eq!(image.dirt(guest.memory()), Dirt { bytes: 1, first: Some(at) });
        guest.memory()[at] ^= 1;
        assert!(image.dirt(guest.memory()).is_clean());
    }
}

#[test]
fn tracking_restores_only_written_pages() {
    let mut reset = Tracked::default();
    if lacks("tracking", reset.supported()) {
        return;
    }
    let restored = reset.restored();
    let (mut guest, image) = armed(&mut reset, Populate::CHUNKED);
    for (job, at) in [0, PAGE as usize * 100, BYTES as usize - 1].into_iter().enumerate() {
        guest.memory()[at] = 0xAB;
        reset.reset(&mut guest, &image).expect("resets");
        assert_eq!((restored.tracked(), restored.bytes()), (job as u64 + 1, (job as u64 + 1) * PAGE));
        assert!(image.dirt(guest.memory()).is_clean());
    }
    // Pages are protected again: a second write to the same page is found.
    guest.memory()[0] = 0xAB;
    reset.reset(&mut guest, &image).expect("resets");
    assert_eq!(restored.bytes(), 4 * PAGE);
}

#[test]
fn dense_jobs_run_unprotected_until_jobs_are_sparse_again() {
    let mut reset = Tracked::default();
    if lacks("tracking", reset.supported()) {
        return;
    }
    let restored = reset.restored();
    let (mut guest, image) = armed(&mut reset, Populate::CHUNKED);
    for _ in 0..16 {
        guest.dirty(PAGES, 1);
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
    }
    assert!(restored.whole() > 0);
    assert_eq!(oracle::retouch(guest.memory()), 0, "a dense job must not take write-protect faults");
    let tracked = restored.tracked();
    let mut jobs = 0;
    while restored.tracked() == tracked {
        guest.dirty(1, 1);
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
        jobs += 1;
        assert!(jobs <= 16, "sparse jobs are not noticed");
    }
}

/// Every second page: more runs than are listed, so they are restored while the page tables are scanned.
#[test]
fn more_runs_than_the_list_holds_are_restored() {
    let mut reset = Tracked::default();
    if lacks("tracking", reset.supported()) {
        return;
    }
    let (mut guest, image) = armed(&mut reset, Populate::CHUNKED);
    for _ in 0..3 {
        for page in guest.memory().chunks_mut(2 * PAGE as usize) {
            page[0] = 1;
        }
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
    }
    assert!(reset.restored().tracked() > 0 && reset.restored().bytes() >= BYTES / 2);
}

#[test]
fn in_place_resets_reject_a_memory_that_grew() {
    let mut guest = Guest::new(4 << 16);
    let image = Image::of(guest.memory()).grown_to(BYTES as usize);
    match RestoreAll.reset(&mut guest, &image) {
        Err(Error::Grown { initial, now }) => assert_eq!((initial as u64, now), (BYTES, 4 << 16)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unarmed_reset_is_an_error() {
    let (mut guest, image) = armed(&mut RestoreAll, Populate::CHUNKED);
    for reset in [&mut Tracked::default() as &mut dyn Reset, &mut RemapImage::default()] {
        let error = reset.reset(&mut guest, &image).expect_err("not armed").to_string();
        assert_eq!(error, "the target cannot be reset: the reset was not armed");
    }
}
