//! Verifies a predicted number of units: which numbers to try with real workers, and the error of the prediction.
//!
//! A worker with a given number of units succeeds or fails. The search begins at the prediction and moves away from it
//! in steps of 2, 4, 8, ... hundredths until it has seen both a success and a failure. It then bisects the interval
//! between them down to one hundredth of the prediction.

use serde::Serialize;

/// The largest relative error of an accurate prediction.
const TOLERANCE: f64 = 0.05;
/// The search ends at this multiple of the prediction.
const MAX_MULTIPLE: u64 = 4;

/// The search for the largest number of units with which a worker succeeds.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    predicted: u64,
    /// One hundredth of the prediction: the resolution of the search.
    resolution: u64,
    succeeded: u64,
    failed: Option<u64>,
    /// The size of the next step.
    step: u64,
}

impl Search {
    /// A search that begins at the prediction.
    #[must_use]
    pub fn around(predicted: u64) -> Self {
        let resolution = (predicted / 100).max(1);
        Self { predicted, resolution, succeeded: 0, failed: None, step: 2 * resolution }
    }

    /// The number of units to try next, or `None` if the result is precise enough.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        let max = self.predicted.saturating_mul(MAX_MULTIPLE);
        match (self.succeeded, self.failed) {
            (0, None) => Some(self.predicted.max(1)),
            (succeeded, None) if succeeded >= max => None,
            (succeeded, None) => Some((succeeded + self.step).min(max)),
            (succeeded, Some(failed)) if failed - succeeded <= self.resolution => None,
            (0, Some(failed)) if failed > self.step => Some(failed - self.step),
            (succeeded, Some(failed)) => Some(succeeded + (failed - succeeded) / 2),
        }
    }

    /// Records the outcome of a number that [`Search::next`] returned.
    pub fn found(&mut self, units: u64, succeeded: bool) {
        let both = self.succeeded > 0 && self.failed.is_some();
        match succeeded {
            true => self.succeeded = self.succeeded.max(units),
            false => self.failed = Some(self.failed.map_or(units, |failed| failed.min(units))),
        }
        let first = units == self.predicted;
        if !both && !first {
            self.step = self.step.saturating_mul(2);
        }
    }

    /// The result. `ended` describes the last failure.
    #[must_use]
    pub fn verification(&self, ended: Option<String>) -> Verification {
        Verification { predicted: self.predicted, succeeded: self.succeeded, failed: self.failed, ended }
    }
}

/// A prediction and the result of its verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The prediction.
    pub predicted: u64,
    /// The largest number of units with which a worker succeeded.
    #[serde(rename = "lived")]
    pub succeeded: u64,
    /// The smallest number with which a worker failed; `None` if none failed.
    #[serde(rename = "refused")]
    pub failed: Option<u64>,
    /// How the last worker that failed ended.
    pub ended: Option<String>,
}

impl Verification {
    /// The relative error of the prediction: positive if it is too high.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        (self.predicted as f64 - self.succeeded as f64) / self.succeeded.max(1) as f64
    }

    /// Whether the prediction is within 5 % of the largest success, and a failure was seen.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed.is_some() && self.relative_error().abs() <= TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches with workers that succeed with up to `actual` units. Also returns the number of workers.
    fn search(predicted: u64, actual: u64) -> (Verification, usize) {
        let mut search = Search::around(predicted);
        let mut workers = 0;
        while let Some(units) = search.next() {
            search.found(units, units <= actual);
            workers += 1;
            assert!(workers < 100, "{search:?}");
        }
        (search.verification(None), workers)
    }

    #[test]
    fn a_good_prediction_takes_three_workers() {
        let (found, workers) = search(1000, 1003);
        assert_eq!((found.succeeded, found.failed, found.holds(), workers), (1000, Some(1010), true, 3));
    }

    #[test]
    fn a_prediction_more_than_five_percent_off_does_not_hold() {
        assert!(search(1000, 960).0.holds() && search(1000, 1040).0.holds());
        for actual in [900, 940, 1070, 2000, 0] {
            assert!(!search(1000, actual).0.holds(), "{actual}");
        }
    }

    #[test]
    fn without_a_failure_the_search_ends_and_does_not_hold() {
        let (found, _) = search(100, u64::MAX);
        assert_eq!((found.succeeded, found.failed, found.holds()), (400, None, false));
    }

    proptest! {
        #[test]
        fn the_search_brackets_the_actual_number(predicted in 0_u64..100_000, actual in 1_u64..200_000) {
            let (found, workers) = search(predicted, actual);
            let resolution = (predicted / 100).max(1);
            match found.failed {
                Some(failed) => {
                    prop_assert!(found.succeeded <= actual && actual < failed);
                    prop_assert!(failed - found.succeeded <= resolution);
                }
                None => prop_assert!(actual >= 4 * predicted),
            }
            prop_assert!(workers <= 20, "{workers}");
        }
    }
}
