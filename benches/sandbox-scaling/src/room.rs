//! Limits a ladder to the sandboxes that fit into free memory, and records it in the case if some do not.

use forced_commit::Headroom;
use highwater_model::{Bytes, Scale};
use highwater_worker::{CaseResult, Stages};

/// The percentage of free memory that a worker may fill; other processes need the rest.
const PART: u64 = 80;

/// The scales of the ladder that fit if a sandbox takes up to `each` bytes. If some do not, the note `cap`
/// says so.
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

/// Always includes the first rung: a case without rungs measures nothing.
fn fitting(ladder: &[Scale], each: u64, available: u64) -> Vec<Scale> {
    let fits = |scale: &Scale| u64::from(scale.0).saturating_mul(each) <= available / 100 * PART;
    let count = ladder.iter().take_while(|scale| fits(scale)).count().max(1);
    ladder.iter().copied().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_leaves_a_fifth_of_the_free_memory() {
        let ladder = [1, 10, 100].map(Scale);
        let fits = |available| fitting(&ladder, 1 << 20, available).len();
        assert_eq!([0, 13 << 20, 124 << 20, 126 << 20, u64::MAX].map(fits), [1, 2, 2, 3, 3]);
    }
}
