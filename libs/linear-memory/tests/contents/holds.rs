//! Memory that is held: it stays in memory under swap, and a process without the right to lock it gets an error
//! before anything is committed.

use linear_memory::{
    Commit, Error, Image, NotHeld, Reset, Target,
    commit::{Guarded, Lock, Populate},
    hold::{self, Held},
    oracle,
    reset::Tracked,
    swap,
};

use crate::{
    Outcome,
    common::{
        Guest, MIB, assert_initial,
        sys::{self, PAGE, Swap, in_a_fork},
    },
    needs,
};

const BYTES: u64 = 16 * MIB;

fn committed(memory: &[u8]) -> u64 {
    oracle::residency(memory).expect("an oracle").committed()
}

pub(crate) fn held_memory_is_not_swapped_out() -> Outcome {
    let mut guest = Guest::new(BYTES);
    match Held(Guarded::new(Populate::CHUNKED)).commit(&mut guest) {
        Err(Error::NotHeld(refusal)) => return Err(format!("needs the right to lock memory: {refusal}")),
        done => needs("a guarded commit", done)?,
    }
    assert_eq!(committed(guest.memory()), BYTES);
    let _swap = needs("the right to turn swap on", Swap::on())?;
    // The kernel rejects the request for locked pages.
    let _ = swap::out(guest.memory());
    assert_eq!(sys::swapped(guest.memory()), 0);
    assert_initial(guest.memory());

    // Resets work as before.
    let image = Image::of(guest.memory());
    let mut reset = Tracked::default();
    needs("write tracking", reset.arm(&mut guest, &image))?;
    guest.memory()[5 * PAGE..9 * PAGE].fill(7);
    reset.reset(&mut guest, &image).expect("resets");
    assert_initial(guest.memory());

    hold::unlock(guest.memory()).expect("unlocks");
    let swapped = sys::swap_out(guest.memory());
    if swapped == 0 {
        return Err("needs a kernel that honours MADV_PAGEOUT: no page was swapped out".into());
    }
    assert_initial(guest.memory());
    Ok(())
}

pub(crate) fn without_the_right_to_lock_nothing_is_committed() -> Outcome {
    const LIMIT: u64 = MIB;
    let mut guest = Guest::new(BYTES);
    let mut small = Guest::new(MIB / 2);
    in_a_fork(|| {
        sys::drop_the_right_to_lock(LIMIT);
        let before = sys::resident(guest.memory());
        for commit in [&Held(Populate::CHUNKED) as &dyn Commit, &Lock] {
            match commit.commit(&mut guest) {
                Err(Error::NotHeld(NotHeld { needed: BYTES, locked: 0, limit: LIMIT })) => {}
                other => panic!("{commit:?}: {other:?}"),
            }
        }
        assert_eq!(sys::resident(guest.memory()), before);
        assert_initial(guest.memory());
        // Within the limit it works, also for memory that is locked already.
        for _ in 0..3 {
            Held(Populate::CHUNKED).commit(&mut small).expect("within the limit");
        }
        assert_eq!(sys::resident(small.memory()), small.memory().len() / PAGE);
        assert_initial(small.memory());
        match hold::lock(&mut guest.memory()[..BYTES as usize / 2]) {
            Err(Error::NotHeld(refusal)) => assert_eq!((refusal.needed, refusal.locked), (BYTES / 2, MIB / 2)),
            other => panic!("{other:?}"),
        }
    });
    Ok(())
}
