//! How many pairs stand in order by chance: of two samples, in every order equally likely, the pairs
//! (one of each) in which the second's value is the higher. Kendall's test stands on it, whose pairs are
//! those of each value with all lower ones.
//!
//! Source: H. Mann and D. Whitney, "On a test of whether one of two random variables is stochastically
//! larger than the other", Annals of Mathematical Statistics 18 (1947), §4, equation 1: the highest value
//! of all is the second's with chance m / (n + m), and then it is above all n of the first.

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

    proptest::proptest! {
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
