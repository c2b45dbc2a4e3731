//! Tracked resets combined with changes that the page tables of one process do not show.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
};

use linear_memory::{
    Commit, Error, Image, Reset, Target,
    commit::Populate,
    oracle,
    reset::{RestoreAll, Tracked},
};

use crate::{
    Outcome,
    common::{
        Guest, MIB, assert_initial, first_difference, initial,
        sys::{self, PAGE, Ring, Swap, in_a_fork},
    },
    needs,
};

const BYTES: u64 = 32 * MIB;
/// A number of bytes small enough to be tracked.
const FEW: usize = 64 * PAGE;

/// A committed guest, its image, and a reset that tracks it.
fn armed() -> Result<(Guest, Image, Tracked), String> {
    armed_with(Tracked::default())
}

fn armed_with(mut tracked: Tracked) -> Result<(Guest, Image, Tracked), String> {
    needs("write tracking", tracked.supported())?;
    let mut guest = Guest::new(BYTES);
    Populate::CHUNKED.commit(&mut guest).expect("commits");
    let image = Image::of(guest.memory());
    tracked.arm(&mut guest, &image).expect("arms");
    Ok((guest, image, tracked))
}

fn refused_as_forked(reset: &mut Tracked, guest: &mut Guest, image: &Image) {
    match reset.reset(guest, image) {
        Err(Error::Forked) => {}
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn a_fork_cannot_reset_what_its_parent_armed() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    for childs in [0, FEW, BYTES as usize] {
        guest.memory()[..FEW].fill(1);
        in_a_fork(|| {
            guest.memory()[..childs].fill(2);
            refused_as_forked(&mut reset, &mut guest, &image);
            assert_eq!(
                first_difference(&guest.memory()[..childs], &vec![2; childs]),
                None,
                "a refusal changes nothing"
            );
            in_a_fork(|| refused_as_forked(&mut reset, &mut guest, &image));
            // Dropping the reset closes the child's descriptors.
            drop(std::mem::take(&mut reset));
        });
        // The child's attempts neither protected the parent's pages unnoticed nor lifted their protection.
        guest.memory()[8 * FEW..9 * FEW].fill(3);
        reset.reset(&mut guest, &image).expect("the parent's own");
        assert_initial(guest.memory());
    }
    assert_eq!((reset.restored().tracked(), reset.restored().bytes()), (3, 6 * FEW as u64));
    Ok(())
}

/// The fork happens in the middle of a job of the parent. The child first restores the inherited dirt by
/// another reset.
pub(crate) fn a_fork_can_arm_for_itself() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    guest.memory()[..FEW].fill(1);
    in_a_fork(|| {
        RestoreAll.reset(&mut guest, &image).expect("restores");
        reset.arm(&mut guest, &image).expect("arms");
        let restored = reset.restored().bytes();
        for at in [0, FEW, BYTES as usize - FEW] {
            guest.memory()[at..at + FEW].fill(2);
            reset.reset(&mut guest, &image).expect("its own");
            assert_initial(guest.memory());
        }
        assert_eq!(reset.restored().bytes() - restored, 3 * FEW as u64, "tracked");
    });
    reset.reset(&mut guest, &image).expect("the parent's own");
    assert_initial(guest.memory());
    assert_eq!(reset.restored().bytes(), FEW as u64);
    Ok(())
}

pub(crate) fn a_reset_can_be_armed_again() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    for _ in 0..3 {
        reset.arm(&mut guest, &image).expect("arms");
        guest.memory()[..FEW].fill(1);
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
    }
    Ok(())
}

