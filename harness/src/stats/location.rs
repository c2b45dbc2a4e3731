//! The location test: is the run higher as a whole than the baseline, by more than the luck of which
//! worker fell to which side?
//!
//! Mann and Whitney's U: the pairs of one worker of each side in which the run's is the higher, a tie
//! counting one half. `p` is the chance of that U or more if all ways of parting the pooled values
//! into two sides of these sizes were equally likely. That is exact whatever the distribution, ties
//! included, because the values are taken as given (a permutation test):
//!
//! | samples in all | ties | how | error of p |
//! |---|---|---|---|
//! | up to [`MOST_EXACT`] | none | the recurrence of Mann and Whitney | rounding |
//! | up to [`MOST_EXACT`] | some | every parting counted, level by level | rounding |
//! | more | any | [`PERMUTATIONS`] random partings from a seed | 0.0007 (one sigma) at p = 0.005 |
//!
//! Sources: H. Mann and D. Whitney, "On a test of whether one of two random variables is
//! stochastically larger than the other" (1947); for ties, E. Lehmann, "Nonparametrics" (1975), §1.4
//! (the distribution given the ties); how both are counted is told in `pairs.rs`; random partings, B.
//! Phipson and G. Smyth, "Permutation p-values should never be zero" (2010): p = (b + 1) / (m + 1).
//!
//! Limits: it assumes that workers are independent, and knows of no size of effect: with many samples
//! a small shift is significant, so that the caller asks for a least shift too. With n samples on
//! each side p is at least 1 / C(2n, n): 0.004 for five.

use super::{
    order::{Levels, median},
    pairs::{ordered_pairs, tied_pairs},
    random::Random,
};

/// Samples of both sides together up to which `p` is exact; the count takes 4 to 6 ms there.
pub const MOST_EXACT: usize = 100;
/// Random partings beyond that.
const PERMUTATIONS: usize = 9_999;

/// What the location test saw. Whether that is a regression is the caller's decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// The chance, above 0 and up to 1, of a run as high as this or higher.
    pub p: f64,
    /// The run's median less the baseline's, in the unit of the values.
    pub shift: f64,
    /// How `p` was found.
    pub method: Method,
}

/// How a chance was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// All possibilities were counted.
    Exact,
    /// So many were drawn.
    Drawn(usize),
}

/// Compares a run with a baseline, one value per worker. The seed matters beyond [`MOST_EXACT`]
/// samples only. Values within [`super::ROUNDING`] are tied.
///
/// Asks whether the run is higher; for whether it is lower, swap the two. `None` where either has no
/// values, or one that is not finite.
#[must_use]
pub fn location(baseline: &[f64], run: &[f64], seed: u64) -> Option<Location> {
    let shift = median(run)? - median(baseline)?;
    let levels = Levels::of(&[baseline, run].concat())?;
    let mut of_run = vec![0; levels.counts().len()];
    for value in run {
        of_run[levels.index(*value)] += 1;
    }
    let observed = twice_u(levels.counts(), &of_run);
    let (method, p) = if baseline.len() + run.len() > MOST_EXACT {
        (Method::Drawn(PERMUTATIONS), drawn(levels.counts(), run.len(), observed, seed))
    } else if levels.counts().iter().all(|count| *count == 1) {
        // Without ties U is whole, hence half of what was counted.
        (Method::Exact, ordered_pairs(baseline.len(), run.len())[observed / 2..].iter().sum())
    } else {
        (Method::Exact, tied_pairs(levels.counts(), run.len())[observed..].iter().sum())
    };
    // Rounding may carry a sum past 1.
    Some(Location { p: f64::min(p, 1.0), shift, method })
}

/// Twice U, to be whole in spite of ties: of the samples at each level, `of_run` are the run's.
fn twice_u(counts: &[usize], of_run: &[usize]) -> usize {
    let mut below = 0;
    let mut twice = 0;
    for (count, run) in counts.iter().zip(of_run) {
        let baseline = count - run;
        twice += run * (2 * below + baseline);
        below += baseline;
    }
    twice
}

