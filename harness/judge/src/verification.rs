//! A predicted number of units held against what lives: which numbers to try, and how far off it was.
//!
//! A worker with so many units lives or does not. The search begins at the prediction, steps away from it
//! by 2, 4, 8, ... hundredths until both are known, and then halves what is between them down to one.

use serde::Serialize;

/// How far off a prediction may be.
const TOLERANCE: f64 = 0.05;
/// A prediction is never searched for beyond this multiple of it.
const FARTHEST: u64 = 4;

/// The search for the most units that live.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    predicted: u64,
    /// A hundredth of the prediction: where the search ends.
    grain: u64,
    lived: u64,
    refused: Option<u64>,
    /// How far the next step goes.
    step: u64,
}

impl Search {
    /// Begins at the prediction.
    #[must_use]
    pub fn around(predicted: u64) -> Self {
        let grain = (predicted / 100).max(1);
        Self { predicted, grain, lived: 0, refused: None, step: 2 * grain }
    }

    /// How many units to try next; `None` when it is known closely enough.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        let most = self.predicted.saturating_mul(FARTHEST);
        match (self.lived, self.refused) {
            (0, None) => Some(self.predicted.max(1)),
            (lived, None) if lived >= most => None,
            (lived, None) => Some((lived + self.step).min(most)),
            (lived, Some(refused)) if refused - lived <= self.grain => None,
            (0, Some(refused)) if refused > self.step => Some(refused - self.step),
            (lived, Some(refused)) => Some(lived + (refused - lived) / 2),
        }
    }

    /// Takes in what became of a number that [`Search::next`] gave.
    pub fn found(&mut self, units: u64, lives: bool) {
        let both = self.lived > 0 && self.refused.is_some();
        match lives {
            true => self.lived = self.lived.max(units),
            false => self.refused = Some(self.refused.map_or(units, |refused| refused.min(units))),
        }
        let first = units == self.predicted;
        if !both && !first {
            self.step = self.step.saturating_mul(2);
        }
    }

    /// What was found, where the last refusal ended with these words.
    #[must_use]
    pub fn verification(&self, ended: Option<String>) -> Verification {
        Verification { predicted: self.predicted, lived: self.lived, refused: self.refused, ended }
    }
}

/// A prediction and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The prediction.
    pub predicted: u64,
    /// The most units with which a worker lived.
    pub lived: u64,
    /// The fewest with which it did not; `None` where all lived that were tried.
    pub refused: Option<u64>,
    /// How it ended then.
    pub ended: Option<String>,
}

impl Verification {
    /// By what part of what lived the prediction is too high (above 0) or too low.
    #[must_use]
    pub fn off(&self) -> f64 {
        (self.predicted as f64 - self.lived as f64) / self.lived.max(1) as f64
    }

    /// Whether it is within 5 % of what lived, and something ended it.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.refused.is_some() && self.off().abs() <= TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches where `actual` units live and no more; with the number of workers it took.
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
        assert_eq!((found.lived, found.refused, found.holds(), workers), (1000, Some(1010), true, 3));
    }

    #[test]
    fn a_prediction_more_than_a_twentieth_off_does_not_hold() {
        assert!(search(1000, 960).0.holds() && search(1000, 1040).0.holds());
        for actual in [900, 940, 1070, 2000, 0] {
            assert!(!search(1000, actual).0.holds(), "{actual}");
        }
    }

    #[test]
    fn what_nothing_ends_is_given_up_and_does_not_hold() {
        let (found, _) = search(100, u64::MAX);
        assert_eq!((found.lived, found.refused, found.holds()), (400, None, false));
    }

    proptest! {
        #[test]
        fn the_search_ends_with_what_lives_within_a_hundredth(predicted in 0_u64..100_000, actual in 1_u64..200_000) {
            let (found, workers) = search(predicted, actual);
            let grain = (predicted / 100).max(1);
            match found.refused {
                Some(refused) => {
                    prop_assert!(found.lived <= actual && actual < refused);
                    prop_assert!(refused - found.lived <= grain);
                }
                None => prop_assert!(actual >= 4 * predicted),
            }
            prop_assert!(workers <= 20, "{workers}");
        }
    }
}
