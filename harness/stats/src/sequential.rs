//! A group-sequential plan: trials are drawn in groups, and a test is made after each group, until one is significant
//! or the largest number is reached. Testing repeatedly at one level would inflate the error rate, so each test has a
//! share of it: the probability that any of them is significant without an effect is at most the sum of the shares,
//! whatever the dependence between them (Bonferroni).
//!
//! The share of a group is proportional to its number of trials, the linear spending function of K. Kim and D. DeMets,
//! "Design and analysis of group sequential tests based on the type I error spending rate function", Biometrika 74
//! (1987).

/// The numbers of trials after which a test is made, in ascending order, and the error rate of all tests together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequentialPlan {
    looks: &'static [usize],
    alpha: f64,
}

impl SequentialPlan {
    /// A plan with a test after each of these numbers of trials. `alpha` is the error rate of all of them together.
    #[must_use]
    pub const fn new(looks: &'static [usize], alpha: f64) -> Self {
        Self { looks, alpha }
    }

    /// The largest number of trials.
    #[must_use]
    pub fn max(&self) -> usize {
        self.looks.last().copied().unwrap_or(0)
    }

    /// The numbers of trials after which a test is made.
    #[must_use]
    pub fn looks(&self) -> &'static [usize] {
        self.looks
    }

    /// The level of the test after `trials` trials. If drawing stopped between two looks, it has the share of the
    /// later one, which is then not made. Trials beyond the last look have the share of that look.
    #[must_use]
    pub fn level(&self, trials: usize) -> f64 {
        let index = self.looks.iter().position(|look| *look >= trials).unwrap_or(self.looks.len().saturating_sub(1));
        let Some(look) = self.looks.get(index) else { return 0.0 };
        let before = index.checked_sub(1).map_or(0, |index| self.looks[index]);
        self.alpha * (look - before) as f64 / self.max() as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use fastrand::Rng;

    use crate::{Events, fisher_exact};

    const PLAN: SequentialPlan = SequentialPlan::new(&[5, 10, 20, 40, 60], 0.005);

    /// The share of `runs` sequences that reach significance, and the mean number of trials. A trial has an event with
    /// the rate that `rate` draws; the reference has `reference` trials with events at `base`.
    fn simulate(runs: usize, reference: usize, base: f64, rate: f64, seed: u64) -> (f64, f64) {
        let mut random = Rng::with_seed(seed);
        let (mut found, mut drawn) = (0, 0);
        for _ in 0..runs {
            let draw = |random: &mut Rng, rate: f64, of: usize| (0..of).filter(|_| random.f64() < rate).count();
            let known = Events { events: draw(&mut random, base, reference), of: reference };
            let mut sample = Events::default();
            for look in PLAN.looks() {
                sample.events += draw(&mut random, rate, look - sample.of);
                sample.of = *look;
                if fisher_exact(sample, known) <= PLAN.level(*look) {
                    found += 1;
                    break;
                }
            }
            drawn += sample.of;
        }
        (found as f64 / runs as f64, drawn as f64 / runs as f64)
    }

    /// 5,000 sequences for each rate and size of the reference: at a true rate of 0.5 %, more than 41 significant ones
    /// have a probability below 0.1 %.
    #[test]
    fn the_error_rate_of_the_whole_sequence_is_at_most_alpha() {
        for reference in [5, 10, 20, 60] {
            for rate in [0.02, 0.1, 0.2, 0.5, 0.9] {
                let (found, _) = simulate(5000, reference, rate, rate, 7);
                assert!(found <= 41.0 / 5000.0, "{found} of the sequences, {reference} trials at {rate}");
            }
        }
    }

    /// The rate of a sample whose reference had no event is found from about 1 in 3 against 20 trials.
    #[test]
    fn the_power_grows_with_the_rate_and_the_reference() {
        for (reference, rate, at_least, at_most) in [
            (5, 1.0, 1.0, 1.0),
            (5, 0.5, 0.0, 0.05),
            (20, 1.0, 1.0, 1.0),
            (20, 0.5, 0.99, 1.0),
            (20, 1.0 / 3.0, 0.6, 0.85),
            (20, 0.1, 0.0, 0.02),
            (100, 0.1, 0.4, 0.8),
        ] {
            let (power, _) = simulate(1000, reference, 0.0, rate, 11);
            assert!((at_least..=at_most).contains(&power), "{power} against {reference} trials at {rate}");
        }
    }

    #[test]
    fn a_frequent_event_takes_few_trials() {
        let (_, drawn) = simulate(1000, 20, 0.0, 1.0, 3);
        assert_eq!(drawn, 5.0, "five of five against none of twenty: 1 in 53,130");
    }

    proptest! {
        #[test]
        fn the_levels_of_all_looks_sum_to_alpha(trials in 0_usize..80) {
            let sum: f64 = PLAN.looks().iter().map(|look| PLAN.level(*look)).sum();
            prop_assert!((sum - 0.005).abs() < 1e-15);
            prop_assert!((0.0..=0.005).contains(&PLAN.level(trials)));
        }
    }
}