/// Written, swapped out, or discarded with a data segment: tracking would not show it later. Pages without contents stay
/// uncommitted.
pub(crate) fn what_was_changed_before_arming_is_restored() -> Outcome {
    let (mut committed, image, mut reset) = armed()?;
    let swap = Swap::on();
    let mut sparse = Guest::new(BYTES);
    for guest in [&mut committed, &mut sparse] {
        for at in [5000, MIB as usize, BYTES as usize - PAGE] {
            guest.memory()[at..at + 100].fill(7);
        }
        let before = oracle::residency(guest.memory()).expect("an oracle").committed();
        if swap.is_ok() {
            sys::swap_out(&mut guest.memory()[MIB as usize..2 * MIB as usize]);
        }
        sys::discard(&mut guest.memory()[..PAGE]);
        reset.arm(guest, &image).expect("arms");
        assert_initial(guest.memory());
        guest.memory()[FEW] = 1;
        reset.reset(guest, &image).expect("resets");
        assert_initial(guest.memory());
        let after = oracle::residency(guest.memory()).expect("an oracle").committed();
        assert!(after <= before + 2 * PAGE as u64, "{before} and {after} bytes");
    }
    Ok(())
}

/// The pages of a file whose bytes are not those of the image.
pub(crate) fn a_file_that_differs_from_the_image_is_restored_when_armed() -> Outcome {
    let mut reset = Tracked::default();
    needs("write tracking", reset.supported())?;
    let mut guest = Guest::of_file(BYTES);
    let image = Image::of_segments(&[(4 * PAGE, b"other")], BYTES as usize);
    reset.arm(&mut guest, &image).expect("arms");
    assert!(image.dirt(guest.memory()).is_clean());
    guest.memory()[..FEW].fill(1);
    sys::discard(&mut guest.memory()[..PAGE]);
    reset.reset(&mut guest, &image).expect("resets");
    assert!(image.dirt(guest.memory()).is_clean());
    Ok(())
}

pub(crate) fn pages_that_the_host_discards_are_restored() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    let all = BYTES as usize;
    // The range discarded, and the offsets written before, read after and written after.
    for (discarded, before, read, after) in [
        (0..PAGE, None, None, None),
        (0..PAGE, Some(10), None, None),
        (0..PAGE, None, Some(1024), None),
        (0..PAGE, None, None, Some(10)),
        (0..64 * PAGE, Some(30 * PAGE), Some(200_000), Some(31 * PAGE)),
        (0..0, Some(0), None, None),
        (0..all, Some(200_000), None, Some(MIB as usize)),
    ] {
        before.inspect(|at| guest.memory()[*at] = 1);
        sys::discard(&mut guest.memory()[discarded]);
        read.inspect(|at| assert_eq!(guest.memory()[*at], 0, "discarded"));
        after.inspect(|at| guest.memory()[*at] = 2);
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
    }
    assert_eq!(reset.restored().whole(), 0);
    Ok(())
}

/// The contents differ from the file when the reset is armed: a discarded page reads as the file's bytes.
pub(crate) fn discarded_pages_of_a_file_mapping_are_restored() -> Outcome {
    let mut reset = Tracked::default();
    needs("write tracking", reset.supported())?;
    let mut guest = Guest::of_file(BYTES);
    Populate::CHUNKED.commit(&mut guest).expect("commits");
    guest.memory()[1024..1064].fill(b'-');
    guest.memory()[300] = 7;
    let expected = guest.memory().to_vec();
    let image = Image::of(guest.memory());
    reset.arm(&mut guest, &image).expect("arms");
    for read in [false, true] {
        for dirty in [false, true] {
            if dirty {
                guest.memory()[2000] = 1;
            }
            sys::discard(&mut guest.memory()[..PAGE]);
            if read {
                assert_eq!(&guest.memory()[1024..1030], b"linear", "the file's");
            }
            reset.reset(&mut guest, &image).expect("resets");
            assert_eq!(first_difference(guest.memory(), &expected), None, "read: {read}, dirty: {dirty}");
        }
    }
    assert_eq!(reset.restored().whole(), 0);
    Ok(())
}

pub(crate) fn remapped_memory_is_rejected() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    guest.memory()[5] = 1;
    sys::map_over(&mut guest.memory()[10 * FEW..11 * FEW]);
    guest.memory()[10 * FEW] = 1;
    match reset.reset(&mut guest, &image) {
        Err(Error::Remapped) => {}
        other => panic!("not refused: {other:?}"),
    }
    RestoreAll.reset(&mut guest, &image).expect("restores");
    reset.arm(&mut guest, &image).expect("arms");
    guest.memory()[10 * FEW] = 1;
    reset.reset(&mut guest, &image).expect("resets");
    assert_initial(guest.memory());
    Ok(())
}

