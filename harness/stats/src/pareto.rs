//! The Pareto set of choices with several costs: those that no other choice dominates.
//!
//! Source: V. Pareto, "Manuale di economia politica" (1906), as formulated by H. T. Kung, F. Luccio and F. P.
//! Preparata, "On finding the maxima of a set of vectors", JACM 22 (1975).

/// For each choice, whether it is in the Pareto set: no other choice is lower in one cost and not higher in any. Equal
/// choices do not dominate each other. A choice with a cost that is not finite is never in the set.
#[must_use]
pub fn pareto<const COSTS: usize>(choices: &[[f64; COSTS]]) -> Vec<bool> {
    let is_finite = |costs: &[f64; COSTS]| costs.iter().all(|cost| cost.is_finite());
    let dominates = |a: &[f64; COSTS], b: &[f64; COSTS]| a != b && a.iter().zip(b).all(|(a, b)| a <= b);
    let is_dominated = |costs| choices.iter().any(|other| is_finite(other) && dominates(other, costs));
    choices.iter().map(|costs| is_finite(costs) && !is_dominated(costs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dominated_choice_is_excluded() {
        let costs = [[1.0, 5.0], [2.0, 4.0], [2.0, 5.0], [3.0, 1.0], [4.0, 4.0], [f64::NAN, 0.0]];
        assert_eq!(pareto(&costs), [true, true, false, true, false, false]);
    }

    #[test]
    fn one_better_cost_of_three_is_enough() {
        let costs = [[1.0, 1.0, 3.0], [2.0, 2.0, 2.0], [2.0, 2.0, 3.0]];
        assert_eq!(pareto(&costs), [true, true, false]);
    }

    #[test]
    fn equal_choices_are_both_included() {
        assert_eq!(pareto(&[[1.0, 1.0], [1.0, 1.0]]), [true, true]);
        assert!(pareto::<2>(&[]).is_empty());
    }
}
