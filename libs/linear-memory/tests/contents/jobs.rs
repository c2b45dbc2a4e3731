//! Random jobs: writes, reads, discards, swapping, forks, growth, changes of protection, collapses and remaps in
//! any order, with a tracked reset after each, compared byte for byte with a memory that is restored as a whole.
//! Every reset ends clean, or refuses with the error that is due.

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
    /// Writes single pages: more runs than a scan returns at once.
    Scatter,
    Discard,
    SwapOut,
    /// mprotect(2), there and back.
    Protect,
    /// Collapses the pages into huge pages.
    Collapse,
    /// Maps fresh zeros over the pages: no longer tracked.
    Remap,
    /// Grows by as many pages: refused, then armed again and reset there, and given its first size again.
    Grow,
    /// A forked child writes there, attempts a reset, and arms its own.
    Fork,
    /// Eight equal jobs, each with a reset.
    Burst,
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize, usize)>> {
    let step = prop_oneof![
        4 => Just(Step::Write),
        2 => Just(Step::Read),
        2 => Just(Step::Discard),
        2 => Just(Step::SwapOut),
        2 => Just(Step::Scatter),
        1 => Just(Step::Protect),
        1 => Just(Step::Collapse),
        1 => Just(Step::Remap),
        1 => Just(Step::Grow),
        1 => Just(Step::Fork),
        1 => Just(Step::Burst),
        4 => Just(Step::Reset),
    ];
    // Mostly small runs, many of them on the data segments (pages 0 and 48), and occasionally one that makes
    // a job dense.
    let page = prop_oneof![0..4_usize, 44..52_usize, 0..PAGES];
    let pages = prop_oneof![40 => 1..6_usize, 1 => 1..PAGES];
    prop::collection::vec((step, page, pages), 1..24)
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
        let room = 2 * BYTES as u64;
        let mut guest = if file { Guest::of_file(room) } else { Guest::new(room) };
        guest.grow_to(BYTES as u64);
        commit.commit(&mut guest).expect("commits");
        let image = Image::of(guest.memory());
        // The contents of discarded pages.
        let discarded = if file { initial(BYTES as u64) } else { vec![0; BYTES] };
        // The runner does not accept a closure that mutates its captures.
        let twin = Guest::new(BYTES as u64);
        let state = RefCell::new((guest, twin, discarded));
        let cases = std::env::var("LINEAR_MEMORY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(32);
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let result = runner.run(&steps(), |steps| {
            let (guest, twin, discarded) = &mut *state.borrow_mut();
            RestoreAll.reset(guest, &image).expect("restores");
            run(&steps, guest, twin, &image, discarded, swap.is_ok());
            Ok(())
        });
        if let Err(error) = result {
            panic!("from a file: {file}, {pages:?} pages: {error}");
        }
    }
    Ok(())
}

fn run(
    steps: &[(Step, usize, usize)],
    guest: &mut Guest,
    twin: &mut Guest,
    image: &Image,
    discarded: &mut [u8],
    swap: bool,
) {
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
            Step::Scatter => {
                // From the run on, with gaps as long as the run.
                for at in (run.start..BYTES).step_by(2 * run.len().max(PAGE)) {
                    guest.memory()[at] = number as u8 + 1;
                    expected[at] = number as u8 + 1;
                }
            }
            Step::Protect => sys::toggle_protection(&mut guest.memory()[run]),
            Step::Collapse => sys::collapse(guest.memory()),
            Step::Remap => {
                sys::map_over(&mut guest.memory()[run.clone()]);
                discarded[run].fill(0);
                match reset.reset(guest, image) {
                    // Everything is restored after dense jobs, wherever it is mapped.
                    Ok(()) => assert_initial(guest.memory()),
                    Err(Error::Remapped) => RestoreAll.reset(guest, image).expect("restores"),
                    Err(error) => panic!("step {number}: {error}"),
                }
                reset.arm(guest, image).expect("arms");
                expected = initial(BYTES as u64);
            }
            Step::Grow => {
                guest.grow_to((BYTES + run.len()) as u64);
                assert!(matches!(reset.reset(guest, image), Err(Error::Grown { .. })), "step {number}");
                // Armed again with the image of the grown memory, which is zero where it grew.
                let grown = image.clone().grown_to(BYTES + run.len());
                RestoreAll.reset(guest, &grown).expect("restores");
                reset.arm(guest, &grown).expect("arms");
                guest.memory()[run.start..].fill(number as u8 + 1);
                reset.reset(guest, &grown).expect("resets");
                assert_initial(guest.memory());
                // A new instance: the grown part is discarded.
                sys::discard(&mut guest.memory()[BYTES..]);
                guest.grow_to(BYTES as u64);
                reset.arm(guest, image).expect("arms");
                expected = initial(BYTES as u64);
            }
            Step::Fork => in_a_fork(|| {
                guest.memory()[run.clone()].fill(0xAA);
                assert!(matches!(reset.reset(guest, image), Err(Error::Forked)));
                RestoreAll.reset(guest, image).expect("restores");
                reset.arm(guest, image).expect("arms");
                guest.memory()[run].fill(0xBB);
                reset.reset(guest, image).expect("resets");
                assert_initial(guest.memory());
            }),
            Step::Burst => {
                // Enough jobs of one density that the mode changes.
                for _ in 0..8 {
                    guest.memory()[run.clone()].fill(number as u8 + 1);
                    reset.reset(guest, image).expect("resets");
                    assert_initial(guest.memory());
                }
                expected = initial(BYTES as u64);
            }
            Step::Reset => {
                // The same job on a twin whose whole memory is restored.
                twin.memory().copy_from_slice(&expected);
                RestoreAll.reset(twin, image).expect("restores");
                reset.reset(guest, image).expect("resets");
                expected = initial(BYTES as u64);
                assert_eq!(first_difference(guest.memory(), twin.memory()), None, "after step {number}");
                assert_eq!(first_difference(guest.memory(), &expected), None, "after step {number}");
            }
        }
    }
    reset.reset(guest, image).expect("resets");
    assert_initial(guest.memory());
}
