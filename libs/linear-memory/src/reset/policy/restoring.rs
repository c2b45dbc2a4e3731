//! While everything is restored: how many pages to sample, and whether samples and measurements say that tracking is cheaper.

use super::*;

impl Policy {
    /// The number of pages to compare with the image before everything is restored.
    pub(in crate::reset) fn sample_size(&self) -> u64 {
        let usual = self.costs.comparable_for(SAMPLE_SHARE);
        let held = if self.budget < 0.0 && self.trusted {
            // Enough for a window without a differing page to be evidence: see `sparser`.
            let needed = 2.2 * DOUBT as f64 * self.total / self.dense.max(1.0) / WINDOW as f64;
            self.costs.comparable_for(HELD_SAMPLE_SHARE).min(needed.ceil() as u64)
        } else {
            0
        };
        usual.max(held).max(1).min(self.total as u64)
    }

    /// Records a job after which everything was restored: how many pages were compared and how many of them
    /// differed, the nanoseconds of comparing and of restoring, and those of the job itself if they are known.
    pub(in crate::reset) fn restored_all(
        &mut self,
        sampled: u64,
        differing: u64,
        compare: f64,
        whole: f64,
        job: Option<f64>,
    ) {
        self.costs.compared(sampled, compare);
        self.costs.restored_all(whole);
        self.unexplored = 0;
        self.samples[self.jobs as usize % WINDOW] = (sampled, differing);
        self.jobs += 1;
        self.earn(0.0);
        self.compared.unprotected(job);
        let was_unsure = self.costs.is_unsure(self.dense);
        if let Some(factor) = self.compared.fault_factor(self.costs.fault()) {
            self.costs.faulted_in_jobs(factor);
        }
        let least = self.costs.of_restoring_all() * (1.0 - HYSTERESIS);
        if self.exploring {
            if self.jobs < EXPLORING || self.costs.is_unsure(self.dense) && self.compared.are_open() {
                return;
            }
            self.exploring = false;
            self.explore_in = (self.explore_in * 2).clamp(EXPLORE_UNSURE, EXPLORE);
            if self.costs.of_tracking(self.dense) <= self.costs.of_restoring_all() {
                self.mode = Mode::Track;
                self.jobs = 0;
                self.excess = 0.0;
            }
            return;
        }
        if was_unsure && self.costs.knows_jobs && self.costs.of_tracking(self.dense) < least {
            self.track();
            return;
        }
        if self.jobs < WINDOW as u64 {
            return;
        }
        let (sampled, differing) = self.samples.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let pages = |differing: u64| differing as f64 * self.total / sampled.max(1) as f64;
        if pages(differing) >= self.dense / 2.0 {
            self.trusted = true;
        }
        self.sparse = if pages(differing + DOUBT) < self.dense / 2.0 { self.sparse + 1 } else { 0 };
        let sparser = self.trusted && self.sparse > (self.patience - LEAST_PATIENCE) / 2;
        let estimate = self.costs.of_tracking(pages(differing));
        // What tracking costs is not measured meanwhile, so an estimate that is not far off is tried too.
        let stale = self.jobs > EXPLORE && estimate < 2.0 * least;
        if (self.budget >= 0.0 || sparser) && estimate < least || self.budget >= 0.0 && stale {
            self.expected = pages(differing + DOUBT);
            self.track();
        }
    }
}
