//! Tests every commit strategy against the oracle: committing strategies commit every page and keep the
//! initial image, and the oracle reports the negative controls as uncommitted.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{MIB, initial, instantiate, lacks, live};
use forced_commit::{
    Commit, Error, Headroom, Image, Target, best,
    commit::{
        DeclaredMinimum, Deferred, Guarded, GuestProbe, HostMemory, Lock, LockOnFault, Pages, Populate, PopulateRead,
        ReadOsPages, StaticMaximum, TouchOsPages, TouchWasmPages, TwoPass, WillNeed,
    },
    guest::Declared,
    oracle,
};

const BYTES: u64 = 64 * MIB;
const PAGE: u64 = 4096;

const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

/// Committing strategies, and whether each preserves the data segments.
fn committing() -> Vec<(Box<dyn Commit>, bool)> {
    vec![
        (Box::new(GuestProbe), true),
        (Box::new(TwoPass), false),
        (Box::new(TouchOsPages), true),
        (Box::new(Populate::WHOLE), true),
        (Box::new(Populate::CHUNKED), true),
        (Box::new(Populate { threads: 2, ..Populate::CHUNKED }), true),
        (Box::new(HUGE), true),
        (Box::new(Populate { threads: 2, ..HUGE }), true),
        (Box::new(HostMemory { huge: false }), true),
        (Box::new(HostMemory { huge: true }), true),
        (Box::new(Lock), true),
        (Box::new(Guarded::new(Populate::CHUNKED)), true),
        (Box::new(Guarded::new(HUGE)), true),
        (best(), true),
    ]
}

#[test]
fn committing_strategies_leave_no_page_uncommitted() {
    for (strategy, keeps) in committing() {
        let name = format!("{strategy:?}");
        if lacks(&name, strategy.supported()) {
            continue;
        }
        let mut live = live(&*strategy, BYTES);
        strategy.commit(&mut live).expect("commits");
        let residency = oracle::residency(live.memory()).expect("residency");
        assert_eq!((residency.bytes, residency.uncommitted()), (BYTES, 0), "{name}: {residency:?}");
        assert_eq!(oracle::first_uncommitted(live.memory()).expect("residency"), None, "{name}");
        assert_eq!(oracle::retouch(live.memory()), 0, "{name}");
        assert_eq!(live.memory() == initial(BYTES), keeps, "{name}");
    }
}

#[test]
fn the_oracle_reports_negative_controls_as_uncommitted() {
    let controls: [Box<dyn Commit>; 6] = [
        Box::new(StaticMaximum),
        Box::new(DeclaredMinimum),
        Box::new(ReadOsPages),
        Box::new(PopulateRead),
        Box::new(WillNeed),
        Box::new(LockOnFault),
    ];
    for control in controls {
        let mut live = live(&*control, BYTES);
        control.commit(&mut live).expect("succeeds");
        let residency = oracle::residency(live.memory()).expect("residency");
        // The pages of the data segments are committed if the segments were copied.
        assert!(residency.committed() <= 2 * PAGE, "{control:?}: {residency:?}");
        assert!(oracle::retouch(live.memory()) >= (BYTES - 2 * PAGE) / PAGE, "{control:?}");
    }
}

#[test]
fn touching_wasm_pages_commits_one_os_page_in_sixteen() {
    let mut live = live(&TouchWasmPages, BYTES);
    TouchWasmPages.commit(&mut live).expect("touches");
    let residency = oracle::residency(live.memory()).expect("residency");
    // Plus the pages of the data segments: 200,000 is in the fourth wasm page, not at its beginning.
    assert!((BYTES / 16..=BYTES / 16 + 2 * PAGE).contains(&residency.committed()), "{residency:?}");
    assert_eq!(Image::of(live.memory()).dirt(&initial(BYTES)).bytes, 0);
}

