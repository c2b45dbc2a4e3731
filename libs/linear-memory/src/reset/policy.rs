//! Decides when to track what a job dirties and when to restore everything, from what both really cost.
//!
//! Tracking costs a scan of all pages and, for each dirtied page, a fault, a restore and a protection.
//! Restoring everything costs the same for every job. Which is cheaper depends on the machine and on the jobs,
//! so both costs are measured ([`Costs`]) and so is the number of pages that a job dirties: exactly while
//! tracking, and from a sample of pages that differ from the image while restoring everything.
//!
//! ```text
//!         credit used up, or 6 of the last 8 jobs too dense and a lasting excess
//!            ----------------------------------------------------------->
//!     Track                                                               RestoreAll
//!            <-----------------------------------------------------------
//!                 a sample of 8 jobs says that tracking is cheaper
//! ```
//!
//! A dense job among sparse ones is paid from the credit that tracking the sparse ones earned, so it changes
//! nothing. What a stay in `Track` cost more than it earned is taken from a budget, and so is what changing the
//! mode costs. While the budget is negative, tracking is not tried again, so losses add at most [`SHARE`] to the
//! cost of restoring everything. It is tried in spite of that if the sample shows that jobs have become sparser,
//! as long as samples were right before: pages that are written with the contents that they have do not show in
//! a sample, but cost a fault each.

mod restoring;

use super::{costs::Costs, jobs::Jobs};

/// Number of jobs that a change of density has to last before it is acted on.
const WINDOW: usize = 8;

/// How many of the last [`WINDOW`] jobs must be too dense for a lasting change.
const LASTING: usize = 6;

/// How much more than restoring everything the jobs since the last sparse ones must have cost for a lasting change, in
/// restores of the whole memory: 6 of 8 dense jobs are not rare where every other job is.
const EXCESS: f64 = 3.0;

/// How much one side must be cheaper before the mode changes. With the other shares below it, it makes up
/// less than the tenth that [`Policy`] may lose against the better mode.
const HYSTERESIS: f64 = 0.05;

/// The share of the cost of restoring everything that trying to track may add.
const SHARE: f64 = 0.03;

/// The share of the cost of restoring everything that comparing a sample may add.
const SAMPLE_SHARE: f64 = 0.01;

/// The same while a hold is long, if the sample would not show otherwise that jobs have become sparser.
const HELD_SAMPLE_SHARE: f64 = 0.04;

/// The maximum credit, in restores of the whole memory.
const MOST_CREDIT: f64 = 64.0;

/// The maximum budget for tries, in restores of the whole memory.
const MOST_BUDGET: f64 = 2.0;

/// Number of tracked jobs in a row after which earlier losses are forgotten. Raised by a large loss
/// within [`CALM`] jobs after another, so that a guest whose dense jobs recur is not trusted again and again, and
/// halved after as many jobs without one.
const LEAST_PATIENCE: u64 = 16;
const MOST_PATIENCE: u64 = 4096;
const CALM: u64 = 256;

/// The same after a very large loss: this many jobs for each restore of the whole memory that it cost more.
const CALM_PER_LOSS: f64 = 4.0;
const MOST_CALM: u64 = 1000;

/// The maximum number of jobs between two tries, so that a change is noticed.
const LONGEST_HOLD: f64 = 4096.0;

/// How many differing pages are added to those of a sample before it counts as evidence that jobs have become
/// sparser: with none, the density is below this with a probability of 95 %.
const DOUBT: u64 = 3;

/// Number of jobs in one mode after which the other is tried, if its cost, measured long ago, is not far off.
const EXPLORE: u64 = 512;

/// The same at first, while what faults cost in jobs is not known. Doubled with each try.
const EXPLORE_UNSURE: u64 = 32;

/// The cost of tracking, relative to restoring everything, from which on the other is tried.
const CLOSE: f64 = 0.4;

/// Number of tracked jobs before that: the first is not timed, and some are compared.
const TRACKED: u64 = 4;

/// Number of faults that are taken on purpose to measure the cost of one.
pub(super) const FAULTS: usize = 8;

/// Number of jobs that measure the cost of restoring everything: more than one, since any may be interrupted.
const EXPLORING: u64 = 3;

/// The share of the cost of tracking that measuring the cost of a fault may add.
const FAULT_SHARE: f64 = 0.01;

/// How the next job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Pages are write-protected, and written pages are restored.
    Track,
    /// No page is protected, and the whole memory is restored.
    RestoreAll,
}

