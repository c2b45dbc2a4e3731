//! The Pareto set of choices with two costs: those that no other choice betters.
//!
//! Source: V. Pareto, "Manuale di economia politica" (1906), by way of H. T. Kung, F. Luccio and
//! F. P. Preparata, "On finding the maxima of a set of vectors", JACM 22 (1975).

/// For each pair of costs, whether it is in the Pareto set: no other costs less in one and no more in
/// the other. Equal pairs are both in it or both out. A pair that is not finite never is.
#[must_use]
pub fn pareto(costs: &[(f64, f64)]) -> Vec<bool> {
    let is_finite = |(a, b): (f64, f64)| a.is_finite() && b.is_finite();
    let betters = |(a, b): (f64, f64), (x, y): (f64, f64)| a <= x && b <= y && (a < x || b < y);
    costs
        .iter()
        .map(|&cost| is_finite(cost) && !costs.iter().any(|&other| is_finite(other) && betters(other, cost)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_betters_in_one_cost_and_equals_in_the_other_is_out() {
        let costs = [(1.0, 5.0), (2.0, 4.0), (2.0, 5.0), (3.0, 1.0), (4.0, 4.0), (f64::NAN, 0.0)];
        assert_eq!(pareto(&costs), [true, true, false, true, false, false]);
    }

    #[test]
    fn equal_choices_are_in_it_together() {
        assert_eq!(pareto(&[(1.0, 1.0), (1.0, 1.0)]), [true, true]);
        assert!(pareto(&[]).is_empty());
    }
}
