//! Fisher's exact test of two proportions, one-sided: whether events are more frequent in one sample than in another.
//!
//! Source: R. Fisher, "The logic of inductive inference", Journal of the Royal Statistical Society 98 (1935). If both
//! samples have the same rate and the total number of events is given, the number of events in one of them has a
//! hypergeometric distribution, whatever the rate.

use super::combinatorics::ln_choose;

/// Events in a number of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The trials with an event.
    pub events: usize,
    /// All trials.
    pub of: usize,
}

/// The probability of at least as many events in `sample` if it and `reference` have the same rate. 1 without trials.
///
/// With no events in `reference`, this is the probability that the `events` highest values of all belong to `sample`
/// (S. Rosenbaum, "Tables for a nonparametric test of location", Annals of Mathematical Statistics 25, 1954).
#[must_use]
pub fn fisher_exact(sample: Events, reference: Events) -> f64 {
    let all = sample.of + reference.of;
    let events = sample.events.min(sample.of) + reference.events.min(reference.of);
    let ln_all = ln_choose(all, events);
    let probability =
        |here: usize| (ln_choose(sample.of, here) + ln_choose(reference.of, events - here) - ln_all).exp();
    let most = events.min(sample.of);
    (sample.events.min(sample.of)..=most).map(probability).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn test(sample: (usize, usize), reference: (usize, usize)) -> f64 {
        let of = |(events, of)| Events { events, of };
        fisher_exact(of(sample), of(reference))
    }

    #[test]
    fn the_lady_tasting_tea_matches_the_published_values() {
        // R. Fisher, "The design of experiments" (1935), chapter II: 1 and 17 of 70 orders.
        assert!((test((4, 4), (0, 4)) - 1.0 / 70.0).abs() < 1e-12);
        assert!((test((3, 4), (1, 4)) - 17.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn hand_calculations_are_matched() {
        // C(7, 3) of C(23, 3), 1 of C(10, 5), and C(20, 7) of C(40, 7).
        assert!((test((3, 3), (4, 20)) - 35.0 / 1771.0).abs() < 1e-12);
        assert!((test((5, 5), (0, 5)) - 1.0 / 252.0).abs() < 1e-12);
        assert!((test((7, 20), (0, 20)) - 77_520.0 / 18_643_560.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_significant_without_trials_or_events() {
        for (sample, reference) in [((0, 0), (0, 0)), ((0, 0), (3, 5)), ((0, 20), (0, 20)), ((0, 20), (9, 20))] {
            assert!((test(sample, reference) - 1.0).abs() < 1e-9, "{sample:?} {reference:?}");
        }
        assert!((test((3, 3), (0, 0)) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn more_events_are_less_probable(of in 1_usize..60, other in 1_usize..60, events in 0_usize..60, k in 0_usize..60) {
            let (events, k) = (events.min(other), k.min(of - 1));
            let (fewer, more) = (test((k, of), (events, other)), test((k + 1, of), (events, other)));
            prop_assert!((0.0..=1.0).contains(&fewer) && more <= fewer + 1e-12, "{fewer} {more}");
        }

        /// The plain sum over all ways to distribute the events.
        #[test]
        fn the_tails_of_both_samples_overlap_in_one_outcome(of in 1_usize..20, other in 1_usize..20, k in 0_usize..20, l in 0_usize..20) {
            let (k, l) = (k.min(of), l.min(other));
            let (here, there) = (test((k, of), (l, other)), test((l, other), (k, of)));
            let ln = ln_choose(of, k) + ln_choose(other, l) - ln_choose(of + other, k + l);
            prop_assert!((here + there - 1.0 - ln.exp()).abs() < 1e-9);
        }
    }
}
