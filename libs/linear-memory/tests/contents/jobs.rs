//! Random jobs: writes, reads, discards, swapping and forks in any order, with a tracked reset after each,
//! compared with a memory that is restored as a whole.

use std::cell::RefCell;

use linear_memory::{
    Commit, Error, Image, Reset, Target,
    commit::{Pages, Populate},
    reset::{RestoreAll, Tracked},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    Outcome,
    common::{
        Guest, MIB, assert_initial, first_difference, initial,
        sys::{self, PAGE, Swap, in_a_fork},
    },
    needs,
};

const BYTES: usize = 4 * MIB as usize;
const PAGES: usize = BYTES / PAGE;

/// An operation of a job, its host or the kernel on a run of pages.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write,
    Read,
    Discard,
    SwapOut,
    /// A forked child writes there, attempts a reset, and arms its own.
    Fork,
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize, usize)>> {
    let step = prop_oneof![
        4 => Just(Step::Write),
        2 => Just(Step::Read),
        2 => Just(Step::Discard),
        2 => Just(Step::SwapOut),
        1 => Just(Step::Fork),
        4 => Just(Step::Reset),
    ];
    // Mostly small runs, many of them on the data segments (pages 0 and 48), and occasionally one that makes
    // a job dense: all later resets of that case restore everything.
    let page = prop_oneof![0..4_usize, 44..52_usize, 0..PAGES];
    let pages = prop_oneof![60 => 1..6_usize, 1 => 1..PAGES];
    prop::collection::vec((step, page, pages), 1..16)
}

pub(crate) fn tracked_resets_match_full_restores_for_random_jobs() -> Outcome {
    needs("write tracking", Tracked::default().supported())?;
    let swap = Swap::on();
    if let Err(error) = &swap {
        eprint!("(without swap: {error}) ");
    }
    for (file, pages) in [(false, Pages::Small), (true, Pages::Small), (false, Pages::Huge)] {
        let commit = Populate { pages, ..Populate::CHUNKED };
        if let Err(error) = commit.supported() {
            eprint!("(without {pages:?} pages: {error}) ");
            continue;
        }
        let mut guest = if file { Guest::of_file(BYTES as u64) } else { Guest::new(BYTES as u64) };
        commit.commit(&mut guest).expect("commits");
        let image = Image::of(guest.memory());
        // The contents of discarded pages.
        let discarded = if file { initial(BYTES as u64) } else { vec![0; BYTES] };
        // The runner does not accept a closure that mutates its captures.
        let guest = RefCell::new(guest);
        let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let result = runner.run(&steps(), |steps| {
            let guest = &mut *guest.borrow_mut();
            RestoreAll.reset(guest, &image).expect("restores");
            run(&steps, guest, &image, &discarded, swap.is_ok());
            Ok(())
        });
        if let Err(error) = result {
            panic!("from a file: {file}, {pages:?} pages: {error}");
        }
    }
    Ok(())
}

fn run(steps: &[(Step, usize, usize)], guest: &mut Guest, image: &Image, discarded: &[u8], swap: bool) {
    let mut reset = Tracked::default();
    reset.arm(guest, image).expect("arms");
    let mut expected = initial(BYTES as u64);
    for (number, (step, page, pages)) in steps.iter().enumerate() {
        let run = page * PAGE..(page + pages).min(PAGES) * PAGE;
        match step {
            Step::Write => {
                guest.memory()[run.clone()].fill(number as u8 + 1);
                expected[run].fill(number as u8 + 1);
            }
            Step::Read => assert_eq!(first_difference(&guest.memory()[run.clone()], &expected[run]), None),
            Step::Discard => {
                sys::discard(&mut guest.memory()[run.clone()]);
                expected[run.clone()].copy_from_slice(&discarded[run]);
            }
            Step::SwapOut if swap => drop(sys::swap_out(&mut guest.memory()[run])),
            Step::SwapOut => {}
            Step::Fork => in_a_fork(|| {
                guest.memory()[run.clone()].fill(0xAA);
                assert!(matches!(reset.reset(guest, image), Err(Error::Forked)));
                RestoreAll.reset(guest, image).expect("restores");
                reset.arm(guest, image).expect("arms");
                guest.memory()[run].fill(0xBB);
                reset.reset(guest, image).expect("resets");
                assert_initial(guest.memory());
            }),
            Step::Reset => {
                reset.reset(guest, image).expect("resets");
                expected = initial(BYTES as u64);
                assert_eq!(first_difference(guest.memory(), &expected), None, "after step {number}");
            }
        }
    }
    reset.reset(guest, image).expect("resets");
    assert_initial(guest.memory());
}
