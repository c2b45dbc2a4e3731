//! The Pareto set of choices with two costs: those that no other choice dominates.
//!
//! Source: V. Pareto, "Manuale di economia politica" (1906), as formulated by H. T. Kung, F. Luccio and F. P.
//! Preparata, "On finding the maxima of a set of vectors", JACM 22 (1975).

/// For each pair of costs, whether it is in the Pareto set: no other pair is lower in one cost and not higher in the
/// other. Equal pairs do not dominate each other. A pair that is not finite is never in the set.
#[must_use]
pub fn pareto(costs: &[(f64, f64)]) -> Vec<bool> {
    let is_finite = |(a, b): (f64, f64)| a.is_finite() && b.is_finite();
    let dominates = |(a, b): (f64, f64), (x, y): (f64, f64)| a <= x && b <= y && (a < x || b < y);
    costs
        .iter()
        .map(|&cost| is_finite(cost) && !costs.iter().any(|&other| is_finite(other) && dominates(other, cost)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dominated_choice_is_excluded() {
        let costs = [(1.0, 5.0), (2.0, 4.0), (2.0, 5.0), (3.0, 1.0), (4.0, 4.0), (f64::NAN, 0.0)];
        assert_eq!(pareto(&costs), [true, true, false, true, false, false]);
    }

    #[test]
    fn equal_choices_are_both_included() {
        assert_eq!(pareto(&[(1.0, 1.0), (1.0, 1.0)]), [true, true]);
        assert!(pareto(&[]).is_empty());
    }
}
