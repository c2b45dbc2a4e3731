//! The search for the first changed one in an ordered list of candidates, some of which cannot be tested. It knows
//! nothing of commits or versions, and has no I/O.

use std::ops::Range;

/// What is known of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As the first candidate.
    Unchanged,
    /// As the last candidate.
    Changed,
    /// It cannot be tested.
    Skipped,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Test this candidate.
    Test(usize),
    /// The change is known as well as it can be.
    Done(Border),
}

/// Where the change is: after `last_unchanged`, and at or before `first_changed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Border {
    pub(crate) last_unchanged: usize,
    pub(crate) first_changed: usize,
}

impl Border {
    /// The candidates between, none of which can be tested.
    pub(crate) fn skipped(self) -> Range<usize> {
        self.last_unchanged + 1..self.first_changed
    }
}

/// A search.
#[derive(Debug)]
pub(crate) struct Search {
    states: Vec<Option<State>>,
}

impl Search {
    /// A search in a list whose first candidate is unchanged and whose last one is changed, so that it has at least two.
    pub(crate) fn new(count: usize) -> Self {
        let mut states = vec![None; count.max(2)];
        states[0] = Some(State::Unchanged);
        states[count.max(2) - 1] = Some(State::Changed);
        Self { states }
    }

    /// Records the result of a test.
    pub(crate) fn record(&mut self, candidate: usize, state: State) {
        self.states[candidate] = Some(state);
    }

    /// The most tests that are left if none is skipped.
    pub(crate) fn tests_left(&self) -> u32 {
        let border = self.border();
        (border.first_changed - border.last_unchanged).next_power_of_two().ilog2()
    }

    /// The next candidate to test: the one in the middle. Next to candidates that could not be tested there are often
    /// more of them, so after each of those it is one far away from them.
    pub(crate) fn step(&self) -> Step {
        let border = self.border();
        let range = border.skipped();
        let skipped = self.states[range.clone()].iter().filter(|state| state.is_some()).count();
        let width = (border.first_changed - border.last_unchanged) as f64;
        let wanted = border.last_unchanged as f64 + width * fraction(skipped as u32 + 1);
        let untested = range.filter(|candidate| self.states[*candidate].is_none());
        let distance = |candidate: &usize| (*candidate as f64 - wanted).abs();
        match untested.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            Some(candidate) => Step::Test(candidate),
            None => Step::Done(border),
        }
    }

    fn border(&self) -> Border {
        let is = |wanted: State| move |state: &Option<State>| *state == Some(wanted);
        let first_changed = self.states.iter().position(is(State::Changed)).unwrap_or(self.states.len() - 1);
        let last_unchanged = self.states[..first_changed].iter().rposition(is(State::Unchanged)).unwrap_or(0);
        Border { last_unchanged, first_changed }
    }
}

/// The sequence 1/2, 1/4, 3/4, 1/8, 5/8, ... (van der Corput), whose first members are far from each other.
fn fraction(n: u32) -> f64 {
    f64::from(n.reverse_bits()) / 2_f64.powi(32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches a list in which `culprit` is the first changed one, and returns the result and what was tested.
    fn search(count: usize, culprit: usize, is_untestable: impl Fn(usize) -> bool) -> (Border, Vec<usize>) {
        let mut search = Search::new(count);
        let mut tested = Vec::new();
        loop {
            match search.step() {
                Step::Done(border) => return (border, tested),
                Step::Test(candidate) => {
                    tested.push(candidate);
                    let state = match (is_untestable(candidate), candidate >= culprit) {
                        (true, _) => State::Skipped,
                        (false, true) => State::Changed,
                        (false, false) => State::Unchanged,
                    };
                    search.record(candidate, state);
                }
            }
        }
    }

    #[test]
    fn two_candidates_need_no_test() {
        assert_eq!(search(2, 1, |_| false), (Border { last_unchanged: 0, first_changed: 1 }, Vec::new()));
        assert_eq!(Search::new(2).tests_left(), 0);
    }

    #[test]
    fn the_middle_is_tested_first_and_then_far_from_what_was_skipped() {
        let (border, tested) = search(101, 100, |candidate| candidate > 40 && candidate < 60);
        assert_eq!(tested[..4], [50, 25, 44, 81]);
        assert_eq!(border, Border { last_unchanged: 99, first_changed: 100 });
        assert!(tested.len() <= 9, "{tested:?}");
    }

    #[test]
    fn the_sequence_of_fractions_spreads() {
        assert_eq!([1, 2, 3, 4, 5].map(fraction), [0.5, 0.25, 0.75, 0.125, 0.625]);
    }

    proptest! {
        #[test]
        fn the_culprit_is_found_in_a_logarithm_of_tests(count in 2_usize..2000, at in 0.0..1.0) {
            let culprit = 1 + ((count - 1) as f64 * at) as usize;
            let most = Search::new(count).tests_left() as usize;
            let (border, tested) = search(count, culprit, |_| false);
            prop_assert_eq!(border, Border { last_unchanged: culprit - 1, first_changed: culprit });
            prop_assert!(tested.len() <= most, "{} tests of {}", tested.len(), most);
        }

        #[test]
        fn with_skipped_candidates_the_border_is_as_narrow_as_it_can_be(
            untestable in prop::collection::vec(any::<bool>(), 2..60),
            at in 0.0..1.0,
        ) {
            let count = untestable.len();
            let culprit = 1 + ((count - 1) as f64 * at) as usize;
            // The ends are known.
            let is_untestable = |candidate: usize| candidate > 0 && candidate < count - 1 && untestable[candidate];
            let (border, mut tested) = search(count, culprit, is_untestable);
            let last_unchanged = (0..culprit).rev().find(|candidate| !is_untestable(*candidate));
            let first_changed = (culprit..count).find(|candidate| !is_untestable(*candidate));
            prop_assert_eq!(Some(border.last_unchanged), last_unchanged);
            prop_assert_eq!(Some(border.first_changed), first_changed);
            prop_assert!(border.skipped().all(is_untestable));
            let tests = tested.len();
            tested.sort_unstable();
            tested.dedup();
            prop_assert_eq!(tested.len(), tests, "a candidate was tested twice");
        }
    }
}
