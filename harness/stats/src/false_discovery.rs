//! Control of the false-discovery rate: of many tests that are judged together, which are significant.
//!
//! Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society
//! B 57 (1995), procedure 1. Among the tests whose adjusted p-value is at most q, the expected share without an effect
//! is at most q, if the tests are independent or positively dependent (Y. Benjamini and D. Yekutieli, Annals of
//! Statistics 29, 2001).

/// The adjusted p-value of each test, in the order of the tests: the lowest rate at which it would be a discovery.
#[must_use]
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut lowest: f64 = 1.0;
    for (rank, index) in order.iter().enumerate().rev() {
        lowest = lowest.min(p_values[*index] * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[*index] = lowest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_example_has_four_discoveries() {
        // Benjamini and Hochberg 1995, §3.2: 15 comparisons in a study of myocardial infarction.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0000,
        ];
        let adjusted = benjamini_hochberg(&p);
        assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), 4);
        // scipy.stats.false_discovery_control of scipy 1.16.3.
        let scipy = [0.0015, 0.003, 0.0095, 0.035625, 0.0603];
        for (adjusted, scipy) in adjusted.iter().zip(scipy) {
            assert!((adjusted - scipy).abs() < 1e-12, "{adjusted} {scipy}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_kept_and_nothing_becomes_more_significant(p in prop::collection::vec(0.0_f64..=1.0, 0..60)) {
            let adjusted = benjamini_hochberg(&p);
            for (i, a) in p.iter().enumerate() {
                prop_assert!(adjusted[i] >= *a - 1e-15 && adjusted[i] <= 1.0);
                for (j, b) in p.iter().enumerate() {
                    prop_assert!(a > b || adjusted[i] <= adjusted[j]);
                }
            }
        }

        /// The definition: the largest rank k with p(k) <= k / m * q, and all tests up to it.
        #[test]
        fn discoveries_match_the_procedure(p in prop::collection::vec(0.0_f64..=0.2, 1..40), q in 0.01_f64..0.2) {
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let limit = |rank: usize| q * rank as f64 / p.len() as f64;
            let discoveries = (1..=p.len()).rev().find(|rank| sorted[rank - 1] <= limit(*rank)).unwrap_or(0);
            let found = benjamini_hochberg(&p).iter().filter(|p| **p <= q).count();
            // A p-value at the limit may round to either side.
            prop_assert!(found == discoveries || (1..=p.len()).any(|rank| (sorted[rank - 1] - limit(rank)).abs() < 1e-12));
        }
    }
}
