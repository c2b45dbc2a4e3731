//! What tracking and restoring cost on this machine, from measurements. All costs are in nanoseconds.

/// Number of measurements that are kept of a cost: few, so that a change shows soon.
const RECENT: usize = 7;

/// Minimum number of dirtied pages for which the cost per page is measured; below it, the cost of a call
/// dominates.
const MEASURABLE: u64 = 16;

/// The share of the cost of restoring everything up to which a wrong cost of faults does not matter.
const SLIGHT: f64 = 0.1;

/// The cost of tracking, relative to restoring everything, that no lower cost of faults would make the better one.
const HOPELESS: f64 = 2.1;

/// A cost: the second smallest of the last few measurements. Interruptions only add time, so a low one is the
/// best estimate, but not the lowest of many: that would follow a
/// single outlier.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    recent: [f64; RECENT],
    count: usize,
}

impl Cost {
    /// A cost that was measured once, or never if it is 0.
    fn of(value: f64) -> Self {
        let mut cost = Self::default();
        if value > 0.0 {
            cost.add(value);
        }
        cost
    }

    fn add(&mut self, value: f64) {
        self.recent[self.count % RECENT] = value;
        self.count += 1;
    }

    fn get(&self) -> f64 {
        let mut values = self.recent;
        let values = &mut values[..self.count.min(RECENT)];
        values.sort_unstable_by(f64::total_cmp);
        values.get(usize::from(values.len() > 3)).copied().unwrap_or(0.0)
    }
}

/// Estimates of the costs of one memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Costs {
    /// A write-protect fault that is taken on purpose.
    fault: Cost,
    /// What one costs within a job, relative to that.
    fault_factor: f64,
    /// Whether that was ever measured.
    pub(super) knows_jobs: bool,
    /// Scanning the page tables of the whole memory.
    scan: Cost,
    /// Restoring and protecting one dirtied page.
    page: Cost,
    /// Protecting one run of pages by a call of its own.
    call: Cost,
    /// Restoring the whole memory.
    whole: Cost,
    /// Comparing one page with the image.
    compare: Cost,
    /// Protecting the whole memory.
    protect: Cost,
    /// Lifting the protection, and collapsing huge pages where there were any.
    lift: Cost,
    /// Whether `whole` was measured on the whole memory, not extrapolated from a part.
    pub(super) whole_is_measured: bool,
}

/// Costs as calibrated when a reset is armed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calibration {
    /// A write-protect fault.
    pub(super) fault: f64,
    /// Scanning the whole memory.
    pub(super) scan: f64,
    /// Restoring and protecting one page.
    pub(super) page: f64,
    /// Protecting one run of pages.
    pub(super) call: f64,
    /// Restoring the whole memory, extrapolated from a part.
    pub(super) whole: f64,
    /// Comparing one page with the image.
    pub(super) compare: f64,
    /// Protecting the whole memory.
    pub(super) protect: f64,
    /// Lifting the protection.
    pub(super) lift: f64,
}

impl Calibration {
    /// Nothing is known yet: tracking looks free, and the first jobs measure what it costs.
    pub(super) const UNKNOWN: Self = Self {
        fault: 0.0,
        scan: 0.0,
        page: 0.0,
        call: 0.0,
        whole: f64::INFINITY,
        compare: f64::INFINITY,
        protect: 0.0,
        lift: 0.0,
    };
}

impl Costs {
    pub(super) fn new(calibration: Calibration) -> Self {
        let Calibration { fault, scan, page, call, whole, compare, protect, lift } = calibration;
        Self {
            fault: Cost::of(fault),
            fault_factor: 1.0,
            knows_jobs: false,
            scan: Cost::of(scan),
            page: Cost::of(page),
            call: Cost::of(call),
            whole: Cost::of(whole),
            compare: Cost::of(compare),
            protect: Cost::of(protect),
            lift: Cost::of(lift),
            whole_is_measured: false,
        }
    }

    /// Records write-protect faults that were taken on purpose: the cost of one.
    pub(super) fn faulted(&mut self, fault: f64) {
        self.fault.add(fault);
    }

    /// The cost of a write-protect fault that is taken on purpose.
    pub(super) fn fault(&self) -> f64 {
        self.fault.get()
    }

    /// Records what a fault costs within a job, relative to one that is taken on purpose.
    pub(super) fn faulted_in_jobs(&mut self, factor: f64) {
        self.fault_factor = factor;
        self.knows_jobs = true;
    }

    /// Records that this many runs of pages were protected, each by a call of its own.
    pub(super) fn called(&mut self, calls: usize, cost: f64) {
        if calls > 0 {
            self.call.add(cost / calls as f64);
        }
    }

