//! Guarded commits that are refused half way: pages with contents stay, pages without are released.

use std::sync::atomic::{AtomicU64, Ordering};

use linear_memory::{
    Commit, Error, Headroom, NoHeadroom, Target,
    commit::{Guarded, LockOnFault, Pages, Populate, PopulateRead},
    oracle,
};

use crate::{
    Outcome,
    common::{
        Guest, MIB, assert_initial, first_difference, initial,
        sys::{self, PAGE, Swap},
    },
    needs,
};

const BYTES: u64 = 64 * MIB;
const HUGE: Populate = Populate { pages: Pages::Huge, ..Populate::CHUNKED };

/// A commit that is refused at the check after `chunks` chunks were populated.
fn overtaken(populate: Populate, chunks: u64) -> Guarded {
    let checks = AtomicU64::new(0);
    let budget = move || if checks.fetch_add(1, Ordering::Relaxed) < chunks { BYTES } else { 0 };
    Guarded::within(populate, Headroom::with_budget(Vec::new(), budget, 0))
}

fn refused(guarded: &Guarded, target: &mut dyn Target) -> NoHeadroom {
    match guarded.commit(target) {
        Err(Error::NoHeadroom(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn committed(memory: &[u8]) -> u64 {
    oracle::residency(memory).expect("an oracle").committed()
}

pub(crate) fn a_refused_commit_keeps_data_segments_in_swap() -> Outcome {
    needs("a rollback", Guarded::new(Populate::CHUNKED).supported())?;
    let _swap = needs("the right to turn swap on", Swap::on())?;
    for populate in [Populate::CHUNKED, HUGE] {
        let mut guest = Guest::new(BYTES);
        let swapped = sys::swap_out(&mut guest.memory()[..256 << 10]);
        if swapped != 2 {
            return Err(format!("needs a kernel that honours MADV_PAGEOUT: {swapped} of 2 pages were swapped out"));
        }
        let refusal = refused(&overtaken(populate, 3), &mut guest);
        // With huge pages allowed, khugepaged may collapse the pages around the data segments at any time.
        let collapsed = populate == HUGE && refusal.kept == 2 * MIB;
        assert!(refusal.kept == 2 * PAGE as u64 || collapsed, "{refusal:?}");
        let text = format!("{} bytes stay committed: they have contents or could not be released", refusal.kept);
        assert!(refusal.to_string().ends_with(&text));
        assert_eq!(committed(guest.memory()), refusal.kept);
        assert_initial(guest.memory());
    }
    Ok(())
}

pub(crate) fn a_refused_commit_keeps_16_mib_in_swap() -> Outcome {
    needs("a rollback", Guarded::new(Populate::CHUNKED).supported())?;
    let _swap = needs("the right to turn swap on", Swap::on())?;
    let mut guest = Guest::new(BYTES);
    let mut expected = initial(BYTES);
    let part = 8 << 20..24 << 20;
    for memory in [guest.memory(), &mut expected] {
        for (index, byte) in memory[part.clone()].iter_mut().enumerate() {
            *byte = (index % 251) as u8 + 1;
        }
    }
    let swapped = sys::swap_out(&mut guest.memory()[part]);
    if swapped == 0 {
        return Err("needs a kernel that honours MADV_PAGEOUT: no page was swapped out".into());
    }
    let refusal = refused(&overtaken(Populate::CHUNKED, 3), &mut guest);
    assert!(refusal.kept > 0 && refusal.kept <= (swapped * PAGE) as u64, "{refusal:?}, {swapped} pages swapped");
    assert_eq!(first_difference(guest.memory(), &expected), None);
    Ok(())
}

/// Untouched pages, the zero page, and a private mapping of a file, in small pages and in huge pages that
/// extend beyond the populated chunk.
pub(crate) fn a_refused_commit_releases_pages_without_contents() -> Outcome {
    needs("a rollback", Guarded::new(Populate::CHUNKED).supported())?;
    for (populate, file) in [(Populate::CHUNKED, false), (Populate::CHUNKED, true), (HUGE, false), (HUGE, true)] {
        let mut guest = if file { Guest::of_file(BYTES) } else { Guest::new(BYTES) };
        // Before huge pages are allowed: otherwise this would map a huge zero page, which scans take for
        // contents.
        PopulateRead.commit(&mut &mut guest.memory()[1 << 20..3 << 20]).expect("reads");
        let before = committed(guest.memory());
        // The range starts within a huge page, so each chunk ends within one.
        let part = &mut guest.memory()[PAGE * 5..];
        let refusal = refused(&overtaken(populate, 3), &mut &mut *part);
        assert_eq!(refusal.kept, 0, "{populate:?}, from a file: {file}");
        assert!(refusal.to_string().ends_with("nothing was kept"), "{refusal}");
        assert_eq!(committed(guest.memory()), before, "{populate:?}, from a file: {file}");
        assert_initial(guest.memory());
    }
    Ok(())
}

pub(crate) fn a_refused_commit_reports_locked_pages_as_kept() -> Outcome {
    needs("a rollback", Guarded::new(Populate::CHUNKED).supported())?;
    let mut guest = Guest::new(BYTES);
    needs("the right to lock memory", LockOnFault.commit(&mut guest))?;
    let before = committed(guest.memory());
    let refusal = refused(&overtaken(Populate::CHUNKED, 3), &mut guest);
    assert!(refusal.kept >= 16 * MIB, "{refusal:?}");
    assert_eq!(committed(guest.memory()), before + refusal.kept);
    assert_initial(guest.memory());
    sys::unlock(guest.memory());
    Ok(())
}
