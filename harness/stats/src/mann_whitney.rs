//! The null distribution of the Mann-Whitney U statistic: the number of pairs of one value from each of two samples in
//! which the second sample's value is higher, if every ordering is equally likely. The Mann-Kendall test uses it to
//! build its exact distribution.
//!
//! Source: H. Mann and D. Whitney, "On a test of whether one of two random variables is stochastically larger than the
//! other", Annals of Mathematical Statistics 18 (1947), §4, equation 1: the highest of all values belongs to the second
//! sample with probability m / (n + m), and then exceeds all n values of the first.

/// The probability of each value of U, from 0 to `first * second`, for samples of these sizes without ties.
pub(super) fn mann_whitney_distribution(first: usize, second: usize) -> Vec<f64> {
    // row[n] is the distribution for the sizes n and m, after iteration m.
    let mut row: Vec<Vec<f64>> = vec![vec![1.0]; first + 1];
    for m in 1..=second {
        for n in 1..=first {
            let mut probabilities = vec![0.0; n * m + 1];
            let all = (n + m) as f64;
            for (u, probability) in row[n].iter().enumerate() {
                probabilities[u + n] += probability * m as f64 / all;
            }
            for (u, probability) in row[n - 1].iter().enumerate() {
                probabilities[u] += probability * n as f64 / all;
            }
            row[n] = probabilities;
        }
    }
    row.swap_remove(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_against_four_match_the_published_distribution() {
        // Mann and Whitney 1947, table I, n = 4, m = 4: the probability of U at most 0, 1, ... 8.
        let table = [0.014, 0.029, 0.057, 0.100, 0.171, 0.243, 0.343, 0.443, 0.557];
        let mut sum = 0.0;
        for (published, probability) in table.iter().zip(mann_whitney_distribution(4, 4)) {
            sum += probability;
            assert!((sum - published).abs() < 0.0005 + 1e-9, "{sum} {published}");
        }
    }

    #[test]
    fn one_against_many_is_uniform() {
        let uniform = mann_whitney_distribution(3, 1);
        assert!(
            uniform.iter().all(|probability| (probability - 0.25).abs() < 1e-15) && uniform.len() == 4,
            "{uniform:?}"
        );
        assert_eq!(mann_whitney_distribution(0, 5), [1.0]);
        assert_eq!(mann_whitney_distribution(5, 0), [1.0]);
    }

    proptest::proptest! {
        #[test]
        fn the_distribution_sums_to_one_and_is_symmetric(n in 0_usize..25, m in 0_usize..25) {
            let probabilities = mann_whitney_distribution(n, m);
            proptest::prop_assert_eq!(probabilities.len(), n * m + 1);
            proptest::prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (low, high) in probabilities.iter().zip(probabilities.iter().rev()) {
                proptest::prop_assert!((low - high).abs() < 1e-14);
            }
            for (here, swapped) in probabilities.iter().zip(mann_whitney_distribution(m, n)) {
                proptest::prop_assert!((here - swapped).abs() < 1e-14);
            }
        }
    }
}