#[test]
fn the_first_published_pass_commits_only_a_sixteenth() {
    let mut live = live(&TwoPass, BYTES);
    TwoPass::write_patterns(live.memory());
    let first = oracle::residency(live.memory()).expect("residency");
    assert!((BYTES / 16..=BYTES / 16 + 2 * PAGE).contains(&first.committed()), "{first:?}");
    TwoPass::write_zeros(live.memory());
    assert_eq!(oracle::residency(live.memory()).expect("residency").uncommitted(), 0);
}

#[test]
fn a_deferred_commit_does_nothing_until_the_first_job() {
    let strategy = Deferred(Populate::CHUNKED);
    let mut live = live(&strategy, BYTES);
    strategy.commit(&mut live).expect("nothing to do");
    assert!(oracle::residency(live.memory()).expect("residency").committed() <= 2 * PAGE);
    strategy.before_first_job(&mut live).expect("commits");
    assert_eq!(oracle::residency(live.memory()).expect("residency").uncommitted(), 0);
}

#[test]
fn a_single_uncommitted_page_is_found() {
    let mut live = live(&Populate::CHUNKED, BYTES);
    let page = 4711 * PAGE as usize;
    for part in [0..page, page + PAGE as usize..BYTES as usize] {
        Populate::WHOLE.commit(&mut &mut live.memory()[part]).expect("commits all but a page");
    }
    let residency = oracle::residency(live.memory()).expect("residency");
    assert_eq!(residency.uncommitted(), PAGE, "{residency:?}");
    assert_eq!(oracle::first_uncommitted(live.memory()).expect("residency"), Some(page));
    assert_eq!(oracle::retouch(live.memory()), 1);
}

#[test]
fn a_guarded_commit_without_headroom_commits_nothing() {
    let mut live = instantiate(wasmtime::Config::new().memory_init_cow(false), Declared::exactly(BYTES));
    let guarded = Guarded::within(Populate::CHUNKED, Headroom::with_budget(Vec::new(), || 40 * MIB, 0));
    match guarded.commit(&mut live) {
        Err(Error::NoHeadroom(refusal)) => {
            assert_eq!((refusal.needed, refusal.available), (BYTES - 2 * PAGE, 40 * MIB));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(oracle::residency(live.memory()).expect("residency").committed(), 2 * PAGE);
}

/// Other processes take memory while the third chunk is committed.
#[test]
fn a_guarded_commit_that_loses_headroom_rolls_back() {
    let mut live = instantiate(wasmtime::Config::new().memory_init_cow(false), Declared::exactly(BYTES));
    let before = oracle::residency(live.memory()).expect("residency").committed();
    assert_eq!(before, 2 * PAGE, "the pages of the data segments");
    let checks = AtomicU64::new(0);
    let budget = move || if checks.fetch_add(1, Ordering::Relaxed) < 3 { BYTES } else { MIB };
    let guarded = Guarded::within(Populate::CHUNKED, Headroom::with_budget(Vec::new(), budget, 0));
    match guarded.commit(&mut live) {
        Err(Error::NoHeadroom(refusal)) => {
            // Populated so far: the run between the data segments, and two chunks that end on a 16 MiB
            // boundary.
            assert_eq!((refusal.needed, refusal.available), (BYTES - 32 * MIB, MIB));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(oracle::residency(live.memory()).expect("residency").committed(), before);
    assert!(live.memory() == initial(BYTES));
    let enough = Guarded::within(Populate::CHUNKED, Headroom::with_budget(Vec::new(), || BYTES, 0));
    enough.commit(&mut live).expect("fits");
    assert_eq!(oracle::residency(live.memory()).expect("residency").uncommitted(), 0);
}

#[test]
fn memory_that_is_not_whole_pages_is_rejected() {
    let mut live = live(&Populate::WHOLE, BYTES);
    let error = Populate::WHOLE.commit(&mut &mut live.memory()[1..]).expect_err("half a page").to_string();
    assert!(error.contains("whole pages"), "{error}");
}

#[test]
fn a_bare_memory_reports_unsupported_operations() {
    let mut live = live(&GuestProbe, BYTES);
    let error = GuestProbe.commit(&mut live.memory()).expect_err("no guest").to_string();
    assert_eq!(error, "the target cannot probe its own memory");
}