/// By read(2), with and without the page cache.
pub(crate) fn writes_of_system_calls_are_restored() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&vec![9; FEW]).expect("written");
    for flags in [0, libc::O_DIRECT] {
        let Ok(mut file) = File::options().read(true).custom_flags(flags).open(file.path()) else { continue };
        file.read_exact(&mut guest.memory()[FEW..2 * FEW]).expect("reads");
        assert_eq!(guest.memory()[2 * FEW - 1], 9);
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
    }
    Ok(())
}

/// Reads into a registered buffer bypass the page tables: the only kind of write that tracking does not see.
pub(crate) fn dma_buffers_need_always_restoring() -> Outcome {
    let buffer = 16 * PAGE..32 * PAGE;
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&vec![9; buffer.len()]).expect("written");
    let job = |guest: &mut Guest, ring: &Ring, file: &File| {
        ring.read(file, &mut guest.memory()[buffer.clone()]).expect("reads");
        assert_eq!(first_difference(&guest.memory()[buffer.clone()], &vec![9; buffer.len()]), None);
    };

    let (mut guest, image, mut reset) = armed_with(Tracked::default().always_restoring(buffer.clone()))?;
    let ring = needs("io_uring", Ring::with_buffer(&mut guest.memory()[buffer.clone()]))?;
    for _ in 0..3 {
        job(&mut guest, &ring, &file);
        reset.reset(&mut guest, &image).expect("resets");
        assert_initial(guest.memory());
    }
    drop(ring);

    // As documented, buffers that are not named need another reset.
    let (mut guest, image, mut reset) = armed()?;
    let ring = needs("io_uring", Ring::with_buffer(&mut guest.memory()[buffer.clone()]))?;
    // Pinning counted as a write; later writes are not seen.
    reset.reset(&mut guest, &image).expect("resets");
    job(&mut guest, &ring, &file);
    reset.reset(&mut guest, &image).expect("resets");
    assert_ne!(first_difference(guest.memory(), &initial(BYTES)), None, "DMA was tracked: correct the documentation");
    RestoreAll.reset(&mut guest, &image).expect("restores");
    assert_initial(guest.memory());

    let beyond = Tracked::default().always_restoring(0..BYTES as usize + 1).arm(&mut guest, &image);
    assert_eq!(beyond.expect_err("no such part").to_string(), "the target cannot restore parts beyond its memory");
    Ok(())
}

/// Pages that were written before or after they were swapped out, read back or not, and protected while in
/// swap.
pub(crate) fn swapped_out_dirt_is_restored() -> Outcome {
    let (mut guest, image, mut reset) = armed()?;
    let _swap = needs("the right to turn swap on", Swap::on())?;
    for (index, read_back) in [false, true, false, true].into_iter().enumerate() {
        guest.memory()[FEW / 2..FEW].fill(5);
        let swapped = sys::swap_out(&mut guest.memory()[..2 * FEW]);
        if swapped < FEW / PAGE {
            return Err(format!("needs a kernel that honours MADV_PAGEOUT: {swapped} pages were swapped out"));
        }
        if read_back {
            assert_eq!(guest.memory()[..2 * FEW].iter().filter(|byte| **byte == 5).count(), FEW / 2);
        }
        // Dirties two more pages, the first of which was clean in swap.
        guest.memory()[FEW + 3 * PAGE] = 6;
        guest.memory()[3 * FEW] = 6;
        reset.reset(&mut guest, &image).expect("resets");
        if !read_back {
            assert!(sys::swapped(&guest.memory()[..2 * FEW]) > 0, "clean pages stay in swap");
        }
        assert_initial(guest.memory());
        assert_eq!(reset.restored().bytes(), (index as u64 + 1) * (FEW / 2 + 2 * PAGE) as u64, "no more than the dirt");
    }
    Ok(())
}
