//! Tests every commit strategy against the oracle: committing strategies commit every page and preserve its
//! contents, and the oracle reports the negative controls as uncommitted.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{Guest, MIB, assert_initial, initial, lacks};
use linear_memory::{
    Commit, Error, Headroom, Target, best,
    commit::{Guarded, Lock, LockOnFault, Pages, Populate, PopulateRead, ReadOsPages, Threads, TouchOsPages, WillNeed},
    oracle,
};

const BYTES: u64 = 64 * MIB;
const PAGE: u64 = 4096;

const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

#[test]
fn committing_strategies_leave_no_page_uncommitted() {
    let strategies: [Box<dyn Commit>; 13] = [
        Box::new(TouchOsPages),
        Box::new(Populate::WHOLE),
        Box::new(Populate::CHUNKED),
        Box::new(Populate { threads: Threads::Exactly(2), ..Populate::CHUNKED }),
        Box::new(HUGE),
        Box::new(Populate { threads: Threads::Exactly(2), ..HUGE }),
        Box::new(Populate { threads: Threads::Measured, ..HUGE }),
        Box::new(Lock),
        Box::new(Guarded::new(Populate { threads: Threads::Exactly(3), ..Populate::CHUNKED })),
        Box::new(Guarded::new(Populate { threads: Threads::Measured, ..HUGE })),
        Box::new(Guarded::new(Populate::CHUNKED)),
        Box::new(Guarded::new(HUGE)),
        best(),
    ];
    for strategy in strategies {
        let name = format!("{strategy:?}");
        if lacks(&name, strategy.supported()) {
            continue;
        }
        let mut guest = Guest::new(BYTES);
        strategy.commit(&mut guest).expect("commits");
        let residency = oracle::residency(guest.memory()).expect("residency");
        assert_eq!((residency.bytes, residency.uncommitted()), (BYTES, 0), "{name}: {residency:?}");
        assert_eq!(oracle::first_uncommitted(guest.memory()).expect("residency"), None, "{name}");
        assert_eq!(oracle::retouch(guest.memory()), 0, "{name}");
        assert_initial(guest.memory());
    }
}

#[test]
fn the_oracle_reports_negative_controls_as_uncommitted() {
    let controls: [Box<dyn Commit>; 4] =
        [Box::new(ReadOsPages), Box::new(PopulateRead), Box::new(WillNeed), Box::new(LockOnFault)];
    for control in controls {
        let mut guest = Guest::new(BYTES);
        control.commit(&mut guest).expect("succeeds");
        let residency = oracle::residency(guest.memory()).expect("residency");
        assert_eq!(residency.committed(), 2 * PAGE, "the pages of the data segments: {control:?}: {residency:?}");
        assert!(oracle::retouch(guest.memory()) >= (BYTES - 2 * PAGE) / PAGE, "{control:?}");
    }
}

/// With huge pages allowed, a read maps the huge zero page, which the scan mistakes for a private page. The
/// counters do not.
#[test]
fn the_huge_zero_page_counts_as_uncommitted() {
    if lacks("huge pages", HUGE.supported()) {
        return;
    }
    let mut guest = Guest::new(BYTES);
    // Allows huge pages, and commits only a part.
    HUGE.commit(&mut &mut guest.memory()[..4 << 20]).expect("commits");
    common::sys::allow_huge_pages(guest.memory());
    ReadOsPages.commit(&mut guest).expect("reads");
    let residency = oracle::residency(guest.memory()).expect("residency");
    assert!(residency.committed() <= 8 * MIB, "{residency:?}");
    assert!(oracle::retouch(guest.memory()) > 0);
}

#[test]
fn a_single_uncommitted_page_is_found() {
    let mut guest = Guest::new(BYTES);
    let page = 4711 * PAGE as usize;
    for part in [0..page, page + PAGE as usize..BYTES as usize] {
        Populate::WHOLE.commit(&mut &mut guest.memory()[part]).expect("commits all but a page");
    }
    let residency = oracle::residency(guest.memory()).expect("residency");
    assert_eq!(residency.uncommitted(), PAGE, "{residency:?}");
    assert_eq!(oracle::first_uncommitted(guest.memory()).expect("residency"), Some(page));
    assert_eq!(oracle::retouch(guest.memory()), 1);
}

#[test]
fn a_guarded_commit_without_headroom_commits_nothing() {
    let mut guest = Guest::new(BYTES);
    let guarded = Guarded::within(Populate::CHUNKED, Headroom::with_budget(Vec::new(), || 40 * MIB, 0));
    match guarded.commit(&mut guest) {
        Err(Error::NoHeadroom(refusal)) => {
            assert_eq!((refusal.needed, refusal.available), (BYTES - 2 * PAGE, 40 * MIB));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(oracle::residency(guest.memory()).expect("residency").committed(), 2 * PAGE);
}

/// Other processes take memory while the third round is committed.
#[test]
fn a_guarded_commit_that_loses_headroom_rolls_back() {
    let mut guest = Guest::new(BYTES);
    let before = oracle::residency(guest.memory()).expect("residency").committed();
    assert_eq!(before, 2 * PAGE, "the pages of the data segments");
    let checks = AtomicU64::new(0);
    let budget = move || if checks.fetch_add(1, Ordering::Relaxed) < 3 { BYTES } else { MIB };
    let guarded = Guarded::within(Populate::CHUNKED, Headroom::with_budget(Vec::new(), budget, 0));
    match guarded.commit(&mut guest) {
        Err(Error::NoHeadroom(refusal)) => {
            // Populated so far: three rounds, each of which ends on a 16 MiB boundary.
            assert_eq!((refusal.needed, refusal.available), (BYTES - 48 * MIB, MIB));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(oracle::residency(guest.memory()).expect("residency").committed(), before);
    assert!(guest.memory() == initial(BYTES));
    let enough = Guarded::within(Populate::CHUNKED, Headroom::with_budget(Vec::new(), || BYTES, 0));
    enough.commit(&mut guest).expect("fits");
    assert_eq!(oracle::residency(guest.memory()).expect("residency").uncommitted(), 0);
}

#[test]
fn memory_that_is_not_whole_pages_is_rejected() {
    let mut guest = Guest::new(BYTES);
    let error = Populate::WHOLE.commit(&mut &mut guest.memory()[1..]).expect_err("half a page").to_string();
    assert!(error.contains("whole pages"), "{error}");
}
