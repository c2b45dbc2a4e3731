//! How many pairs stand in order by chance: of two samples, in every order equally likely, the pairs
//! (one of each) in which the second's value is the higher.
//!
//! Sources: without ties, H. Mann and D. Whitney, "On a test of whether one of two random variables is
//! stochastically larger than the other", Annals of Mathematical Statistics 18 (1947), §4, equation 1:
//! the highest value of all is the second's with chance m / (n + m), and then it is above all n of the
//! first. With ties, the shift algorithm of B. Streitberg and J. Röhmel, "Exact distributions for
//! permutation and rank tests", Statistical Software Newsletter 12 (1986), a level at a time.
//!
//! Two tests stand on it: Mann-Whitney's, and Kendall's, whose pairs are those of each value with
//! all lower ones.

use super::counting::choose;

/// The chance of each number of ordered pairs, from 0 to `first * second`, where no values are equal.
pub(super) fn ordered_pairs(first: usize, second: usize) -> Vec<f64> {
    // row[n] is the distribution for n of the first and as many of the second as rows were made.
    let mut row: Vec<Vec<f64>> = vec![vec![1.0]; first + 1];
    for m in 1..=second {
        for n in 1..=first {
            let mut chances = vec![0.0; n * m + 1];
            let all = (n + m) as f64;
            for (pairs, chance) in row[n].iter().enumerate() {
                chances[pairs + n] += chance * m as f64 / all;
            }
            for (pairs, chance) in row[n - 1].iter().enumerate() {
                chances[pairs] += chance * n as f64 / all;
            }
            row[n] = chances;
        }
    }
    row.swap_remove(first)
}

/// The same where values are equal, and a tie counts as half a pair: the chance of each number of half
/// pairs, from 0 on. `counts` are the values at each level, from the lowest; `second` of them all are
/// the second sample's.
///
/// `ways[k][h]` are the ways in which `k` of the values so far can be the second's with `h` half pairs
/// so far. A level of `count` values gives it `j` of them in C(count, j) ways, and each of those `j` is
/// above the first's values so far, and level with the first's `count - j`. Ways are only ever added:
/// exact to some 14 digits.
pub(super) fn tied_pairs(counts: &[usize], second: usize) -> Vec<f64> {
    let all: usize = counts.iter().sum();
    let most = 2 * second * (all - second);
    let mut ways = vec![vec![0.0; most + 1]; second + 1];
    ways[0][0] = 1.0;
    let mut so_far = 0;
    for &count in counts {
        // From the top, so that no value of this level is added to one of the same level.
        for k in (0..=second.min(so_far + count)).rev() {
            let mut into = vec![0.0; most + 1];
            // Of the k, j are on this level; the others were chosen among those so far.
            for j in k.saturating_sub(so_far)..=k.min(count) {
                let first = so_far + j - k;
                let step = j * (2 * first + count - j);
                let choices = choose(count, j);
                for (from, to) in ways[k - j].iter().zip(into.iter_mut().skip(step)) {
                    *to += choices * from;
                }
            }
            ways[k] = into;
        }
        so_far += count;
    }
    let total = choose(all, second);
    ways.swap_remove(second).into_iter().map(|ways| ways / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_against_four_have_the_published_distribution() {
        // Mann and Whitney 1947, table I, n = 4, m = 4: the chance of at most 0, 1, ... 8 pairs.
        let table = [0.014, 0.029, 0.057, 0.100, 0.171, 0.243, 0.343, 0.443, 0.557];
        let mut sum = 0.0;
        for (published, chance) in table.iter().zip(ordered_pairs(4, 4)) {
            sum += chance;
            assert!((sum - published).abs() < 0.0005 + 1e-9, "{sum} {published}");
        }
    }

    #[test]
    fn one_against_many_is_anywhere_among_them() {
        let uniform = ordered_pairs(3, 1);
        assert!(uniform.iter().all(|chance| (chance - 0.25).abs() < 1e-15) && uniform.len() == 4, "{uniform:?}");
        assert_eq!(ordered_pairs(0, 5), [1.0]);
        assert_eq!(ordered_pairs(5, 0), [1.0]);
    }

    #[test]
    fn ties_count_by_halves() {
        // Of 1, 2, 2 one is the second's: the 1 is below both; a 2 is above the 1, level with the other.
        assert_eq!(tied_pairs(&[1, 2], 1), [1.0 / 3.0, 0.0, 0.0, 2.0 / 3.0, 0.0]);
        assert_eq!(tied_pairs(&[3], 1), [0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    proptest::proptest! {
        #[test]
        fn chances_with_ties_sum_to_one_and_have_the_mean_of_half_the_pairs(
            counts in proptest::collection::vec(1_usize..6, 1..8), second in 0_usize..8,
        ) {
            let all: usize = counts.iter().sum();
            let second = second.min(all);
            let chances = tied_pairs(&counts, second);
            proptest::prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let mean: f64 = chances.iter().enumerate().map(|(halves, chance)| halves as f64 * chance).sum();
            proptest::prop_assert!((mean - (second * (all - second)) as f64).abs() < 1e-9);
        }

        #[test]
        fn chances_sum_to_one_and_are_symmetric(n in 0_usize..25, m in 0_usize..25) {
            let chances = ordered_pairs(n, m);
            proptest::prop_assert_eq!(chances.len(), n * m + 1);
            proptest::prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (low, high) in chances.iter().zip(chances.iter().rev()) {
                proptest::prop_assert!((low - high).abs() < 1e-14);
            }
            for (here, swapped) in chances.iter().zip(ordered_pairs(m, n)) {
                proptest::prop_assert!((here - swapped).abs() < 1e-14);
            }
        }
    }
}
