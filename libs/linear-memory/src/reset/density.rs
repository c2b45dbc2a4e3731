//! Decides when to track what a job dirties and when to restore everything. Pure arithmetic on page counts,
//! so that all nodes of a deterministic system decide alike.
//!
//! Tracking costs a write-protect fault, a restore and a protection for each dirtied page, and a scan of all
//! pages. Restoring everything costs a memset of all pages. If more than one page in [`Density::BREAK_EVEN`]
//! is dirtied, the memset is cheaper. Jobs then run unprotected, and occasionally one is tracked to see
//! whether jobs have become sparse, rarely enough to add at most 1/[`Density::PROBE_SHARE`] to the total
//! cost.

/// How the next job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Pages are write-protected, and written pages are restored.
    Track,
    /// No page is protected, and the whole memory is restored.
    RestoreAll,
}

/// Chooses the mode from the densities of past jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    mode: Mode,
    /// Resets until a job is tracked again.
    until_probe: u64,
}

impl Default for Density {
    fn default() -> Self {
        Self { mode: Mode::Track, until_probe: 0 }
    }
}

impl Density {
    /// The break-even point: tracking one page costs as much as a memset of this many pages. Tracking takes
    /// 1.16 us a page, most of it for the fault, and a memset takes 46 to 53 ns a page on the reference
    /// machine (see the README).
    pub const BREAK_EVEN: u64 = 24;

    /// The reciprocal of the share that probing for sparse jobs may add to the cost of restoring everything:
    /// 1/32.
    pub const PROBE_SHARE: u64 = 32;

    /// The cost of a probe in memsets of the whole memory: protecting everything, scanning, lifting the
    /// protection and collapsing huge pages again.
    pub const LOOK: u64 = 12;

    /// The maximum number of resets between two probes, so that a change is noticed.
    pub const LONGEST_WAIT: u64 = 4096;

    /// The mode for the next job.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The maximum number of dirtied pages of `total` that is worth tracking.
    #[must_use]
    pub fn worth_tracking(total: u64) -> u64 {
        total / Self::BREAK_EVEN
    }

    /// Records a tracked job that dirtied `dirtied` of `total` pages.
    pub fn tracked(&mut self, dirtied: u64, total: u64) {
        if dirtied <= Self::worth_tracking(total) {
            self.mode = Mode::Track;
        } else {
            self.mode = Mode::RestoreAll;
            // The extra cost of that job over a memset, in memsets.
            let cost = (dirtied.saturating_mul(Self::BREAK_EVEN)).div_ceil(total.max(1)) + Self::LOOK;
            self.until_probe = cost.saturating_mul(Self::PROBE_SHARE).min(Self::LONGEST_WAIT);
        }
    }

    /// Records an untracked job.
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
    fn tracking_resumes_when_jobs_become_sparse() {
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
        /// Costs are in memsets of the whole memory: tracking costs BREAK_EVEN/total for each page.
        #[test]
        fn in_steady_state_probing_adds_at_most_its_share(
            total in 1_u64..1 << 21, part in 0.0..1.0_f64,
        ) {
            let dirtied = ((total as f64 * part) as u64).max(Density::worth_tracking(total) + 1).min(total);
            let (mut density, mut cost, mut resets) = (Density::default(), 0.0, 0_u64);
            // Three whole rounds, starting with a probe.
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
        fn tracking_never_costs_more_than_restoring_everything(total: u64) {
            prop_assert!(Density::worth_tracking(total).saturating_mul(Density::BREAK_EVEN) <= total);
        }
    }
}
