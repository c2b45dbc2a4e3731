//! The upper tail probability of the normal distribution, which the standard library does not provide.
//!
//! Sources: for z below 3, the series of G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical
//! Software 11 (2004); from 3 on, Laplace's continued fraction, M. Abramowitz and I. Stegun, "Handbook of Mathematical
//! Functions" (1964), 26.2.14, truncated after 100 steps.

/// From here on the continued fraction is used.
const FRACTION_FROM: f64 = 3.0;

/// The probability that a standard normal value exceeds `z`.
pub(super) fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z >= FRACTION_FROM {
        return density / (1..=100).rev().fold(z, |below, step| z + f64::from(step) / below);
    }
    // z + z^3/3 + z^5/(3*5) + ...
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * f64::EPSILON {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_matches_the_published_table() {
        // Abramowitz and Stegun, tables 26.1 and 26.2.
        let table = [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (2.0, 0.022_750_131_948_179),
            (2.326_347_874_040_84, 0.01),
            (3.0, 0.001_349_898_031_630),
            (5.0, 2.866_515_718_791_94e-7),
        ];
        for (z, p) in table {
            assert!((upper_tail(z) / p - 1.0).abs() < 1e-11, "{z}: {}", upper_tail(z));
            assert!((upper_tail(-z) - (1.0 - p)).abs() < 1e-12);
        }
    }

    #[test]
    fn both_methods_agree_at_the_boundary() {
        assert!((upper_tail(FRACTION_FROM) / upper_tail(FRACTION_FROM - 1e-12) - 1.0).abs() < 1e-9);
        assert_eq!(upper_tail(f64::INFINITY), 0.0);
    }
}
