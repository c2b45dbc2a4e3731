//! Confirmation: how many fresh workers a flagged case gets, and when they decide.
//!
//! A case is flagged if a worker of the run is above the baseline's range, or if workers fail more often than in the
//! baseline. Fresh workers are then drawn in groups ([`FRESH_WORKERS`]). After each group, the same tests are made with
//! the fresh workers alone, each with its share of the error rate, so that the probability of a false finding over the
//! whole sequence is at most [`ALPHA`] per value, whatever the first workers showed. Drawing ends with the first
//! finding that is confirmed, when none can be expected any more, or at the largest number.
//!
//! This is where a minority counts: one worker of twenty above the range is not significant, but with sixty fresh
//! workers a change in every third is (docs/judging.md has the measured power).

use highwater_stats::SequentialPlan;

/// The one-sided significance level of a value of the run, and of all its tests with fresh workers together.
pub(super) const ALPHA: f64 = 0.005;

/// The numbers of fresh workers after which a flagged case is judged again.
pub const FRESH_WORKERS: SequentialPlan = SequentialPlan::new(&[5, 10, 20, 40, 60], ALPHA);

/// If none of this many fresh workers is above the range, no more are drawn. A change in every tenth worker would show
/// in at least one of them with a probability of 98.5 %.
const FUTILE_AFTER: usize = 40;

/// What fresh workers say about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// More of them would not change it.
    Settled,
    /// More of them could confirm it.
    Open,
    /// They show it too.
    Confirmed,
}

impl State {
    /// The state of an unconfirmed finding after `fresh` workers, of which `above` are above the range.
    pub(super) fn unconfirmed(fresh: usize, above: usize) -> Self {
        let futile = above == 0 && fresh >= FUTILE_AFTER;
        if futile || fresh >= FRESH_WORKERS.max() { Self::Settled } else { Self::Open }
    }

    /// The state of a case from those of its findings: one that is confirmed decides.
    pub(super) fn of_case(states: impl IntoIterator<Item = Self>) -> Self {
        let mut of_case = Self::Settled;
        for state in states {
            match state {
                Self::Confirmed => return Self::Confirmed,
                Self::Open => of_case = Self::Open,
                Self::Settled => {}
            }
        }
        of_case
    }
}