/// The chance of `observed` or more by drawing partings; the real one counts as drawn, so that the
/// chance is never 0 and the test never too bold.
fn drawn(counts: &[usize], run: usize, observed: usize, seed: u64) -> f64 {
    let mut levels: Vec<usize> =
        counts.iter().enumerate().flat_map(|(level, count)| std::iter::repeat_n(level, *count)).collect();
    let mut random = Random::seeded(seed);
    let mut of_run = vec![0; counts.len()];
    let mut reached = 1;
    for _ in 0..PERMUTATIONS {
        random.choose(&mut levels, run);
        of_run.fill(0);
        for level in &levels[..run] {
            of_run[*level] += 1;
        }
        reached += usize::from(twice_u(counts, &of_run) >= observed);
    }
    reached as f64 / (PERMUTATIONS + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::floor;
    use proptest::prelude::*;

    fn p(baseline: &[f64], run: &[f64]) -> f64 {
        location(baseline, run, 1).expect("values").p
    }

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }

    /// By hand: every choice of the run's samples, U by its definition.
    fn enumerated(baseline: &[f64], run: &[f64]) -> f64 {
        let pool = [baseline, run].concat();
        let twice_u = |chosen: u32| {
            let is_run = |i: usize| chosen >> i & 1 == 1;
            let pairs = (0..pool.len()).flat_map(|i| (0..pool.len()).map(move |j| (i, j)));
            pairs
                .filter(|(i, j)| is_run(*i) && !is_run(*j))
                .fold(0, |twice, (i, j)| twice + i32::from(pool[i] >= pool[j]) + i32::from(pool[i] > pool[j]))
        };
        let real = ((1_u32 << run.len()) - 1) << baseline.len();
        let partings: Vec<u32> =
            (0..1_u32 << pool.len()).filter(|chosen| chosen.count_ones() as usize == run.len()).collect();
        let reached = partings.iter().filter(|chosen| twice_u(**chosen) >= twice_u(real)).count();
        reached as f64 / partings.len() as f64
    }

    #[test]
    fn three_against_four_have_the_chance_of_the_textbook() {
        // S. Siegel, "Nonparametric statistics for the behavioral sciences" (1956), p. 117 and table J:
        // U = 3 with n1 = 3, n2 = 4 has p = 0.200; by hand 1 + 1 + 2 + 3 of C(7, 3) = 35 partings.
        close(p(&[6.0, 8.0, 10.0, 13.0], &[9.0, 11.0, 15.0]), 7.0 / 35.0);
    }

    #[test]
    fn the_permeability_of_membranes_has_the_published_chance() {
        // M. Hollander and D. Wolfe, "Nonparametric statistical methods" (1973), p. 69; R's manual of
        // wilcox.test gives W = 35, p = 0.1272 for the same data. By hand 382 of C(15, 5) = 3003.
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let earlier = [1.15, 0.88, 0.90, 0.74, 1.21];
        close(p(&earlier, &at_term), 382.0 / 3003.0);
    }

    #[test]
    fn a_tie_across_the_sides_is_counted_by_hand() {
        // Two of the three 2s fall to the run, or all: (3 * 3 + 1) of C(6, 3) = 20 partings.
        close(p(&[1.0, 1.0, 2.0], &[1.0, 2.0, 2.0]), 0.5);
        // The pool is 1, 2, 2, 3: of its six partings only {2, 3} (twice) reach U = 3.5.
        close(p(&[1.0, 2.0], &[2.0, 3.0]), 2.0 / 6.0);
    }

    #[test]
    fn twenty_against_twenty_on_six_levels_agree_with_whole_numbers() {
        // Counted apart from this code, in Python's whole numbers, by sums of doubled midranks.
        let baseline: Vec<f64> = (0..20).map(|i| f64::from(i % 5)).collect();
        let run: Vec<f64> = (0..20).map(|i| f64::from(i % 5) + f64::from(u8::from(i % 3 == 0))).collect();
        close(p(&baseline, &run), 34_641_324_382.0 / 137_846_528_820.0);
    }

    #[test]
    fn equal_values_are_no_evidence() {
        close(p(&[5.0; 7], &[5.0; 4]), 1.0);
        close(p(&[5.0; 70], &[5.0; 40]), 1.0);
    }

    #[test]
    fn the_shift_is_that_of_the_medians() {
        let location = location(&[1.0, 2.0, 30.0], &[4.0, 6.0], 1).expect("values");
        assert_eq!((location.shift, location.method), (3.0, Method::Exact));
    }

    #[test]
    fn the_largest_exact_count_is_still_exact() {
        // Without ties both ways of counting must agree.
        let values: Vec<f64> = (0..MOST_EXACT).map(|i| (i * 37 % MOST_EXACT) as f64).collect();
        let (baseline, run) = values.split_at(MOST_EXACT / 2);
        let of_run: Vec<usize> = (0..MOST_EXACT).map(|i| usize::from(run.contains(&(i as f64)))).collect();
        let counts = vec![1; MOST_EXACT];
        let tied = tied_pairs(&counts, run.len());
        close(tied[twice_u(&counts, &of_run)..].iter().sum(), p(baseline, run));
    }

    #[test]
    fn drawing_comes_near_to_counting() {
        let baseline: Vec<f64> = (0..60).map(|i| f64::from(i % 7)).collect();
        let run: Vec<f64> = (0..60).map(|i| f64::from(i % 7) + f64::from(i % 2)).collect();
        let found = location(&baseline, &run, 3).expect("values");
        let levels = Levels::of(&[&baseline[..], &run].concat()).expect("values");
        let mut of_run = vec![0; levels.counts().len()];
        run.iter().for_each(|value| of_run[levels.index(*value)] += 1);
        let exact: f64 = tied_pairs(levels.counts(), 60)[twice_u(levels.counts(), &of_run)..].iter().sum();
        assert_eq!(found.method, Method::Drawn(PERMUTATIONS));
        let sigma = (exact * (1.0 - exact) / PERMUTATIONS as f64).sqrt();
        assert!((found.p - exact).abs() < 4.0 * sigma, "{} {exact}", found.p);
        assert_eq!(location(&baseline, &run, 3), location(&baseline, &run, 3));
    }

    #[test]
    fn what_cannot_be_compared_has_no_location() {
        assert_eq!(location(&[], &[1.0], 1), None);
        assert_eq!(location(&[1.0], &[], 1), None);
        assert_eq!(location(&[f64::NAN], &[1.0], 1), None);
        assert_eq!(location(&[1.0], &[f64::INFINITY], 1), None);
    }

    fn few() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((0_i8..5).prop_map(f64::from), 1..7)
    }

    fn some() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((0_i8..30).prop_map(f64::from), 1..25)
    }

    proptest! {
        #[test]
        fn counting_agrees_with_enumeration(baseline in few(), run in few()) {
            prop_assert!((p(&baseline, &run) - enumerated(&baseline, &run)).abs() < 1e-12);
        }

        #[test]
        fn the_recurrence_agrees_with_enumeration(
            values in Just((0..12).map(f64::from).collect::<Vec<f64>>()).prop_shuffle(), n in 1_usize..12,
        ) {
            let (baseline, run) = values.split_at(n);
            prop_assert!((p(baseline, run) - enumerated(baseline, run)).abs() < 1e-12);
        }

        #[test]
        fn on_two_values_it_is_fishers_test(m in 1_usize..30, n in 1_usize..30, a in 1_usize..30, c in 0_usize..30) {
            let side = |size: usize, low: usize| (0..size).map(|i| f64::from(u8::from(i >= low))).collect::<Vec<f64>>();
            let (baseline, run) = (side(m, a.min(m)), side(n, c.min(n)));
            let fisher = floor(&baseline, &run, 1.0).expect("values").p;
            prop_assert!((p(&baseline, &run) - fisher).abs() < 1e-10);
        }

        #[test]
        fn p_is_a_chance_and_looking_the_other_way_is_symmetric(baseline in some(), run in some()) {
            let negated = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<f64>>();
            let (here, there) = (p(&baseline, &run), p(&negated(&run), &negated(&baseline)));
            prop_assert!(here > 0.0 && here <= 1.0);
            prop_assert!((here - there).abs() < 1e-12);
            // Both tails hold U itself.
            prop_assert!(here + p(&run, &baseline) >= 1.0 - 1e-12);
        }

        #[test]
        fn the_higher_the_run_the_smaller_p(baseline in some(), run in some(), shift in 0_i8..9) {
            let moved: Vec<f64> = run.iter().map(|value| value + f64::from(shift)).collect();
            prop_assert!(p(&baseline, &moved) <= p(&baseline, &run) + 1e-12);
        }

        #[test]
        fn the_order_of_the_samples_does_not_matter(
            baseline in prop::collection::vec(0_i8..50, 55..60), run in prop::collection::vec(0_i8..50, 40..60), seed: u64,
        ) {
            let side = |values: &[i8]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
            let reversed = |values: &[i8]| values.iter().rev().map(|value| f64::from(*value)).collect::<Vec<f64>>();
            prop_assert_eq!(
                location(&side(&baseline), &side(&run), seed), location(&reversed(&baseline), &reversed(&run), seed)
            );
        }

        #[test]
        fn no_value_makes_it_panic(
            baseline in prop::collection::vec(any::<f64>(), 0..6), run in prop::collection::vec(any::<f64>(), 0..6),
        ) {
            let _ = location(&baseline, &run, 1);
        }
    }
}