/// Chooses the mode of each job. In steady state the mean cost is at most 1.1 times that of the better mode.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    costs: Costs,
    /// Pages of the memory.
    total: f64,
    mode: Mode,
    /// Jobs since the mode changed.
    jobs: u64,
    /// In `Track`: the dirtied pages of the last jobs, by job number modulo the length.
    dirtied: [f64; WINDOW],
    /// In `Track`: what this stay saved so far, with hysteresis.
    credit: f64,
    /// In `Track`: what dense jobs cost more than restoring everything, less what sparse ones saved since, from zero on
    /// (a cumulative sum).
    excess: f64,
    /// In `RestoreAll`: sampled pages and those that differed, by job number modulo the length.
    samples: [(u64, u64); WINDOW],
    /// In `Track`: what protecting everything cost when this stay began, and what jobs cost that were tracked only to be
    /// compared.
    begun: f64,
    comparing: f64,
    /// What tries to track may cost, in nanoseconds: each job adds to it, and losses are taken from it.
    budget: f64,
    /// The dirtied pages of the job that ended the last stay in `Track`, or their mean when exploring.
    dense: f64,
    /// Tracked jobs in a row after which earlier losses are forgotten.
    patience: u64,
    /// Jobs since the last large loss.
    calm: u64,
    /// Jobs without one after which the patience is halved.
    calming: u64,
    /// In `RestoreAll`: jobs in a row of which the sample showed that they are sparser.
    sparse: u64,
    /// The most pages that the sample let expect when tracking was tried; everything when there was no sample.
    expected: f64,
    /// Whether samples agree with exact counts.
    trusted: bool,
    /// The stay in `RestoreAll` only measures its cost.
    exploring: bool,
    /// What tracking cost since the cost of a fault was measured.
    spent: f64,
    /// Tracked jobs since the cost of restoring everything was measured.
    unexplored: u64,
    /// The number of them after which it is measured again.
    explore_in: u64,
    /// The last jobs of both modes, for what faults cost in them.
    compared: Jobs,
}

impl Policy {
    pub(super) fn new(total: u64, costs: Costs) -> Self {
        Self {
            costs,
            total: total as f64,
            mode: Mode::Track,
            jobs: 0,
            dirtied: [0.0; WINDOW],
            credit: 0.0,
            excess: 0.0,
            samples: [(0, 0); WINDOW],
            begun: 0.0,
            comparing: 0.0,
            budget: 0.0,
            dense: 0.0,
            patience: LEAST_PATIENCE,
            calm: MOST_CALM,
            calming: CALM,
            sparse: 0,
            expected: f64::INFINITY,
            trusted: true,
            exploring: false,
            spent: 0.0,
            unexplored: 0,
            explore_in: 0,
            compared: Jobs::default(),
        }
    }

    /// The mode of the next job.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether to measure the cost of a fault after this reset.
    pub(super) fn wants_fault(&self) -> bool {
        let cost = self.costs.of_tracking(FAULTS as f64);
        self.mode == Mode::Track && (self.spent * FAULT_SHARE > cost || !self.costs.knows_fault())
    }

    /// Whether to protect this many runs by a call each, or in one pass over the page tables.
    pub(super) fn calls_are_cheaper(&self, runs: usize) -> bool {
        self.costs.calls_are_cheaper(runs)
    }

    /// Records that this many runs were protected by a call each, in nanoseconds.
    pub(super) fn called(&mut self, runs: usize, cost: f64) {
        self.costs.called(runs, cost);
    }

    /// Records the measured cost of a fault, in nanoseconds.
    pub(super) fn faulted(&mut self, fault: f64) {
        self.spent = 0.0;
        self.costs.faulted(fault);
    }

    /// Records the cost of changing the mode, in nanoseconds: protecting everything, or lifting the protection
    /// and collapsing huge pages.
    pub(super) fn switched(&mut self, cost: f64) {
        let cost = match self.mode {
            Mode::Track => self.costs.protected(cost),
            Mode::RestoreAll => self.costs.lifted(cost),
        };
        if self.mode == Mode::Track {
            self.begun = cost;
        }
        self.spend(cost);
    }

    /// Takes a loss from the budget, which may become negative.
    fn spend(&mut self, loss: f64) {
        let least = -LONGEST_HOLD * SHARE * self.costs.of_restoring_all();
        self.budget = (self.budget - loss.max(0.0)).max(least);
    }

