//! The floor test: does the run still reach the low level of the baseline as often as chance allows,
//! and how far did its minimum rise?
//!
//! Noise only ever adds memory (an arena more, an unlucky address), so that the lowest value is the
//! program's own, and one page more lifts it in every worker:
//!
//! ```text
//!             at the low level   above
//!  baseline          a             b        p: the chance of c or fewer at the low level, if the
//!  run               c             d           a + c that are there had fallen to any of the samples
//! ```
//!
//! Source: R. A. Fisher, "The design of experiments" (1935), chapter II (the exact test of a fourfold
//! table, its margins given), with the tail as in "The logic of inductive inference", Journal of the
//! Royal Statistical Society 98 (1935), pp. 39-54.
//!
//! Limits: how small `p` can get depends on how common the low level is. Of 20 against 20, seven or
//! more of the baseline must be there for `p` to be 0.005 or less when none of the run is.

use super::{
    counting::ln_choose,
    order::{ROUNDING, sorted},
};

/// What the floor test saw. Whether that is a regression is the caller's decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// The chance, 0 to 1, of so few samples of the run at the low level, or fewer.
    pub p: f64,
    /// The run's minimum less the baseline's, in the unit of the values: below 0 where it fell.
    pub rise: f64,
    /// Samples of the baseline at its low level, at least 1.
    pub baseline_at_low: usize,
    /// Samples of the run at the baseline's low level, or below.
    pub run_at_low: usize,
}

/// Compares a run with a baseline, one value per worker. `quantum` is the grain of the values (a page
/// for bytes, 1 for counts, their part per unit for a slope; 0 for none): what is within half of it
/// above the baseline's minimum is at the low level.
///
/// Asks whether the run is higher; for whether it is lower, swap the two. `None` where either has no
/// values or one that is not finite, or for a quantum that is negative or not finite.
#[must_use]
pub fn floor(baseline: &[f64], run: &[f64], quantum: f64) -> Option<Floor> {
    if !quantum.is_finite() || quantum < 0.0 {
        return None;
    }
    let (baseline, run) = (sorted(baseline)?, sorted(run)?);
    let low = baseline[0];
    let reach = (quantum / 2.0).max(ROUNDING);
    let at_low = |values: &[f64]| values.partition_point(|value| value - low <= reach);
    let (baseline_at_low, run_at_low) = (at_low(&baseline), at_low(&run));
    Some(Floor {
        p: fisher(baseline_at_low, baseline.len(), run_at_low, run.len()),
        rise: run[0] - low,
        baseline_at_low,
        run_at_low,
    })
}

/// The chance that, of `a + c` marked among `m + n`, `c` or fewer fall to the `n`.
fn fisher(a: usize, m: usize, c: usize, n: usize) -> f64 {
    let marked = a + c;
    let all = ln_choose(m + n, marked);
    let chance = |c: usize| (ln_choose(n, c) + ln_choose(m, marked - c) - all).exp();
    // Fewer than marked - m cannot fall to the n: the m have no room for the others.
    (marked.saturating_sub(m)..=c).map(chance).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-12, "{value} {expected}");
    }

    #[test]
    fn the_lady_who_tastes_tea_has_one_chance_in_seventy() {
        // Fisher 1935, chapter II: all of eight cups right, then six of them.
        close(fisher(4, 4, 0, 4), 1.0 / 70.0);
        close(fisher(3, 4, 1, 4), 17.0 / 70.0);
    }

    #[test]
    fn the_criminal_twins_have_the_published_chance() {
        // Fisher, "The logic of inductive inference": 10 of 13 monozygotic twins of convicts were
        // convicted, 2 of 17 dizygotic. The chance is 619/1330665.
        close(fisher(10, 13, 2, 17), 619.0 / 1_330_665.0);
    }

    #[test]
    fn one_page_more_in_every_worker_of_a_lattice_is_seen() {
        let baseline: Vec<f64> = (0..20).map(|i| if i < 12 { 4096.0 } else { 8192.0 }).collect();
        let run: Vec<f64> = baseline.iter().map(|value| value + 4096.0).collect();
        let floor = floor(&baseline, &run, 4096.0).expect("values");
        assert_eq!((floor.baseline_at_low, floor.run_at_low, floor.rise), (12, 0, 4096.0));
        // C(20, 12) / C(40, 12)
        close(floor.p, 125_970.0 / 5_586_853_480.0);
    }

    #[test]
    fn twenty_against_twenty_need_seven_at_the_low_level() {
        assert!(fisher(6, 20, 0, 20) > 0.005);
        close(fisher(7, 20, 0, 20), 77_520.0 / 18_643_560.0);
        assert!(fisher(7, 20, 0, 20) < 0.005);
    }

    #[test]
    fn a_run_that_goes_below_the_baseline_is_at_its_low_level() {
        let floor = floor(&[2.0, 2.0, 3.0], &[1.0, 2.0, 2.4, 2.6], 1.0).expect("values");
        assert_eq!((floor.baseline_at_low, floor.run_at_low, floor.rise), (2, 3, -1.0));
    }

    #[test]
    fn what_cannot_be_compared_has_no_floor() {
        assert_eq!(floor(&[], &[1.0], 1.0), None);
        assert_eq!(floor(&[1.0], &[], 1.0), None);
        assert_eq!(floor(&[1.0], &[f64::NAN], 1.0), None);
        assert_eq!(floor(&[1.0], &[1.0], f64::NAN), None);
        assert_eq!(floor(&[1.0], &[1.0], -1.0), None);
    }

    fn levels() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((0_i8..5).prop_map(f64::from), 1..30)
    }

    proptest! {
        #[test]
        fn p_is_a_chance(baseline in levels(), run in levels()) {
            let p = floor(&baseline, &run, 1.0).expect("values").p;
            prop_assert!((0.0..=1.0).contains(&p) && p > 0.0);
        }

        #[test]
        fn the_two_tails_share_the_table_itself(m in 1_usize..15, n in 1_usize..15, a in 0_usize..15, c in 0_usize..15) {
            let (a, c) = (a.min(m), c.min(n));
            // Few of the run at the low level is many of the baseline there.
            let itself = (ln_choose(n, c) + ln_choose(m, a) - ln_choose(m + n, a + c)).exp();
            prop_assert!((fisher(a, m, c, n) + fisher(c, n, a, m) - 1.0 - itself).abs() < 1e-12);
        }

        #[test]
        fn the_higher_the_run_the_smaller_p(baseline in levels(), run in levels(), shift in 0_i8..5) {
            let moved: Vec<f64> = run.iter().map(|value| value + f64::from(shift)).collect();
            let (here, there) = (floor(&baseline, &run, 1.0).expect("values"), floor(&baseline, &moved, 1.0).expect("values"));
            prop_assert!(there.p <= here.p + 1e-12);
            prop_assert_eq!(there.rise, here.rise + f64::from(shift));
        }

        #[test]
        fn the_order_of_the_samples_does_not_matter(baseline in levels(), run in levels()) {
            let reversed = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
            prop_assert_eq!(floor(&baseline, &run, 1.0), floor(&reversed(&baseline), &reversed(&run), 1.0));
        }

        #[test]
        fn no_value_makes_it_panic(
            baseline in prop::collection::vec(any::<f64>(), 0..6), run in prop::collection::vec(any::<f64>(), 0..6),
            quantum in any::<f64>(),
        ) {
            let _ = floor(&baseline, &run, quantum);
        }
    }
}
