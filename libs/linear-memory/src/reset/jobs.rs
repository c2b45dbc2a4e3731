//! What faults cost within jobs, from the CPU time of jobs with and without write protection.
//!
//! A fault of a job may cost more or less than one that the calibration takes: it depends on the instruction that writes
//! (a string instruction is interrupted in the middle) and on what is in the caches. So the jobs before and after
//! protection is lifted are compared, if both are alike and so much alike that the difference means something.

/// Number of jobs that are remembered of each kind.
pub(super) const REMEMBERED: usize = 8;

/// Fewest jobs of each kind to compare.
const FEWEST: usize = 3;

/// How much the numbers of pages that the jobs dirtied may differ, relative to their median.
const ALIKE: f64 = 0.1;

/// The standard error of the difference that is accepted, relative to what the faults cost: to what they would cost if they
/// were like those of the calibration, or to what they seem to cost if that is more.
const CERTAIN: f64 = 0.1;

/// The number of standard errors up to which a difference from the calibrated cost is chance.
const SIGNIFICANT: f64 = 2.0;

/// The factors that are believed.
const FACTORS: std::ops::RangeInclusive<f64> = 0.5..=4.0;

/// The last values, in any order.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    values: [f64; REMEMBERED],
    count: usize,
}

impl Recent {
    fn add(&mut self, value: f64) {
        self.values[self.count % REMEMBERED] = value;
        self.count += 1;
    }

    fn sorted(&self) -> ([f64; REMEMBERED], usize) {
        let (mut values, count) = (self.values, self.count.min(REMEMBERED));
        values[..count].sort_unstable_by(f64::total_cmp);
        (values, count)
    }

    /// The lower median and about its standard error, from the lower half: interruptions, which make some jobs longer, do
    /// not matter.
    fn median(&self) -> Option<(f64, f64)> {
        let (values, count) = self.sorted();
        if count < FEWEST {
            return None;
        }
        let (low, high) = (values[0], values[count / 2]);
        Some((values[(count - 1) / 2], (high - low) / (count as f64).sqrt()))
    }
}

/// The last jobs, and the pages that they dirtied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Jobs {
    dirtied: Recent,
    tracked: Recent,
    unprotected: Recent,
}

impl Jobs {
    /// Records a tracked job: the pages that it dirtied, and its CPU time in nanoseconds if that is known.
    pub(super) fn tracked(&mut self, dirtied: f64, job: Option<f64>) {
        if self.unprotected.count > 0 {
            *self = Self::default();
        }
        match job {
            Some(job) => {
                self.dirtied.add(dirtied);
                self.tracked.add(job);
            }
            None => *self = Self::default(),
        }
    }

    /// Records a job without protection. Only the first ones count, since later ones may be others.
    pub(super) fn unprotected(&mut self, job: Option<f64>) {
        if let Some(job) = job.filter(|_| self.unprotected.count < REMEMBERED) {
            self.unprotected.add(job);
        }
    }

    /// The pages that the tracked jobs dirtied, if they are alike.
    fn alike(&self) -> Option<f64> {
        let (pages, count) = self.dirtied.sorted();
        let dirtied = *pages.get(count.checked_sub(FEWEST)? / 2 + FEWEST / 2)?;
        (pages[count - 1] - pages[0] <= dirtied * ALIKE).then_some(dirtied)
    }

    /// Whether there are tracked jobs to compare with, and jobs without protection are still missing.
    pub(super) fn are_open(&self) -> bool {
        self.alike().is_some() && self.unprotected.count < REMEMBERED
    }

    /// What a fault cost in these jobs, relative to `fault` nanoseconds. `None` if they are too few or differ too much.
    pub(super) fn fault_factor(&self, fault: f64) -> Option<f64> {
        let faults = self.alike()? * fault;
        let ((tracked, error), (bare, other)) = (self.tracked.median()?, self.unprotected.median()?);
        let measured = tracked - bare;
        let error = error.hypot(other);
        if faults <= 0.0 || error > measured.max(faults) * CERTAIN {
            return None;
        }
        if (measured - faults).abs() <= error * SIGNIFICANT {
            return Some(1.0);
        }
        Some((measured / faults).clamp(*FACTORS.start(), *FACTORS.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(dirtied: &[f64], tracked: &[f64], unprotected: &[f64]) -> Jobs {
        let mut jobs = Jobs::default();
        dirtied.iter().zip(tracked).for_each(|(dirtied, job)| jobs.tracked(*dirtied, Some(*job)));
        unprotected.iter().for_each(|job| jobs.unprotected(Some(*job)));
        jobs
    }

    #[test]
    fn equal_jobs_show_what_a_fault_costs() {
        let alike = jobs(&[100.0; 4], &[2500.0, 2510.0, 90_000.0, 2490.0], &[1000.0, 1010.0, 70_000.0, 990.0]);
        let factor = alike.fault_factor(10.0).expect("certain");
        assert!((1.45..1.55).contains(&factor), "{factor}");
    }

    #[test]
    fn too_few_or_different_jobs_show_nothing() {
        assert_eq!(jobs(&[100.0; 4], &[2500.0; 4], &[1000.0; 2]).fault_factor(10.0), None);
        assert_eq!(jobs(&[100.0; 2], &[2500.0; 2], &[1000.0; 4]).fault_factor(10.0), None);
        assert_eq!(jobs(&[100.0, 100.0, 150.0], &[2500.0; 3], &[1000.0; 4]).fault_factor(10.0), None);
        let varying = [2000.0, 2500.0, 3000.0, 3500.0, 2200.0, 2700.0];
        assert_eq!(jobs(&[100.0; 6], &varying, &[1000.0; 6]).fault_factor(10.0), None);
        assert_eq!(jobs(&[0.0; 4], &[2500.0; 4], &[1000.0; 4]).fault_factor(10.0), None);
    }

    #[test]
    fn a_difference_from_the_calibrated_cost_must_be_significant() {
        let bare = [1000.0, 1010.0, 990.0, 1000.0];
        assert_eq!(jobs(&[100.0; 4], &[2017.0, 2002.0, 2022.0, 2012.0], &bare).fault_factor(10.0), Some(1.0));
        // The same noise hides what cheap faults cost, and not what expensive ones do.
        assert_eq!(jobs(&[100.0; 4], &[2000.0, 2000.0, 2300.0, 2400.0], &bare).fault_factor(10.0), None);
        assert_eq!(jobs(&[100.0; 4], &[4000.0, 4000.0, 4300.0, 4400.0], &bare).fault_factor(10.0), Some(3.0));
    }

    #[test]
    fn jobs_of_another_thread_are_not_compared() {
        let mut other = jobs(&[100.0; 4], &[2500.0; 4], &[]);
        other.tracked(100.0, None);
        (0..4).for_each(|_| other.unprotected(Some(1000.0)));
        assert_eq!(other.fault_factor(10.0), None);
    }
}
