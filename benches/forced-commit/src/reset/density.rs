//! When to track what a job dirties and when to restore everything: pure arithmetic on page counts, so
//! that every node of a deterministic system decides alike.
//!
//! Tracking costs a write-protect fault, a restore and a protection for each dirtied page, and a scan
//! of all pages; restoring everything costs a memset of all pages. Where more than one page in
//! [`Density::BREAK_EVEN`] is dirtied, the memset is cheaper. Then jobs run unprotected, and now and
//! then one is tracked again to see whether jobs have become sparse: so seldom that it adds at most
//! [`Density::PROBE_SHARE`] to what is spent.

/// What the next job runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Pages are write-protected, and what was written is restored.
    Track,
    /// Nothing is protected, and everything is restored.
    RestoreAll,
}

/// Decides from the densities it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    mode: Mode,
    /// Resets to go until a job is tracked again.
    until_probe: u64,
}

impl Default for Density {
    fn default() -> Self {
        Self { mode: Mode::Track, until_probe: 0 }
    }
}

impl Density {
    /// Pages of memory for each page whose tracking costs as much as the memset of all of them; the
    /// cost of tracking one page, in pages of memset: 1.16 us, most of it the fault, against 46 to 53 ns on
    /// the machine of this project (README).
    pub const BREAK_EVEN: u64 = 24;

    /// The part of the cost of restoring everything that looking for sparse jobs may add: 1/32.
    pub const PROBE_SHARE: u64 = 32;

    /// What protecting everything, scanning, lifting the protection and putting huge pages together again
    /// cost, in memsets of everything.
    pub const LOOK: u64 = 12;

    /// The most resets between two looks, so that a change is noticed.
    pub const LONGEST_WAIT: u64 = 4096;

    /// What the next job is to run under.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How many dirtied pages of `total` are still worth tracking.
    #[must_use]
    pub fn worth_tracking(total: u64) -> u64 {
        total / Self::BREAK_EVEN
    }

    /// After a tracked job that dirtied `dirtied` of `total` pages.
    pub fn tracked(&mut self, dirtied: u64, total: u64) {
        if dirtied <= Self::worth_tracking(total) {
            self.mode = Mode::Track;
        } else {
            self.mode = Mode::RestoreAll;
            // What that job cost beyond a memset, in memsets.
            let cost = (dirtied.saturating_mul(Self::BREAK_EVEN)).div_ceil(total.max(1)) + Self::LOOK;
            self.until_probe = cost.saturating_mul(Self::PROBE_SHARE).min(Self::LONGEST_WAIT);
        }
    }

    /// After an untracked job.
    pub fn untracked(&mut self) {
        self.until_probe = self.until_probe.saturating_sub(1);
        if self.until_probe == 0 {
            self.mode = Mode::Track;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sparse_jobs_stay_tracked() {
        let mut density = Density::default();
        for _ in 0..100 {
            density.tracked(256, 262_144);
            assert_eq!(density.mode(), Mode::Track);
        }
    }

    #[test]
    fn a_host_whose_jobs_become_sparse_again_is_tracked_again() {
        let mut density = Density::default();
        density.tracked(65_536, 262_144);
        let waited = (0..).take_while(|_| {
            density.untracked();
            density.mode() == Mode::RestoreAll
        });
        assert_eq!(waited.count() as u64 + 1, (Density::BREAK_EVEN / 4 + Density::LOOK) * Density::PROBE_SHARE);
        density.tracked(1, 262_144);
        assert_eq!(density.mode(), Mode::Track);
    }

    proptest! {
        /// In units of a memset of everything: tracking may cost 1/BREAK_EVEN more for each page.
        #[test]
        fn in_steady_state_looking_for_sparse_jobs_adds_its_share_at_most(
            total in 1_u64..1 << 21, part in 0.0..1.0_f64,
        ) {
            let dirtied = ((total as f64 * part) as u64).max(Density::worth_tracking(total) + 1).min(total);
            let (mut density, mut cost, mut resets) = (Density::default(), 0.0, 0_u64);
            // From the first look on, as many whole rounds as fit.
            density.tracked(dirtied, total);
            for _ in 0..3 {
                while density.mode() == Mode::RestoreAll {
                    density.untracked();
                    (cost, resets) = (cost + 1.0, resets + 1);
                }
                density.tracked(dirtied, total);
                cost += (1 + Density::LOOK) as f64 + (dirtied * Density::BREAK_EVEN) as f64 / total as f64;
                resets += 1;
            }
            prop_assert!(cost / resets as f64 <= 1.0 + 1.0 / Density::PROBE_SHARE as f64 + 1e-9, "{}", cost / resets as f64);
        }

        #[test]
        fn what_is_worth_tracking_costs_no_more_than_restoring_all(total: u64) {
            prop_assert!(Density::worth_tracking(total).saturating_mul(Density::BREAK_EVEN) <= total);
        }
    }
}
