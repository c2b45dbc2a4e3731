//! Tests every commit strategy against the oracle: committing strategies commit every page and keep the
//! initial image, and the oracle reports the negative controls as uncommitted.

mod common;

use common::{MIB, initial, lacks, live};
use forced_commit::{
    GuestCommit,
    commit::{DeclaredMinimum, Deferred, GuestProbe, HostMemory, StaticMaximum, TouchWasmPages, TwoPass, ZeroNewPages},
    guest::Declared,
};
use linear_memory::{
    Image, Target, best,
    commit::{Guarded, Lock, LockOnFault, Pages, Populate, PopulateRead, ReadOsPages, Threads, TouchOsPages, WillNeed},
    oracle,
};

const BYTES: u64 = 64 * MIB;
const PAGE: u64 = 4096;

const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

/// Committing strategies, and whether each preserves the data segments.
fn committing() -> Vec<(Box<dyn GuestCommit>, bool)> {
    vec![
        (Box::new(GuestProbe), true),
        (Box::new(TwoPass), false),
        (Box::new(TouchOsPages), true),
        (Box::new(Populate::WHOLE), true),
        (Box::new(Populate::CHUNKED), true),
        (Box::new(Populate { threads: Threads::Exactly(2), ..Populate::CHUNKED }), true),
        (Box::new(HUGE), true),
        (Box::new(Populate { threads: Threads::Exactly(2), ..HUGE }), true),
        (Box::new(HostMemory { huge: false }), true),
        (Box::new(HostMemory { huge: true }), true),
        (Box::new(Lock), true),
        (Box::new(Guarded::new(Populate::CHUNKED)), true),
        (Box::new(Guarded::new(HUGE)), true),
        (Box::new(best()), true),
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
    let controls: [Box<dyn GuestCommit>; 6] = [
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
fn zeroing_new_pages_commits_all_but_the_declared_minimum() {
    let declared = Declared::up_to(BYTES);
    let mut live = common::instantiate(wasmtime::Config::new().memory_init_cow(false), declared);
    ZeroNewPages.commit(&mut live).expect("commits");
    let residency = oracle::residency(live.memory()).expect("residency");
    // The two pages of the data segments are committed too.
    assert_eq!((residency.bytes, residency.uncommitted()), (BYTES, declared.minimum - 2 * PAGE), "{residency:?}");
    assert!(live.memory() == initial(BYTES));
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
