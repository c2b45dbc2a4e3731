//! How many sandboxes fit into the memory that is free: a ladder ends where they no longer do, and the case
//! says so.

use forced_commit::Headroom;
use highwater_model::{Bytes, Scale};
use highwater_worker::{CaseResult, Stages};

/// The part of what is free that a worker may fill, in percent: others need memory meanwhile.
const PART: u64 = 80;

/// The ladder's scales that fit where a sandbox may take so many bytes. What was left out becomes the
/// note `cap`.
pub(crate) fn ladder(stages: &mut Stages, each: u64) -> CaseResult<Vec<Scale>> {
    let ladder = stages.ladder();
    let (available, _) = Headroom::of_this_process()?.available()?;
    let fitting = fitting(&ladder, each, available);
    if fitting.len() < ladder.len() {
        let (top, wanted) = (ladder.last().copied().unwrap_or(Scale(0)), fitting.last().copied().unwrap_or(Scale(0)));
        let text = format!(
            "the ladder ends at {wanted} of {top}: a sandbox may take {}, and there was too little free memory",
            Bytes(each)
        );
        stages.note("cap", &text)?;
    }
    Ok(fitting)
}

/// At least the first rung: a case without any has nothing to tell.
fn fitting(ladder: &[Scale], each: u64, available: u64) -> Vec<Scale> {
    let fits = |scale: &Scale| u64::from(scale.0).saturating_mul(each) <= available / 100 * PART;
    let count = ladder.iter().take_while(|scale| fits(scale)).count().max(1);
    ladder.iter().copied().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_ends_where_a_fifth_of_the_memory_would_not_be_left() {
        let ladder = [1, 10, 100].map(Scale);
        let fits = |available| fitting(&ladder, 1 << 20, available).len();
        assert_eq!([0, 13 << 20, 124 << 20, 126 << 20, u64::MAX].map(fits), [1, 2, 2, 3, 3]);
    }
}