    /// Whether protecting this many runs by a call each is cheaper than one pass over the page tables, which
    /// takes as long as a scan.
    pub(super) fn calls_are_cheaper(&self, calls: usize) -> bool {
        self.call.get() * (calls as f64) < self.scan.get()
    }

    /// Whether the cost of a fault was ever measured.
    pub(super) fn knows_fault(&self) -> bool {
        self.fault.get() > 0.0
    }

    /// Records a tracked reset.
    pub(super) fn tracked(&mut self, dirtied: u64, scan: f64, restore: f64) {
        self.scan.add(scan);
        if dirtied >= MEASURABLE {
            self.page.add(restore / dirtied as f64);
        }
    }

    /// Records a restore of the whole memory.
    pub(super) fn restored_all(&mut self, whole: f64) {
        if !self.whole_is_measured {
            self.whole = Cost::default();
            self.whole_is_measured = true;
        }
        self.whole.add(whole);
    }

    /// Records a comparison of sampled pages with the image.
    pub(super) fn compared(&mut self, pages: u64, compare: f64) {
        if pages > 0 {
            self.compare.add(compare / pages as f64);
        }
    }

    /// Records protecting everything, and returns the cost of doing so.
    pub(super) fn protected(&mut self, protect: f64) -> f64 {
        self.protect.add(protect);
        self.protect.get()
    }

    /// Records lifting the protection, and returns the cost of doing so.
    pub(super) fn lifted(&mut self, lift: f64) -> f64 {
        self.lift.add(lift);
        self.lift.get()
    }

    /// The cost of tracking a job that dirties this many pages, its faults included.
    pub(super) fn of_tracking(&self, dirtied: f64) -> f64 {
        self.scan.get() + dirtied * (self.fault.get() * self.fault_factor + self.page.get())
    }

    /// Whether it makes a difference what faults cost in jobs that dirty this many pages, but that is not known.
    pub(super) fn is_unsure(&self, dirtied: f64) -> bool {
        let (faults, cost) = (dirtied * self.fault.get(), self.of_tracking(dirtied));
        let whole = self.whole.get();
        !self.knows_jobs && faults > whole * SLIGHT && cost < whole * HOPELESS
    }

    /// The cost of restoring the whole memory.
    pub(super) fn of_restoring_all(&self) -> f64 {
        self.whole.get()
    }

    /// The number of pages that can be compared for a share of the cost of restoring everything.
    pub(super) fn comparable_for(&self, share: f64) -> u64 {
        (self.whole.get() * share / self.compare.get().max(1.0)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_measurements_do_not_matter() {
        let mut cost = Cost::of(10.0);
        for value in [11.0, 900.0, 700.0, 800.0] {
            cost.add(value);
            assert!((10.0..=11.0).contains(&cost.get()), "{cost:?}");
        }
        for _ in 0..RECENT - 1 {
            cost.add(20.0);
        }
        assert!(cost.get() >= 20.0, "a lasting change shows soon");
    }

    #[test]
    fn runs_are_protected_by_whatever_is_cheaper() {
        let calibration = Calibration { scan: 1000.0, call: 100.0, ..Calibration::UNKNOWN };
        let mut costs = Costs::new(calibration);
        assert!(costs.calls_are_cheaper(9) && !costs.calls_are_cheaper(11));
        costs.called(2, 20.0);
        assert!(costs.calls_are_cheaper(99));
    }

    #[test]
    fn what_was_never_measured_is_replaced_by_the_first_measurement() {
        let mut costs = Costs::new(Calibration::UNKNOWN);
        assert!(!costs.knows_fault() && costs.of_restoring_all().is_infinite());
        costs.faulted(500.0);
        costs.tracked(16, 1000.0, 1600.0);
        costs.restored_all(1e6);
        assert_eq!((costs.of_tracking(10.0), costs.of_restoring_all()), (7000.0, 1e6));
    }

    #[test]
    fn a_measured_whole_replaces_the_extrapolated_one() {
        let calibration = Calibration {
            fault: 500.0,
            scan: 1000.0,
            page: 100.0,
            call: 900.0,
            whole: 9e9,
            compare: 200.0,
            protect: 0.0,
            lift: 0.0,
        };
        let mut costs = Costs::new(calibration);
        costs.restored_all(1e6);
        assert_eq!((costs.of_restoring_all(), costs.comparable_for(0.02)), (1e6, 100));
        assert_eq!(costs.of_tracking(10.0), 7000.0);
    }
}