    /// Adds a job's share to the budget, and what it saved.
    fn earn(&mut self, saved: f64) {
        self.calm += 1;
        if self.calm.is_multiple_of(self.calming) {
            self.patience = (self.patience / 2).max(LEAST_PATIENCE);
        }
        let whole = self.costs.of_restoring_all();
        self.budget = (self.budget + whole * SHARE + saved.max(0.0)).min(whole * MOST_BUDGET);
    }

    /// Records a tracked job: its dirtied pages, the nanoseconds of the scan and of restoring and protecting them, and
    /// those of the job itself if they are known.
    pub(super) fn tracked(&mut self, dirtied: u64, scan: f64, restore: f64, job: Option<f64>) {
        self.costs.tracked(dirtied, scan, restore);
        let dirtied = dirtied as f64;
        self.compared.tracked(dirtied, job);
        self.dirtied[self.jobs as usize % WINDOW] = dirtied;
        self.jobs += 1;
        self.unexplored += 1;
        let whole = self.costs.of_restoring_all();
        let most = whole * (1.0 + HYSTERESIS);
        let cost = self.costs.of_tracking(dirtied);
        self.spent += cost;
        self.earn(whole - cost);
        self.credit = (self.credit + most - cost).min(whole * MOST_CREDIT);

        self.excess = (self.excess + cost - most).max(0.0);
        let known = &self.dirtied[..WINDOW.min(self.jobs as usize)];
        let dense = known.iter().filter(|dirtied| self.costs.of_tracking(**dirtied) > most).count();
        let is_dense = cost > most && self.credit < 0.0 || dense >= LASTING && self.excess > whole * EXCESS;
        // A few of such jobs tell what faults cost in them.
        let compares = self.jobs < TRACKED && self.costs.is_unsure(dirtied) && (job.is_some() || self.jobs == 1);
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        if !is_dense && self.jobs >= self.patience {
            // Tracking has proved right: what earlier tries cost is forgotten.
            self.trusted = true;
            self.budget = self.budget.max(0.0);
        }
        if is_dense && !compares {
            if self.jobs <= WINDOW as u64 && dirtied > 2.0 * self.expected {
                self.trusted = false;
            }
            // The loss that came as a surprise.
            let loss = -self.credit - self.comparing;
            if loss < whole * MOST_BUDGET {
                if self.calm >= self.calming {
                    // A small loss: jobs are sparser than those of earlier, larger losses. Those are forgotten, but not
                    // what this stay cost.
                    self.budget = self.budget.max(-self.begun);
                }
            } else {
                self.calming = ((CALM_PER_LOSS * loss / whole) as u64).clamp(CALM, MOST_CALM);
                // Where no job of the stay was sparse, dense jobs do not recur: a sample was too small.
                if self.calm < self.calming && dense < self.jobs as usize {
                    self.patience = (self.patience * 4).min(MOST_PATIENCE);
                }
                self.calm = 0;
            }
            self.spend(-self.credit);
            self.dense = dirtied;
            self.restore_all(false);
        } else if is_dense {
            self.comparing += (cost - most).max(0.0);
        } else if self.explores(mean) && (self.costs.of_tracking(mean) > whole * CLOSE || whole.is_infinite()) {
            self.dense = mean;
            self.restore_all(true);
        }
    }

    /// Whether to measure, after jobs that dirtied this many pages, what the other mode costs.
    fn explores(&self, dirtied: f64) -> bool {
        if !self.costs.whole_is_measured {
            return self.jobs >= TRACKED;
        }
        // What faults cost in jobs is measured when tracking has proved right, so that it does not matter what is found.
        let is_unsure = self.costs.is_unsure(dirtied) && self.compared.are_open() && self.jobs >= self.patience;
        self.jobs >= TRACKED && self.unexplored > if is_unsure { self.explore_in } else { EXPLORE }
    }

    fn restore_all(&mut self, exploring: bool) {
        self.mode = Mode::RestoreAll;
        self.exploring = exploring;
        self.jobs = 0;
        self.samples = [(0, 0); WINDOW];
        self.sparse = 0;
    }

    fn track(&mut self) {
        self.mode = Mode::Track;
        self.jobs = 0;
        self.credit = 0.0;
        self.excess = 0.0;
        self.comparing = 0.0;
    }
}

#[cfg(test)]
mod tests;
